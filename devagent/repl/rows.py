"""Lines of devagent's own in rows of the screen: a note, a line of several parts, a command's output."""

from collections.abc import Iterable, Iterator, Sequence

from devagent.core.text import visible
from devagent.repl.markdown.flow import ROW, Flow, Out, gathered
from devagent.repl.style import Line, Segment, coded, text_of, width_of


def flowing(head: Sequence[Segment], rest: Sequence[Segment], room: int) -> Iterator[Out]:
    """One line of several parts, its further rows indented."""
    prefix, *parts = head
    flow = Flow(room, prefix=[prefix], hang="  ")
    yield from flow.feed(
        Segment(visible(one.text).replace("\n", " ").replace("\t", " "), one.role, one.link)
        for one in (*parts, *rest)
    )
    yield from flow.end()


def noted(text: str, role: str, room: int) -> Iterator[Out]:
    """A few words of devagent's own, their indent kept."""
    for row in visible(text).strip("\n").split("\n"):
        indent = " " * (len(row) - len(row.lstrip(" ")))
        flow = Flow(room, prefix=[Segment(indent)], hang=indent or "  ")
        yield from flow.feed(coded(row.lstrip(" "), role))
        yield from flow.end()


def laid_out(lines: Iterable[Line], room: int, *, whole: bool, wide: bool) -> Iterator[Out]:
    """Lines in rows. ``whole`` ones, and those indented by four columns where they are not ``wide``, are code: the
    terminal wraps them."""
    for one in lines:
        code = whole or (not wide and text_of(one).startswith("    "))
        if code or width_of(one) <= room:
            yield from one
            yield ROW
        else:
            yield from wrapped(one, room)


def in_rows(lines: Iterable[Line], columns: int) -> list[Line]:
    """Lines as rows of less than so many columns."""
    outs = laid_out(lines, max(8, columns - 1), whole=False, wide=True)
    return gathered(outs)


def wrapped(one: Line, columns: int) -> Iterator[Out]:
    """A line in rows, those after the first below its text: behind a first column, where it has one."""
    head, *rest = one
    indent = len(head.text) - len(head.text.lstrip(" "))
    column = width_of([head]) if rest and head.text.endswith(" ") and len(head.text) < 34 else 0
    hang = " " * (column or min(indent + 2, 12))
    if column:
        flow = Flow(columns, prefix=[head], hang=hang)
    else:
        flow = Flow(columns, prefix=[Segment(" " * indent)] if indent else [], hang=hang)
        rest = [Segment(head.text[indent:], head.role, head.link), *rest]
    yield from flow.feed(rest)
    yield from flow.end()
