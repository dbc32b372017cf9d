"""Code with syntax colours, line by line as it arrives.

Each line is read from a fixed line before it on (at most ``2 * _STRIDE`` lines back), so its colours are the same
however the text was cut on its way, and a long block costs no more by the line than a short one.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from devagent.repl.style import Line, Segment

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_STRIDE = 40
_ROLES = (
    ("Token.Comment", "comment"),
    ("Token.Keyword", "keyword"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Class", "name"),
    ("Token.Name.Builtin", "name"),
    ("Token.Name.Decorator", "name"),
    ("Token.Name.Tag", "keyword"),
    ("Token.Name.Attribute", "name"),
    ("Token.Generic.Inserted", "added"),
    ("Token.Generic.Deleted", "removed"),
    ("Token.Generic.Subheading", "accent"),
    ("Token.Operator.Word", "keyword"),
)
_MOST = 2_000
"""Characters of a line that is coloured; minified code stays as it is."""


class Code:
    """One block of code. ``language`` as a fence or a file's name says it."""

    def __init__(self, language: str = "", *, file: str = "") -> None:
        self._lexer = _lexer(language, file) if language or file else None
        self._lines: list[str] = []
        self._first = 0

    def lines(self, more: Sequence[str]) -> Iterator[Line]:
        """The next lines, coloured."""
        start = self._first + len(self._lines)
        self._lines += more
        while start < self._first + len(self._lines):
            base = max(0, start // _STRIDE * _STRIDE - _STRIDE)
            stop = min((start // _STRIDE + 1) * _STRIDE, self._first + len(self._lines))
            known = self._lines[base - self._first : stop - self._first]
            yield from self._coloured(known)[start - base :]
            start = stop
        gone = max(0, start // _STRIDE * _STRIDE - _STRIDE) - self._first
        if gone > 0:
            del self._lines[:gone]
            self._first += gone

    def _coloured(self, known: Sequence[str]) -> list[Line]:
        if self._lexer is None or any(len(one) > _MOST for one in known):
            return [(Segment(one),) if one else () for one in known]
        rows: list[list[Segment]] = [[]]
        for _, kind, text in self._lexer.get_tokens_unprocessed("\n".join(known) + "\n"):
            role = _role(str(kind))
            for number, part in enumerate(text.split("\n")):
                if number:
                    rows.append([])
                if part:
                    rows[-1].append(Segment(part, role))
        return [tuple(row) for row in rows[: len(known)]]


def _role(kind: str) -> str:
    return next((role for prefix, role in _ROLES if kind.startswith(prefix)), "")


def _lexer(language: str, file: str) -> "Lexer | None":
    # Only where code is shown.
    from pygments import lexers  # noqa: PLC0415
    from pygments.util import ClassNotFound  # noqa: PLC0415

    try:
        # Their options are not typed, and none are given.
        if language:
            return lexers.get_lexer_by_name(language)  # pyright: ignore[reportUnknownMemberType]
        return lexers.get_lexer_for_filename(file)  # pyright: ignore[reportUnknownMemberType]
    except ClassNotFound:
        return None
