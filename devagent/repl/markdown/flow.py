"""Words into rows of a given width, as they come: a row is given out word by word, and never taken back."""

from collections.abc import Iterable, Iterator

from devagent.repl.style import Line, Segment
from devagent.repl.width import begins_wide, breakable, width


class Row:
    """The end of a row."""

    __slots__ = ()


ROW = Row()
Out = Segment | Row


class Flow:
    """One line of text, laid out below a prefix. ``hang`` is put before each row after the first."""

    def __init__(self, columns: int, *, prefix: Iterable[Segment] = (), hang: str = "") -> None:
        self._columns = max(8, columns)
        self._prefix = list(prefix)
        self._hang = hang
        self._at = 0
        self._word: list[Segment] = []
        self._space: Segment | None = None
        self._begun = False
        self._filled = False  # the row has a word

    def feed(self, segments: Iterable[Segment]) -> Iterator[Out]:
        """Take segments in; the words that are complete come out."""
        for segment in segments:
            if _is_whole(segment, self._columns):
                self._word.append(segment)
                continue
            start = 0
            text = segment.text
            while (space := text.find(" ", start)) >= 0:
                self._add(text[start:space], segment)
                yield from self._end_word()
                self._space = Segment(" ", segment.role if segment.link else "", segment.link)
                start = space + 1
            self._add(text[start:], segment)

    def end(self) -> Iterator[Out]:
        """The last word, and the end of the row."""
        yield from self._end_word()
        yield from self._begin()
        yield ROW

    def _add(self, text: str, like: Segment) -> None:
        if text:
            self._word.append(Segment(text, like.role, like.link))

    def _begin(self) -> Iterator[Out]:
        if self._begun:
            return
        self._begun = True
        for one in self._prefix:
            self._at += width(one.text)
            yield one

    def _end_word(self) -> Iterator[Out]:
        if not self._word:
            return
        word, self._word = self._word, []
        yield from self._begin()
        for number, part in enumerate(_parts(word)):
            wide = sum(width(one.text) for one in part)
            space = self._space if number == 0 else None
            self._space = None if number == 0 else self._space
            gap = 1 if space and self._filled else 0
            if self._filled and self._at + gap + wide > self._columns:
                yield ROW
                self._at = len(self._hang)
                if self._hang:
                    yield Segment(self._hang)
            elif gap and space:
                yield space
                self._at += 1
            yield from part
            self._at += wide
            self._filled = True


def gathered(outs: Iterable[Out]) -> list[Line]:
    """What came out, as rows."""
    lines: list[Line] = []
    row: list[Segment] = []
    for one in outs:
        if isinstance(one, Segment):
            row.append(one)
        else:
            lines.append(tuple(row))
            row = []
    return [*lines, tuple(row)] if row else lines


def _is_whole(segment: Segment, columns: int) -> bool:
    """A code span or a short link is not broken where it has a space, while it fits a row."""
    whole = "code" in segment.role.split("+") or (segment.link and width(segment.text) < 24)
    return bool(whole) and width(segment.text) < columns // 2


def _parts(word: list[Segment]) -> list[list[Segment]]:
    """A word's stretches between which a row may end: one, but for East Asian text."""
    if all(one.text.isascii() for one in word):
        return [word]
    parts: list[list[Segment]] = []
    open_end = False
    for one in word:
        for text in breakable(one.text):
            wide = begins_wide(text)
            piece = Segment(text, one.role, one.link)
            if open_end and not wide and parts:
                parts[-1].append(piece)
            else:
                parts.append([piece])
            open_end = not wide
    return parts
