"""Text that git printed, made safe to read: valid Unicode, nothing invisible, no secrets, no flood."""

import re

TEXT_BYTES = 30_000
"""Most that one result says, unless a policy's ``limit_bytes`` asks for less."""
LINE_CHARACTERS = 2_000

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*(?:@[^/\s@]*)*@")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, as surrogateescape keeps it
        code -= 0xDC00
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def shown(data: bytes | str) -> str:
    """UTF-8 text with every control, bidi and zero-width character, and every stray byte, escaped.

    Tabs and newlines stay. An escape shows what is there; dropping it would hide it.
    """
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def one_line(data: bytes | str) -> str:
    """The same on one line: newlines and tabs are spaces."""
    return " ".join(shown(data).split())


def without_credentials(text: str) -> str:
    """The text with ``user:password@`` taken out of every URL."""
    return _CREDENTIALS.sub("", text)


def file_name(path: bytes) -> str:
    """A path as git quotes it: as it is, or in double quotes with escapes where it holds odd bytes."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        text = ""
    if text and not _UNSAFE.search(text) and not any(c in text for c in '"\\\t\n'):
        return text
    named = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}
    if text and not _UNSAFE.search(text):
        return '"' + "".join("\\" + named[ord(c)] if c in '"\\\t\n' else c for c in text) + '"'
    quoted = (
        "\\" + named[b] if b in named else chr(b) if 32 <= b < 127 else f"\\{b:03o}" for b in path
    )
    return '"' + "".join(quoted) + '"'


def unquoted(text: str) -> bytes | None:
    """The bytes of a path that is written as ``file_name`` writes odd ones; None when it is not."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return None
    body, out, at = text[1:-1], bytearray(), 0
    named = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode("utf-8", "surrogateescape")
            at += 1
        elif body[at + 1 : at + 2] in named:
            out.append(named[body[at + 1]])
            at += 2
        elif re.fullmatch("[0-3][0-7]{2}", body[at + 1 : at + 4]):
            out.append(int(body[at + 1 : at + 4], 8))
            at += 4
        else:
            return None
    return bytes(out)


def fitted(text: str, limit: int, note: str) -> str:
    """The text within ``limit`` bytes; what was cut off is said by ``note``, which counts too."""
    data = text.encode()
    if len(data) <= limit:
        return text
    tail = f"\n[cut: {note}]".encode()
    if len(tail) > limit:
        return data[:limit].decode(errors="ignore")
    kept = data[: limit - len(tail)].decode(errors="ignore")
    return kept + tail.decode()


def page(
    data: bytes, offset: int, limit: int, *, complete: bool, lines_kept: bool = False
) -> tuple[str, int]:
    """Lines from ``offset`` (counted from 0) that fit into ``limit`` bytes, and how many they are.

    Where lines are left, the last one says with which ``offset`` to go on; ``complete`` is False when
    git was stopped before its end. ``lines_kept``: CRLF ends a line and is not shown as an escape.
    """
    if lines_kept:
        data = data.replace(b"\r\n", b"\n")
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    room = limit - 90
    taken: list[str] = []
    for raw in lines[offset:]:
        line = shown(raw[: 4 * LINE_CHARACTERS])
        if len(line) > LINE_CHARACTERS or len(raw) > 4 * LINE_CHARACTERS:
            line = f"{line[:LINE_CHARACTERS]}… [line of {len(raw)} bytes cut]"
        size = len(line.encode()) + 1
        if size > room:
            break
        room -= size
        taken.append(line)
    end = offset + len(taken)
    if end < len(lines) and not taken:
        return fitted(
            shown(lines[offset]), limit, f"line {offset}; go on with offset={offset + 1}"
        ), 1
    if end < len(lines):
        total = f"{len(lines)}" if complete else f"more than {len(lines)}"
        taken.append(f"[cut: lines {offset}-{end - 1} of {total}; go on with offset={end}]")
    elif not complete:
        taken.append(f"[cut: git was stopped after {len(data)} bytes; narrow the request]")
    elif offset and not taken:
        taken.append(f"[no lines from offset {offset}: there are {len(lines)}]")
    return "\n".join(taken), end - offset
