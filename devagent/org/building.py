"""A bundle is built: the content of a folder becomes an archive, the same bytes everywhere."""

import os
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import sha256
from devagent.core.errors import ConfigError
from devagent.org import archive, equipment, principals
from devagent.org import manifest as manifests
from devagent.org.manifest import Manifest

BUNDLED = ("policy/", "tests/", equipment.RECIPES, equipment.DOCUMENTS, equipment.SERVERS)
BUNDLED_FILES = (*equipment.FILES, principals.FILE, "README.md")


class Built(Struct, frozen=True):
    """An archive, and what is in it."""

    data: bytes
    files: dict[str, bytes]
    manifest: Manifest

    @property
    def digest(self) -> str:
        return sha256(self.data)

    @property
    def name(self) -> str:
        return f"{self.manifest.org}-{self.manifest.revision}.tar.gz"


def content_of(folder: str) -> dict[str, bytes]:
    """The files of a content folder. Raises ConfigError for what a bundle does not hold."""
    files: dict[str, bytes] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            full = os.path.join(place, name)
            path = os.path.relpath(full, folder).replace(os.sep, "/")
            if not path.startswith(BUNDLED) and path not in BUNDLED_FILES:
                raise ConfigError(
                    "a bundle has no place for this file",
                    file=full,
                    hint=f"There are {', '.join((*BUNDLED, *BUNDLED_FILES))}.",
                )
            if os.path.islink(full) or not os.path.isfile(full):
                raise ConfigError("is no regular file", file=full)
            with open(full, "rb") as file:
                files[path] = file.read()
    return files


def build(files: Mapping[str, bytes], described: Manifest) -> Built:
    """The archive: the same bytes for the same files and manifest, on every machine. Raises Refused, ConfigError."""
    whole = replace(described, files={path: sha256(data) for path, data in sorted(files.items())})
    complete = dict(files) | {manifests.FILE: manifests.written(whole)}
    manifests.check_files(whole, complete)
    equipment.check(complete)
    return Built(archive.packed(complete), complete, whole)


def opened_archive(data: bytes) -> Built:
    """An archive that was built before. Raises Refused."""
    files = archive.unpacked(data)
    described = manifests.read(files.get(manifests.FILE, b""), client="9999")
    manifests.check_files(described, files)
    return Built(data, files, described)
