"""Documents in a folder, and a single file. Links are not followed: what they lead to has a name of its own."""

import os
from collections.abc import Iterator

from devagent_docs.contract import DocsError
from devagent_docs.entries import LEFT_OUT, Chosen, Entry
from devagent_docs.files import bytes_of, opened, stamp_of
from devagent_docs.formats import format_of
from devagent_docs.settings import Collection


class Folder(Chosen):
    """A folder and all below it, links excepted: by a link's name nobody could tell what policy says of its file."""

    def __init__(self, collection: Collection, root: str) -> None:
        super().__init__(collection)
        self.root = root

    def entries(self) -> Iterator[Entry]:
        """As ``Source.entries``."""
        for place, folders, files in os.walk(self.root):
            relative = os.path.relpath(place, self.root).replace(os.sep, "/")
            base = "" if relative == "." else f"{relative}/"
            folders[:] = sorted(
                name for name in folders
                if (name not in LEFT_OUT and not name.startswith(".")) or self._named(f"{base}{name}/")
            )  # fmt: skip
            for name in sorted(files):
                path = f"{base}{name}"
                if not path.isprintable() and path != path.encode("utf-8", "ignore").decode():
                    # A name that is no UTF-8 cannot be indexed: it is named, and then not found.
                    path = os.fsencode(path).decode("utf-8", "replace")
                    if self.takes(path) and (kind := format_of(path, bytes)):
                        yield Entry(path, "0", kind)
                    continue
                if not self.takes(path) or os.path.islink(os.path.join(place, name)):
                    continue
                stamp = self.stamp(path)
                kind = stamp and (
                    self._collection.format or format_of(path, lambda path=path: self._head(path))
                )
                if kind:
                    yield Entry(path, stamp, kind)

    def _named(self, folder: str) -> bool:
        return any(glob.startswith(folder) for glob in self._collection.include)

    def _head(self, path: str) -> bytes:
        try:
            with opened(os.path.join(self.root, path)) as file:
                return file.read(4096)
        except OSError:
            return b""  # as a file that names no format; one that should be read says so then

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``."""
        return stamp_of(os.path.join(self.root, path))

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        return bytes_of(os.path.join(self.root, entry.path))

    def version(self) -> str:
        """As ``Source.version``."""
        from devagent_docs.versions import version_of_folder  # noqa: PLC0415

        return version_of_folder(self.root)


class Single(Chosen):
    """One file."""

    def __init__(self, collection: Collection, path: str) -> None:
        super().__init__(collection)
        self._path, self._name = path, os.path.basename(path)

    def entries(self) -> Iterator[Entry]:
        """As ``Source.entries``."""
        kind = self._collection.format or format_of(self._name, lambda: bytes_of(self._path)[:4096])
        if not kind:
            raise DocsError(f"{self._name} is of no format that is read.", error="unreadable")
        yield Entry(self._name, self.stamp(self._name), kind)

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``."""
        del path
        return stamp_of(self._path)

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        del entry
        return bytes_of(self._path)

    def version(self) -> str:
        """Nothing but what the document says."""
        return ""
