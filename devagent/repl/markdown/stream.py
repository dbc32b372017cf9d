"""Markdown in, rows out, as it arrives. What came out stays; the same text gives the same rows however it was cut.

A line is told what it is from its first characters, and then goes out word by word. Whole lines wait where
their meaning does: a fence, a rule, a table (until its last row, for the columns' widths). Line breaks are kept.
Code is coloured line by line and never broken.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from devagent.core.text import visible
from devagent.repl.markdown.code import Code
from devagent.repl.markdown.flow import ROW, Flow, Out, gathered
from devagent.repl.markdown.inline import taken
from devagent.repl.markdown.table import is_delimiter, table
from devagent.repl.style import Line, Segment

_CUT_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,4000}\x1b?)?$|\r$")
"""A control sequence whose end has not come yet."""
_HEADING = re.compile(r"(#{1,6})(?: +|$)")
_BULLET = re.compile(r"([-*+]) +")
_NUMBER = re.compile(r"(\d{1,9}[.)]) +")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^\s`]*)")
_RULE = re.compile(r"([-*_])(?:[ \t]*\1){2,}[ \t]*")
_UNSETTLED = re.compile(r"#{0,6}|`{1,2}|~{1,2}|[-*_+]{1,2}|\d{1,9}|\d{1,9}[.)]|>")
_RULE_SO_FAR = re.compile(r"([-*_])(?:[ \t]*\1){2,}[ \t]*")
_DEEPEST = 12
"""Columns that the indent of a line may take."""


class _Begun(Struct):
    """What a line is, by its first characters."""

    prefix: list[Segment]
    hang: str
    role: str
    rest: str


class MarkdownStream:
    """One text. ``columns`` are what a row may take; they may change, and hold from the next line of the text on."""

    def __init__(self, columns: int, *, unicode: bool = True, plain: bool = False) -> None:
        self.columns = columns
        self._unicode = unicode
        self._plain = plain
        self._cut = ""
        self._rest = ""
        self._before = ""
        self._flow: Flow | None = None
        self._role = ""
        self._fence = ""
        self._indent = 0
        self._code = Code()
        self._waiting: list[str] = []
        self._rows: list[str] = []
        self._blank = False
        self._any = False

    def feed(self, text: str) -> Iterator[Out]:
        """Take text in; what is certain of it comes out."""
        text = self._cut + text
        cut = _CUT_ESCAPE.search(text)
        self._cut = cut[0] if cut else ""
        text = visible(text.removesuffix(self._cut)).replace("\t", "    ")
        while text:
            head, newline, text = text.partition("\n")
            self._rest += head
            if newline:
                yield from self._line_ends()
            else:
                yield from self._goes_on()
        yield from self._lines_of_code()

    def end(self) -> Iterator[Out]:
        """All that is left: the text is over."""
        if self._rest or self._flow:
            yield from self._line_ends()
        yield from self._lines_of_code()
        if self._fence:  # it was cut, or never closed
            fence, self._fence = self._fence, ""
            yield from self._whole((Segment(self._edge(fence, ""), "quiet"),))
        yield from self._table_ends()

    def _goes_on(self) -> Iterator[Out]:
        if self._flow is None:
            begun = None if self._fence else self._begun(ended=False)
            if begun is None:
                return
            yield from self._begin(begun)
        yield from self._stream(ended=False)

    def _line_ends(self) -> Iterator[Out]:
        if self._flow is None:
            source, stripped = self._rest, self._rest.strip()
            if self._fence:
                self._rest = ""
                yield from self._in_code(source, stripped)
                return
            if stripped.startswith("|"):
                self._rest = ""
                self._rows.append(stripped)
                return
            yield from self._table_ends()
            if not stripped:
                self._rest, self._blank = "", True
                return
            fence = _FENCE.match(stripped)
            if fence and (fence[1][0] == "~" or "`" not in stripped[len(fence[1]) :]):
                self._rest = ""
                yield from self._open()
                self._fence, self._code = fence[1], Code(fence[2].lower())
                self._indent = len(source) - len(source.lstrip(" "))
                yield from self._whole(
                    (Segment(self._edge(stripped, stripped[len(fence[1]) :]), "quiet"),)
                )
                return
            if _RULE.fullmatch(stripped):
                self._rest = ""
                yield from self._open()
                dash = "─" if self._unicode else "-"
                yield from self._whole((Segment(dash * min(self.columns, 40), "quiet"),))
                return
            begun = self._begun(ended=True)
            if begun is not None:
                yield from self._begin(begun)
        yield from self._stream(ended=True)
        if self._flow is not None:
            yield from self._flow.end()
        self._flow, self._rest, self._before = None, "", ""

    def _stream(self, *, ended: bool) -> Iterator[Out]:
        if self._flow is None:
            return
        segments, used = taken(self._rest, self._role, ended=ended, before=self._before)
        if used:
            self._before, self._rest = self._rest[used - 1], self._rest[used:]
        yield from self._flow.feed(segments)

    def _begin(self, begun: _Begun) -> Iterator[Out]:
        yield from self._table_ends()
        yield from self._open()
        self._flow = Flow(self.columns, prefix=begun.prefix, hang=begun.hang)
        self._role, self._rest = begun.role, begun.rest

    def _begun(self, *, ended: bool) -> _Begun | None:
        """What the line is; None where its first characters do not say it yet."""
        source = self._rest
        text = source.lstrip(" ")
        indent = " " * min(len(source) - len(text), _DEEPEST)
        if not text:
            return None
        if not ended and (
            text[0] == "|"
            or _FENCE.match(text)
            or _UNSETTLED.fullmatch(text)
            or _RULE_SO_FAR.fullmatch(text)
        ):
            return None
        if heading := _HEADING.match(text):
            sign = [Segment(f"{heading[1]} ", "quiet")] if self._plain else []
            return _Begun(sign, "", "heading", text[heading.end() :])
        if bullet := _BULLET.match(text):
            dot = "•" if self._unicode else "-"
            return _item(indent, f"{dot} ", text[bullet.end() :])
        if number := _NUMBER.match(text):
            return _item(indent, f"{number[1]} ", text[number.end() :])
        if text[0] == ">":
            bar = "▎ " if self._unicode else "| "
            rest = text.lstrip("> ") if ended or text.lstrip("> ") else ""
            if not rest and not ended:
                return None
            return _Begun([Segment(bar, "quiet")], bar, "italic", rest)
        if not ended and re.fullmatch(r"[-*+] *|\d{1,9}[.)] *", text):
            return None
        return _Begun([Segment(indent)] if indent else [], indent, "", text)

    def _in_code(self, source: str, stripped: str) -> Iterator[Out]:
        closes = stripped.startswith(self._fence) and not stripped.strip(self._fence[0])
        if not closes:
            indent = min(self._indent, len(source) - len(source.lstrip(" ")))
            self._waiting.append(source[indent:])
            return
        yield from self._lines_of_code()
        self._fence = ""
        yield from self._whole((Segment(self._edge(stripped, ""), "quiet"),))

    def _edge(self, fence: str, about: str) -> str:
        """What stands above and below code: short, so that it is not in the way of copying; without colours the fence
        itself."""
        return f"── {about.strip()}".rstrip() if self._unicode and not self._plain else fence

    def _lines_of_code(self) -> Iterator[Out]:
        waiting, self._waiting = self._waiting, []
        if waiting:
            for one in self._code.lines(waiting):
                yield from self._whole(one)

    def _table_ends(self) -> Iterator[Out]:
        rows, self._rows = self._rows, []
        if not rows:
            return
        yield from self._open()
        if len(rows) > 1 and is_delimiter(rows[1]):
            for one in table(rows, self.columns, unicode=self._unicode):
                yield from self._whole(one)
            return
        for row in rows:
            flow = Flow(self.columns)
            yield from flow.feed(taken(row, "", ended=True)[0])
            yield from flow.end()

    def _open(self) -> Iterator[Out]:
        """The empty row between two blocks, where there was an empty line."""
        if self._blank and self._any:
            yield ROW
        self._blank, self._any = False, True

    def _whole(self, one: Line) -> Iterator[Out]:
        yield from one
        yield ROW


def _item(indent: str, sign: str, rest: str) -> _Begun:
    return _Begun([Segment(indent), Segment(sign, "accent")], " " * len(indent + sign), "", rest)


def lines_of(text: str, columns: int, *, unicode: bool = True, plain: bool = False) -> list[Line]:
    """A whole text's rows."""
    stream = MarkdownStream(columns, unicode=unicode, plain=plain)
    return gathered((*stream.feed(text), *stream.end()))
