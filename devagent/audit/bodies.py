"""The content file as one reads along the headers: each body is taken when its header comes."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec import Struct

from devagent.audit.lines import Damage, Line, lines
from devagent.audit.record import Content, commitment, from_base64
from devagent.core.codec import canonical, parse


class Body(Struct, frozen=True):
    """A body line. ``plain`` is what it holds; ``content`` how (open, sealed or erased)."""

    line: Line
    seq: int
    content: Content
    plain: dict[str, Any]

    def text(self) -> bytes:
        return self.plain["content"].encode()

    def commits_to(self, committed: str) -> bool:
        return commitment(from_base64(self.plain["salt"]), self.text()) == committed


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
        try:
            plain = parse(line.data)
        except (ValueError, RecursionError) as e:
            if next(self._lines, None) is None:
                self.torn = len(line.data) + line.whole
                return None
            raise Damage(self._path, line.number, f"does not parse: {e}") from e
        if not line.whole:
            self.torn = len(line.data)
            return None
        body = _body(line, plain, self._path)
        if body.seq <= self._seq:
            raise Damage(self._path, line.number, f"seq {body.seq} comes after seq {self._seq}")
        self._seq = body.seq
        return body


def _body(line: Line, plain: Any, path: str) -> Body:
    match plain:
        case {"seq": int(seq), "salt": str(salt), "content": str()} if len(plain) == 3:
            content: Content = "open"
            try:
                long_enough = len(from_base64(salt)) >= 16
            except ValueError:
                long_enough = False
            if not long_enough:
                raise Damage(path, line.number, "its salt is not base64 of 16 bytes or more")
        case {"seq": int(seq), "sealed": str()} if len(plain) == 2:
            content = "sealed"
        case {"seq": int(seq), "erased": True, "by": int()} if len(plain) == 3:
            content = "erased"
        case _:
            raise Damage(path, line.number, "is no body: open, sealed or erased")
    if canonical(plain) != line.data or isinstance(seq, bool):
        raise Damage(path, line.number, "is not canonical JSON")
    return Body(line, seq, content, plain)
