"""What the bytes of a file are: text in some encoding, or a kind of file that is described instead."""

import codecs
import re
import struct
from typing import Any, NamedTuple

from devagent_workspace.contract import WorkspaceError
from devagent_workspace.shown import size_text

MOST_BYTES = 10_000_000
"""A larger file is described, not read."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"GIF8", "GIF image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"BM", "BMP image"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive (or a document in one)"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"(\xb5/\xfd", "Zstandard archive"),
    (b"\x7fELF", "ELF program or library"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"\xca\xfe\xba\xbe", "Java class or macOS program"),
    (b"wOF2", "web font"),
)
_NOT_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")


class Text(NamedTuple):
    """Decoded content. ``text`` holds the file's own line ends; ``mark`` is its byte order mark."""

    text: str
    encoding: str
    mark: bytes

    def encoded(self, text: str) -> bytes:
        """Other text, in this file's encoding and with its mark. Raises WorkspaceError encoding."""
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError as e:
            raise WorkspaceError(
                f"the file is not UTF-8 (it reads as {self.encoding}) and cannot hold "
                f"{text[e.start : e.end][:20]!r}; nothing was written",
                error="encoding",
            ) from e


def decode(data: bytes) -> Text | None:
    """The text, or None for what is none. Bytes come back the same when encoded again.

    UTF-8 first, then what a byte order mark says; 8-bit text of unknown encoding reads as Latin-1.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                text = data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                break
            return (
                Text(text, encoding, mark) if text.encode(encoding) == data[len(mark) :] else None
            )
    if b"\0" in data:
        return None
    try:
        return Text(data.decode(), "utf-8", b"")
    except UnicodeDecodeError:
        if _NOT_TEXT.search(data) or kind_of(data) != "":
            return None
        return Text(data.decode("latin-1"), "latin-1", b"")


def kind_of(head: bytes) -> str:
    """What the first bytes say the file is; "" where they say nothing."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP image"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")


def described(data: bytes, size: int) -> str:
    """A sentence about a file that is not shown as text: its kind, size and, of an image, dimensions."""
    kind = kind_of(data) or "binary file"
    extent = dimensions(data, kind)
    pages = ""
    if kind == "PDF document":
        counted = len(re.findall(rb"/Type\s*/Page(?![s\w])", data))
        pages = f", about {counted} pages" if counted else ""
    return f"[{kind}{f', {extent[0]} × {extent[1]} pixels' if extent else ''}{pages}, {size_text(size)}]"


def dimensions(data: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height in pixels of an image of this kind; None where they are not told."""
    try:
        if kind == "PNG image":
            return struct.unpack(">II", data[16:24])
        if kind == "GIF image":
            return struct.unpack("<HH", data[6:10])
        if kind == "BMP image":
            return struct.unpack("<ii", data[18:26])
        if kind == "WebP image":
            return _webp_dimensions(data)
        if kind == "JPEG image":
            return _jpeg_dimensions(data)
    except struct.error:
        return None
    return None


def _webp_dimensions(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8X":
        width, height = data[24:27], data[27:30]
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if data[12:16] == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _jpeg_dimensions(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def notebook_text(text: str) -> str | None:
    """A Jupyter notebook as plain text, cell by cell with text outputs; None when it is not one."""
    import json  # noqa: PLC0415 - few files are notebooks

    try:
        notebook: Any = json.loads(text)
        cells: Any = notebook["cells"]
        parts = [_cell(number, cell) for number, cell in enumerate(cells, 1)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return "\n".join(parts)


def _cell(number: int, cell: Any) -> str:
    lines = [f"--- cell {number} ({cell['cell_type']}) ---", _joined(cell.get("source", ""))]
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        said = _joined(output.get("text", data.get("text/plain", "")))
        if output.get("output_type") == "error":
            said = f"{output.get('ename', '')}: {output.get('evalue', '')}"
        if said:
            lines.append(f"--- output ---\n{said.rstrip()}")
        lines += [f"[output: {kind}]" for kind in data if kind != "text/plain"]
    return "\n".join(lines)


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(map(str, text))
