"""Images that a model can look at: whole ones, of the kinds and sizes that services take.

A service refuses a whole conversation for one image that it cannot read, so what is not plainly a whole image is
described instead.
"""

import struct
import zlib
from collections.abc import Iterator

MOST_BYTES = 3_900_000
"""The Messages API takes 5 MB of base64."""
MOST_PIXELS = 8000
"""On each side."""


class Unfit(Exception):
    """Why an image is not shown, as a clause."""


def media_type(data: bytes, extent: tuple[int, int] | None) -> str:
    """``image/png`` and the like for a whole image of ``extent`` pixels. Raises Unfit."""
    kind, whole = _looked_at(data)
    if len(data) > MOST_BYTES:
        raise Unfit(f"too large to be shown: {MOST_BYTES / 1e6:.1f} MB is the most")
    if extent is None or min(extent) < 1 or not whole:
        raise Unfit("not shown: it is cut off or damaged")
    if max(extent) > MOST_PIXELS:
        raise Unfit(f"too large to be shown: {MOST_PIXELS} pixels on a side is the most")
    return kind


def _looked_at(data: bytes) -> tuple[str, bool]:
    """The media type by what the bytes begin with, and whether they end as such a file does."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", _is_whole_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", data.rstrip(b"\0")[-2:] == b"\xff\xd9" and b"\xff\xda" in data
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif", data.rstrip(b"\0")[-1:] == b";" and b"," in data[13:]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp", int.from_bytes(data[4:8], "little") + 8 in (len(data), len(data) - 1)
    raise Unfit("not shown: of images, PNG, JPEG, GIF and WebP can be")


def _is_whole_png(data: bytes) -> bool:
    kinds: list[bytes] = []
    for kind, sound in _chunks(data):
        kinds.append(kind)
        if not sound:
            return False
    return kinds[:1] == [b"IHDR"] and b"IDAT" in kinds and kinds[-1:] == [b"IEND"]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Each chunk's kind, and whether it is there whole; nothing after the last."""
    at = 8
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + size
        yield (
            kind,
            end + 4 <= len(data)
            and zlib.crc32(memoryview(data)[at + 4 : end])
            == int.from_bytes(data[end : end + 4], "big"),
        )
        if kind == b"IEND":
            return
        at = end + 4
