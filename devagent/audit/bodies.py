"""The content file as one reads along the headers: each body is taken when its header comes."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from devagent.audit.lines import Damage, Line, lines
from devagent.audit.record import Content, commitment, from_base64
from devagent.core.codec import canonical, parse

SHORTEST_SALT = 16
"""Bytes."""


class Body(Struct, frozen=True, gc=False):
    """A body line. ``content`` says what it holds: ``text`` and ``salt`` where it is open, base64 where
    it is ``sealed``, or the number of the event that erased it in ``by``."""

    line: Line
    seq: int
    content: Content
    text: bytes = b""
    salt: bytes = b""
    sealed: str = ""
    by: int = 0

    def commits_to(self, committed: str) -> bool:
        """Whether the open text is the one that the header commits to."""
        return commitment(self.salt, self.text) == committed


class Bodies:
    """The body lines in order, one looked at ahead. ``end`` is the offset after the last one taken.

    ``torn`` is set once the end is reached: the bytes of a last line that a crash cut short.
    """

    def __init__(self, file: BinaryIO | None, path: str) -> None:
        self._path = path
        self._lines: Iterator[Line] = lines(file, path) if file else iter(())
        self._seq = -1
        self.end = 0
        self.torn = 0
        self.next = self._advance()

    def take(self, seq: int) -> Body | None:
        """The body of that header, or None where the next one is a later header's (or there is none)."""
        body = self.next
        if body is None or body.seq != seq:
            return None
        self.end = body.line.end
        self.next = self._advance()
        return body

    def skip(self) -> None:
        """Pass a body that no header claims."""
        self.next = self._advance()

    def _advance(self) -> Body | None:
        line = next(self._lines, None)
        if line is None:
            return None
        if not line.whole:
            self.torn = len(line.data)
            return None
        try:
            body = open_body(line) or _body(line, parse(line.data), self._path)
        except (ValueError, RecursionError) as e:
            if next(self._lines, None) is None:
                self.torn = len(line.data) + 1
                return None
            raise Damage(self._path, line.number, f"does not parse: {e}") from e
        if body.seq <= self._seq:
            raise Damage(self._path, line.number, f"seq {body.seq} comes after seq {self._seq}")
        self._seq = body.seq
        return body


class _Open(Struct, gc=False):
    """An open body's fields in the order of canonical JSON, so that encoding it gives the line back."""

    content: str
    salt: str
    seq: int


_open = msgspec.json.Decoder(_Open)
_encode = msgspec.json.Encoder().encode


def open_body(line: Line) -> Body | None:
    """An open body that is as it should be; None leaves the line to ``_body``, which says what is wrong."""
    try:
        plain = _open.decode(line.data)
        salt = from_base64(plain.salt)
    except (ValueError, RecursionError):
        return None
    if len(salt) < SHORTEST_SALT or _encode(plain) != line.data:
        return None
    return Body(line, plain.seq, "open", plain.content.encode(), salt)


def _body(line: Line, plain: Any, path: str) -> Body:
    text = salt = b""
    sealed, by = "", 0
    match plain:
        case {"seq": int(seq), "salt": str(encoded), "content": str(said)} if len(plain) == 3:
            content: Content = "open"
            try:
                salt = from_base64(encoded)
            except ValueError:
                salt = b""
            if len(salt) < SHORTEST_SALT:
                raise Damage(path, line.number, "its salt is not base64 of 16 bytes or more")
            text = said.encode()
        case {"seq": int(seq), "sealed": str(encoded)} if len(plain) == 2:
            content, sealed = "sealed", encoded
        case {"seq": int(seq), "erased": True, "by": int(by)} if len(plain) == 3:
            content = "erased"
        case _:
            raise Damage(path, line.number, "is no body: open, sealed or erased")
    if canonical(plain) != line.data or isinstance(seq, bool):
        raise Damage(path, line.number, "is not canonical JSON")
    return Body(line, seq, content, text, salt, sealed, by)
