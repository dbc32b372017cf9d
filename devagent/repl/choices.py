"""A question in the place of the line: what is asked, and the keys that answer it, laid out for the screen as it is."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from devagent.repl.messages import tr
from devagent.repl.rows import in_rows
from devagent.repl.style import Line, Segment, line
from devagent.repl.width import width

Option = tuple[str, str]
"""A key as it is shown, and what it means."""
_WIDEST = 76


class Choices(Struct):
    """``rows`` are shown, the options below them; a key of ``keys`` answers."""

    rows: Sequence[Line]
    options: Sequence[Option]
    keys: Sequence[str]
    answered: "asyncio.Future[str]"
    note: str = ""
    """Of why a key did nothing."""
    pressed_ns: int = 0
    """When the key that answers was pressed (monotonic); 0: none was."""


def question_rows(question: Choices, columns: int, most: int) -> list[Line]:
    """All of it in at most so many rows. Where there is no room for that, what is asked about is cut, never its keys."""
    keys = option_rows(question.options, columns)
    if question.note:
        keys += in_rows([line(Segment(f"  {question.note}", "ask"))], columns)
    about = in_rows(question.rows, columns)
    over = len(about) + len(keys) - most
    if over > 0:
        left = max(0, len(about) - over - 1)
        said = tr("  … {many} more rows in a taller window")
        more = line(Segment(said.format(many=len(about) - left), "ask"))
        about = [*about[:left], more]
    return [*about, *keys]


def option_rows(options: Sequence[Option], columns: int) -> list[Line]:
    """The keys and what they mean, as many to a row as there is room for."""
    rows: list[Line] = []
    row: list[Segment] = []
    length = 0
    for key, text in options:
        wide = width(key) + width(text)
        if row and length + wide + 6 > min(_WIDEST, columns - 2):
            rows.append(tuple(row))
            row, length = [], 0
        row += [Segment("  "), Segment(key, "bold+accent"), Segment(f" {text}  ")]
        length += wide + 5
    return in_rows([*rows, tuple(row)], columns) if row else []
