"""A bundle's archive: written the same byte for byte everywhere, read with distrust.

A tar (ustar) in gzip. The gzip holds its content *stored*: what a compressor makes of the same bytes differs between
libraries and versions, and then two people could not compare what they built. Servers compress on the way.

Read: regular files alone, by plain relative names, within limits of size and count; never written by ``tarfile``.
"""

import io
import os
import re
import tarfile
import zlib
from collections.abc import Mapping

from devagent.org.refusals import Refused

MAX_BYTES = 8 * 1024 * 1024
"""Of an archive, and of all that is in it."""
MAX_FILES = 2_000
_BLOCK = 65_535
_PART = re.compile(r"[A-Za-z0-9_+@=,-][A-Za-z0-9_.+@=,-]*")
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no name, no time, no system."""


def packed(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files. Raises Refused where it could not be unpacked again."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    data = _stored(plain.getvalue())
    unpacked(data)
    return data


def _stored(data: bytes) -> bytes:
    out = [_HEADER]
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        last = start + _BLOCK >= len(data)
        size = len(block).to_bytes(2, "little")
        out += [bytes([last]), size, bytes(byte ^ 0xFF for byte in size), block]
    out.append(
        zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    )
    return b"".join(out)


def unpacked(data: bytes) -> dict[str, bytes]:
    """Name → bytes of every file in the archive. Raises Refused for anything that is not a plain file."""
    if len(data) > MAX_BYTES:
        raise Refused("archive", f"it has more than {MAX_BYTES // 1024 // 1024} MiB")
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(_plain(data)), mode="r:") as archive:
            for entry in archive:
                if not entry.isreg() or entry.issparse():
                    raise Refused("archive", f"{entry.name!r} is no regular file")
                if len(files) >= MAX_FILES:
                    raise Refused("archive", f"it has more than {MAX_FILES:,} files")
                _check_name(entry.name)
                tarfile.data_filter(entry, "/nowhere")  # a second opinion on names and links
                if entry.name.lower() in folded:
                    raise Refused("archive", f"{entry.name!r} is in it twice")
                folded.add(entry.name.lower())
                total += entry.size
                content = archive.extractfile(entry)
                if content is None or total > MAX_BYTES:
                    raise Refused("archive", "its files are larger than they may be")
                files[entry.name] = content.read()
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, zlib.error) as e:
        raise Refused("archive", "it is no sound tar.gz") from e
    for name in files:
        folder = os.path.dirname(name)
        while folder:
            if folder.lower() in folded:
                raise Refused("archive", f"{folder!r} is both a file and a folder")
            folder = os.path.dirname(folder)
    return files


def _plain(data: bytes) -> bytes:
    """What the gzip holds, which may not be much more than the archive may."""
    reader = zlib.decompressobj(wbits=31)
    most = MAX_BYTES + MAX_FILES * 1024 + 20_480
    plain = reader.decompress(data, most)
    if not reader.eof or reader.unused_data:
        raise Refused("archive", "it holds more than it may, is cut off, or something follows it")
    return plain


def _check_name(name: str) -> None:
    parts = name.split("/")
    if (
        len(name) > 240
        or len(parts) > 12
        or not all(_PART.fullmatch(p) or _hidden(p) for p in parts)
    ):
        raise Refused("archive", f"{name[:80]!r} is no plain relative name")


def _hidden(part: str) -> bool:
    """``.gitignore`` and its like: a dot, and then a name that is none of ``.`` and ``..``."""
    return part.startswith(".") and bool(_PART.fullmatch(part[1:]))
