"""Where things stand in a TOML text: line and column of tables, keys and elements.

tomllib gives values without positions. This scanner walks a text *that tomllib has accepted* and
reports each table header, key and array element with its path (``("rule", 3, "when", "args.limit")``).
It understands strings, comments and nesting only as far as it must to skip them.
"""

import re
from collections.abc import Callable

Path = tuple[str | int, ...]
Seen = Callable[[Path, int], None]

_SPACE = " \t"
_BLANK = " \t\r\n"
_BARE_END = frozenset(" \t\r\n.=]}#,")


def locate(text: str, path: Path) -> tuple[int, int]:
    """Line and column (from 1) of the deepest part of the path that has a place of its own."""
    start, end, path = _entry(text, path)
    best: tuple[int, int] = (0, 0)  # (length of the path found, offset)

    def seen(found: Path, offset: int) -> None:
        nonlocal best
        if len(found) > best[0] and found == path[: len(found)]:
            best = (len(found), offset)

    scan(text[start:end], seen)
    return line_and_column(text, start + best[1])


def _entry(text: str, path: Path) -> tuple[int, int, Path]:
    """Where the entry of an array of tables stands that a path leads into, and the path inside of it.

    So that one bad rule among many thousands is found without walking through all of them. Where headers
    are not all written plainly it is the whole text.
    """
    match path:
        case (str() as name, int() as number, *rest) if '"""' not in text and "'''" not in text:
            plain = [m.start() for m in re.finditer(rf"(?m)^\[\[{re.escape(name)}\]\]", text)]
            all_of_them = rf"(?m)^[ \t]*\[\[[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*\]\]"
            if number < len(plain) == len(re.findall(all_of_them, text)):
                ends = [*plain, len(text)]
                return plain[number], ends[number + 1], (name, 0, *rest)
        case _:
            pass
    return 0, len(text), path


def table_lines(text: str, name: str, count: int) -> list[int]:
    """The lines of the ``count`` tables of the array called ``name``."""
    if '"""' not in text and "'''" not in text:
        # No string spans lines, so a line that begins with the header is the header.
        lines = [
            number
            for number, line in enumerate(text.split("\n"), 1)
            if line.lstrip(_SPACE).startswith("[[") and _header_name(line) == name
        ]
        if len(lines) == count:
            return lines
    offsets: dict[int, int] = {}

    def seen(found: Path, offset: int) -> None:
        if len(found) == 2 and found[0] == name and isinstance(found[1], int):
            offsets.setdefault(found[1], offset)

    scan(text, seen)
    found: list[int] = []
    line, before = 1, 0
    for number in range(count):
        offset = offsets[number]
        line += text.count("\n", before, offset)
        before = offset
        found.append(line)
    return found


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _header_name(line: str) -> str:
    return line.strip(_BLANK)[2:].partition("]]")[0].strip(_SPACE)


def scan(text: str, seen: Seen) -> None:
    """Report every header, key and element of a valid TOML text, in order."""
    _Scanner(text, seen).document()


class _Scanner:
    def __init__(self, text: str, seen: Seen) -> None:
        self._text = text
        self._end = len(text)
        self._seen = seen
        self._at = 0
        self._tables: dict[Path, int] = {}  # arrays of tables: how many so far, less one

    def document(self) -> None:
        base: Path = ()
        while self._skip(_BLANK):
            if self._text[self._at] == "[":
                base = self._header()
            else:
                self._pair(base)

    def _header(self) -> Path:
        start = self._at
        array = self._text.startswith("[[", start)
        self._at += 2 if array else 1
        parts: list[str | int] = []
        keys = self._keys()
        for position, (key, _) in enumerate(keys):
            parts.append(key)
            name = tuple(parts)
            if array and position == len(keys) - 1:
                self._tables[name] = self._tables.get(name, -1) + 1
            self._seen(name, start)
            if name in self._tables:
                parts.append(self._tables[name])
                self._seen(tuple(parts), start)
        self._at += 2 if array else 1
        return tuple(parts)

    def _pair(self, base: Path) -> None:
        """``key = value``, the key perhaps dotted."""
        path = base
        for key, offset in self._keys():
            path = (*path, key)
            self._seen(path, offset)
        self._at += 1  # the "="
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        keys: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            start = self._at
            if self._text[start] in "\"'":
                self._string()
                keys.append((_unquoted(self._text[start : self._at]), start))
            else:
                while self._text[self._at] not in _BARE_END:
                    self._at += 1
                keys.append((self._text[start : self._at], start))
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            while self._at < self._end and self._text[self._at] not in ",]}#\n":
                self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._skip(_BLANK + ",") and self._text[self._at] != "]":
            element = (*path, number)
            self._seen(element, self._at)
            self._value(element)
            number += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._skip(_BLANK + ",") and self._text[self._at] != "}":
            self._pair(path)
        self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        many = quote * 3
        if self._text.startswith(many, self._at):
            self._at = self._closing(many, self._at + 3) + 3
            # Up to two quotes may stand right before the closing three.
            while self._at < self._end and self._text[self._at] == quote:
                self._at += 1
        else:
            self._at = self._closing(quote, self._at + 1) + 1

    def _closing(self, quotes: str, start: int) -> int:
        """Where the string ends whose content begins at ``start``."""
        while True:
            end = self._text.index(quotes, start)
            escape = self._text.find("\\", start, end) if quotes[0] == '"' else -1
            if escape < 0:
                return end
            start = escape + 2

    def _skip(self, blanks: str) -> bool:
        """Go to the next character that is neither blank nor comment; False at the end."""
        while self._at < self._end:
            character = self._text[self._at]
            if character == "#":
                end = self._text.find("\n", self._at)
                self._at = self._end if end < 0 else end
                if "\n" not in blanks:
                    return False
            elif character in blanks:
                self._at += 1
            else:
                return True
        return False


def _unquoted(key: str) -> str:
    if key[0] == "'" or "\\" not in key:
        return key[1:-1]
    out: list[str] = []
    pieces = iter(key[1:-1])
    short = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
    for character in pieces:
        if character != "\\":
            out.append(character)
            continue
        escape = next(pieces)
        if escape in "uU":
            digits = "".join(next(pieces) for _ in range(4 if escape == "u" else 8))
            out.append(chr(int(digits, 16)))
        else:
            out.append(short.get(escape, escape))
    return "".join(out)
