"""What version a source is of: git's commit, Sphinx's inventory, an installed distribution."""

import os
import re
import sysconfig
from typing import NamedTuple

from devagent_docs.contract import DocsError
from devagent_docs.settings import Collection

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_INVENTORY = re.compile(rb"# Version: ([^\r\n]+)")


class Distribution(NamedTuple):
    """An installed distribution: its version and its Python modules, as paths below ``site``."""

    version: str
    modules: tuple[str, ...]


def site_of(collection: Collection, folder: str) -> str:
    """The folder of installed packages that a collection means.

    Raises DocsError unreadable where it names one that is not there.
    """
    if collection.site:
        site = os.path.realpath(os.path.join(folder, os.path.expanduser(collection.site)))
        if not os.path.isdir(site):
            raise DocsError(f"There is no folder {collection.site}.", error="unreadable")
        return site
    library = os.path.join(folder, ".venv", "lib")
    if os.path.isdir(library):
        for name in sorted(os.listdir(library)):
            site = os.path.join(library, name, "site-packages")
            if os.path.isdir(site):
                return os.path.realpath(site)
    return os.path.realpath(sysconfig.get_path("purelib"))


def distribution(name: str, site: str) -> Distribution:
    """The installed distribution of that name. Raises DocsError unreadable."""
    from importlib.metadata import Distribution as Metadata  # noqa: PLC0415 - 20 ms, only here
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415

    wanted = re.sub(r"[-_.]+", "-", name).lower()
    try:
        found = next(
            (one for one in Metadata.discover(path=[site])
             if re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower() == wanted), None,
        )  # fmt: skip
    except (PackageNotFoundError, OSError, ValueError):
        found = None
    if found is None:
        raise DocsError(f"The package {name!r} is not installed in {site}.", error="unreadable")
    files = [str(file).replace(os.sep, "/") for file in found.files or []]
    modules = sorted(
        file for file in files
        if file.endswith(".py") and "/tests/" not in f"/{file}" and _lies_in(site, file)
    )  # fmt: skip
    return Distribution(found.version, tuple(modules))


def _lies_in(site: str, file: str) -> bool:
    """Whether a file of a package's record really lies among the packages: the record may be anybody's."""
    if file.startswith((".", "/")):
        return False
    return os.path.realpath(os.path.join(site, file)).startswith(site.rstrip(os.sep) + os.sep)


def version_of_folder(root: str) -> str:
    """By Sphinx's inventory, else by the commit of the repository whose top or part the folder is."""
    try:
        with open(os.path.join(root, "objects.inv"), "rb") as file:
            if version := version_of_inventory(file.read(400)):
                return version
    except OSError:
        pass  # no exported Sphinx site
    return _commit(root)


def version_of_inventory(beginning: bytes) -> str:
    """The version in the head of an ``objects.inv``."""
    found = _INVENTORY.search(beginning)
    return found[1].decode("utf-8", "replace").strip() if found else ""


def _commit(root: str) -> str:
    """The commit that HEAD names, by git's own files: a repository's settings run nothing here."""
    place = root
    while not os.path.exists(os.path.join(place, ".git")):
        parent = os.path.dirname(place)
        if parent == place:
            return ""
        place = parent
    git = os.path.join(place, ".git")
    if os.path.isfile(git):
        pointer = _line(git).removeprefix("gitdir: ")
        git = os.path.join(place, pointer) if pointer else git
    head = _line(os.path.join(git, "HEAD"))
    if not head.startswith("ref: "):
        return _short(head)
    name = head.removeprefix("ref: ")
    if not name.startswith("refs/") or ".." in name.split("/"):
        return ""  # no branch: a file elsewhere, whose first line is nobody's business
    common = _line(os.path.join(git, "commondir"))
    for folder in (git, os.path.join(git, common) if common else git):
        if found := _line(os.path.join(folder, *name.split("/"))):
            return _short(found)
        try:
            with open(os.path.join(folder, "packed-refs"), encoding="utf-8") as file:
                for line in file:
                    commit, _, ref = line.strip().partition(" ")
                    if ref == name:
                        return _short(commit)
        except (OSError, UnicodeDecodeError):
            continue
    return ""


def _short(commit: str) -> str:
    """The beginning of a commit's name; "" of what is none, which is then not shown either."""
    return commit[:12] if _COMMIT.fullmatch(commit) else ""


def _line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(4096).strip()
    except (OSError, UnicodeDecodeError):
        return ""
