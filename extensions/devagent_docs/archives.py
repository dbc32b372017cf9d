"""Documents in a zipped snapshot, read without being unpacked to disk; each member is bounded in size, and all together."""

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator

from devagent_docs.contract import DocsError
from devagent_docs.entries import LEFT_OUT, Chosen, Entry
from devagent_docs.files import MAX_FILE
from devagent_docs.formats import Unreadable, format_of
from devagent_docs.settings import Collection

MAX_ARCHIVE = 2 * 1024 * 1024 * 1024
"""Bytes that all members of an archive may have together."""
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


class Zipped(Chosen):
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
        last = {info.filename: info for info in self._opened().infolist()}
        for _, info in sorted(last.items()):
            path = info.filename
            parts = path.split("/")
            if (
                info.is_dir()
                or ".." in parts
                or path.startswith("/")
                or LEFT_OUT.intersection(parts)
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
