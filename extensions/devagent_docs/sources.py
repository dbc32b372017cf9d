"""Where documents come from: folders, single files, zipped snapshots, installed packages.

A source lists its documents with what tells that one changed, and reads them one at a time. Nothing of a source
is run, links out of a folder are not followed, and a member of an archive is bounded in size.
"""

import errno
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, Protocol

from devagent_docs.contract import DocsError
from devagent_docs.formats import Document, Unreadable, docstrings, format_of, read
from devagent_docs.globs import compile_glob
from devagent_docs.settings import Collection, source_of

MAX_FILE = 32 * 1024 * 1024
MAX_ARCHIVE = 2 * 1024 * 1024 * 1024
"""Bytes that all members of an archive may have together."""
_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache", "_static",
     "_sources", "_images", "_modules", "_downloads"}
)  # fmt: skip
_LEFT_OUT_FILES = ("genindex", "search.html", "searchindex", "py-modindex", "sitemap", "bookindex.html", "robots.txt", "requirements")  # fmt: skip


_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What a damaged, encrypted or odd member raises."""


class Entry(NamedTuple):
    """One document of a source: its path there, and a stamp that differs when it may have changed."""

    path: str
    stamp: str
    format: str


class Source(Protocol):
    """A place that documents come from."""

    def entries(self) -> Iterator[Entry]:
        """All documents, by path. Raises DocsError unreadable."""
        ...

    def data(self, entry: Entry) -> bytes:
        """The document's bytes. Raises Unreadable."""
        ...

    def document(self, entry: Entry, data: bytes) -> Document:
        """The document in these bytes. Raises Unreadable."""
        ...

    def version(self) -> str:
        """What the source says of its version; "" where nothing does."""
        ...

    def stamp(self, path: str) -> str:
        """The document's stamp now, to tell whether an indexed one is still as it was; "" = it is gone."""
        ...


def open_source(collection: Collection, folder: str) -> Source:
    """The collection's source. Raises DocsError: unreadable, outside_workspace."""
    from devagent_docs import versions  # noqa: PLC0415 - reads git and package metadata: on use

    if collection.package:
        return Package(collection, versions.site_of(collection, folder))
    path = source_of(collection, folder)
    if os.path.isdir(path):
        return Folder(collection, path)
    if not os.path.isfile(path):
        raise DocsError(
            f"The path of collection {collection.name!r} is not there: {collection.path}",
            error="unreadable",
        )
    return Zipped(collection, path) if zipfile.is_zipfile(path) else Single(collection, path)


class _Chosen:
    """Which paths a collection takes, by its include and exclude."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._include = [compile_glob(glob) for glob in collection.include]
        self._exclude = [compile_glob(glob) for glob in collection.exclude]

    def takes(self, path: str) -> bool:
        """Whether the document belongs to the collection."""
        if any(matches(path) for matches in self._exclude):
            return False
        if self._include:
            return any(matches(path) for matches in self._include)
        return not path.rpartition("/")[2].startswith(_LEFT_OUT_FILES)

    def document(self, entry: Entry, data: bytes) -> Document:
        """As ``Source.document``."""
        return read(data, entry.path, entry.format)


class Folder(_Chosen):
    """A folder and all below it, links to folders excepted."""

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
                if (name not in _LEFT_OUT and not name.startswith(".")) or self._named(f"{base}{name}/")
            )  # fmt: skip
            for name in sorted(files):
                path = f"{base}{name}"
                if not self.takes(path) or self._leads_out(path):
                    continue
                stamp = self.stamp(path)
                kind = stamp and (
                    self._collection.format or format_of(path, lambda path=path: self._head(path))
                )
                if kind:
                    yield Entry(path, stamp, kind)

    def _named(self, folder: str) -> bool:
        return any(glob.startswith(folder) for glob in self._collection.include)

    def _leads_out(self, path: str) -> bool:
        place = os.path.join(self.root, path)
        if not os.path.islink(place):
            return False
        return not os.path.realpath(place).startswith(self.root.rstrip(os.sep) + os.sep)

    def _head(self, path: str) -> bytes:
        try:
            with _file(os.path.join(self.root, path)) as file:
                return file.read(4096)
        except OSError:
            return b""  # as a file that names no format; one that should be read says so then

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``."""
        return _stamp(os.path.join(self.root, path))

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        return _bytes(os.path.join(self.root, entry.path))

    def version(self) -> str:
        """As ``Source.version``."""
        from devagent_docs.versions import version_of_folder  # noqa: PLC0415

        return version_of_folder(self.root)


class Single(_Chosen):
    """One file."""

    def __init__(self, collection: Collection, path: str) -> None:
        super().__init__(collection)
        self._path, self._name = path, os.path.basename(path)

    def entries(self) -> Iterator[Entry]:
        """As ``Source.entries``."""
        kind = self._collection.format or format_of(self._name, lambda: _bytes(self._path)[:4096])
        if not kind:
            raise DocsError(f"{self._name} is of no format that is read.", error="unreadable")
        yield Entry(self._name, self.stamp(self._name), kind)

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``."""
        del path
        return _stamp(self._path)

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        del entry
        return _bytes(self._path)

    def version(self) -> str:
        """Nothing but what the document says."""
        return ""


class Zipped(_Chosen):
    """A zipped snapshot, as a documentation host offers for download."""

    def __init__(self, collection: Collection, path: str) -> None:
        super().__init__(collection)
        self._path = path
        self._archive: zipfile.ZipFile | None = None

    def _opened(self) -> zipfile.ZipFile:
        if self._archive is None:
            try:
                archive = zipfile.ZipFile(self._path)
            except (zipfile.BadZipFile, OSError) as error:
                raise DocsError("The archive cannot be read.", error="unreadable") from error
            # No member gives more than its record says, so the records' sum is the most that comes out.
            if sum(info.file_size for info in archive.infolist()) > MAX_ARCHIVE:
                raise DocsError(
                    f"The archive holds more than {MAX_ARCHIVE >> 30} GiB unpacked: unpack what is wanted of it.",
                    error="unreadable",
                )
            self._archive = archive
        return self._archive

    def entries(self) -> Iterator[Entry]:
        """As ``Source.entries``."""
        for info in sorted(self._opened().infolist(), key=lambda info: info.filename):
            path = info.filename
            parts = path.split("/")
            if (
                info.is_dir()
                or ".." in parts
                or path.startswith("/")
                or _LEFT_OUT.intersection(parts)
            ):
                continue
            if self.takes(path):
                stamp = f"{info.CRC:08x}-{info.file_size}"
                entry = Entry(path, stamp, "")
                kind = self._collection.format or format_of(
                    path, lambda entry=entry: self._head(entry)
                )
                if kind:
                    yield entry._replace(format=kind)

    def _head(self, entry: Entry) -> bytes:
        try:
            with self._opened().open(entry.path) as member:
                return member.read(4096)
        except _BROKEN:
            return b""

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``; the archive as a whole may be gone."""
        if not os.path.isfile(self._path):
            return ""
        try:
            info = self._opened().getinfo(path)
        except (KeyError, DocsError):
            return ""
        return f"{info.CRC:08x}-{info.file_size}"

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        try:
            with self._opened().open(entry.path) as member:
                data = member.read(MAX_FILE + 1)
        except _BROKEN as error:
            raise Unreadable("it cannot be unpacked") from error
        if len(data) > MAX_FILE:
            raise Unreadable(f"it is larger than {MAX_FILE >> 20} MiB")
        return data

    def version(self) -> str:
        """What ``objects.inv`` in the archive says."""
        from devagent_docs.versions import version_of_inventory  # noqa: PLC0415

        for name in self._opened().namelist():
            if name.rpartition("/")[2] == "objects.inv":
                return version_of_inventory(self._head(Entry(name, "", ""))[:400])
        return ""


class Package(_Chosen):
    """The docstrings of an installed distribution, by its record of files."""

    def __init__(self, collection: Collection, site: str) -> None:
        super().__init__(collection)
        from devagent_docs.versions import distribution  # noqa: PLC0415

        self._site = site
        self._found = distribution(collection.package, site)

    def entries(self) -> Iterator[Entry]:
        """As ``Source.entries``."""
        for path in self._found.modules:
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if any(
                part.startswith("_") and not part.startswith("__") for part in module.split(".")
            ):
                continue
            if self.takes(path) and (stamp := self.stamp(path)):
                yield Entry(path, stamp, "python")

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``."""
        return _stamp(os.path.join(self._site, path))

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        return _bytes(os.path.join(self._site, entry.path))

    def document(self, entry: Entry, data: bytes) -> Document:
        """As ``Source.document``."""
        module = entry.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return docstrings.read(data, module)

    def version(self) -> str:
        """The installed version."""
        return self._found.version


def _stamp(path: str) -> str:
    """ "" where there is no such file, or what is there is none: a pipe or a device never ends."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}" if stat.S_ISREG(found.st_mode) else ""


@contextmanager
def _file(path: str) -> Generator[BinaryIO]:
    """A file, opened; of what became a pipe meanwhile nothing is waited for. Raises OSError."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        yield file


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _bytes(path: str) -> bytes:
    try:
        with _file(path) as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from error
    if len(data) > MAX_FILE:
        raise Unreadable(f"it is larger than {MAX_FILE >> 20} MiB")
    return data
