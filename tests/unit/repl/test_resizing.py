"""A window that gets narrower: the region is taken away whole, and nothing that was printed with it."""

import asyncio
import signal
from typing import Literal

import pytest
from msgspec.structs import replace
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout.screen import Char, Screen
from prompt_toolkit.output import DummyOutput

from devagent.repl.capabilities import capabilities
from devagent.repl.live import Live
from devagent.repl.markdown.flow import ROW
from devagent.repl.resizing import Footprint
from devagent.repl.style import Painter, Segment

LIMIT_S = 20.0
TO_THE_OPEN_LINE = "\x1b[A"


def screen(*rows: str) -> Screen:
    one = Screen()
    for y, row in enumerate(rows):
        for x, char in enumerate(row):
            one.data_buffer[y][x] = Char(char)
    one.height = len(rows)
    return one


def test_rows_that_are_too_long_count_as_often_as_they_are_wrapped() -> None:
    region = Footprint()
    region.drawn(screen("", "x" * 40, "x" * 41, "› "), 80, anew=True, counts_erased=False)
    at = Point(2, 3)
    assert region.wrapped_above(at, 80) == 0
    assert region.wrapped_above(at, 100) == 0
    assert region.wrapped_above(at, 40) == 1
    assert region.wrapped_above(at, 20) == 1 + 2
    assert region.wrapped_above(Point(0, 0), 20) == 0
    assert region.wrapped_above(Point(45, 3), 20) == 1 + 2 + 2


def test_a_terminal_that_counts_what_was_erased_wraps_a_row_as_wide_as_it_ever_was() -> None:
    for erased, more in ((True, 1), (False, 0)):
        region = Footprint()
        region.drawn(screen("", "x" * 70, "› "), 80, anew=True, counts_erased=erased)
        region.drawn(screen("", "short", "› "), 80, anew=False, counts_erased=erased)
        assert region.wrapped_above(Point(2, 2), 40) == more
        region.drawn(screen("", "short", "› "), 80, anew=True, counts_erased=erased)
        assert region.wrapped_above(Point(2, 2), 40) == 0


@pytest.mark.parametrize(
    ("environment", "wraps"),
    [
        ({"TERM": "xterm-256color"}, "text"),
        ({"TERM": "xterm-kitty"}, "text"),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, "no"),
        ({"TERM": "linux"}, "no"),
        ({"TERM": "screen", "STY": "1.pts"}, "no"),
        ({"TERM": "screen-256color"}, "cells"),
        ({"TERM": "xterm-256color", "TMUX": "/tmp/tmux"}, "cells"),
    ],
)
def test_what_a_terminal_wraps_is_told_by_its_environment(
    environment: dict[str, str], wraps: str
) -> None:
    assert capabilities(environment).wraps == wraps


class Window(DummyOutput):
    def __init__(self) -> None:
        self.size = Size(24, 80)
        self.ups: list[int] = []
        self.raw: list[str] = []

    def get_size(self) -> Size:
        return self.size

    def write_raw(self, data: str) -> None:
        self.raw.append(data)

    def cursor_up(self, amount: int) -> None:
        self.ups.append(amount)


@pytest.mark.parametrize(("wraps", "up"), [("text", 1), ("no", 0)])
async def test_the_region_is_taken_away_from_where_it_begins_after_its_rows_were_wrapped(
    wraps: Literal["text", "no"], up: int
) -> None:
    able = replace(capabilities({"TERM": "xterm-256color"}), wraps=wraps)
    window = Window()
    ups: list[int] = []
    with create_pipe_input() as keyboard:
        one = Live(
            Painter(able), history=InMemoryHistory(), completer=DummyCompleter(), input=keyboard,
            output=window,
        )  # fmt: skip
        one.todo = "what is to be done " * 3
        running = asyncio.ensure_future(one.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                for columns in (80, 50):
                    window.size = Size(24, columns)
                    if one.app.is_running:
                        signal.raise_signal(signal.SIGWINCH)
                    while one.app.footprint.columns != columns:
                        await asyncio.sleep(0.001)
                    window.ups, ups = [], window.ups
        finally:
            one.end()
            await running
    # The list of what is to be done stands above the cursor, and an empty row.
    assert [n for n in ups if n][: 1 + up] == ([up, 2] if up else [2])


async def test_what_streams_on_after_somebody_else_had_the_terminal_begins_a_row_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with create_pipe_input() as keyboard:
        window = Window()
        one = Live(
            Painter(capabilities({"TERM": "xterm-256color"})),
            history=InMemoryHistory(), completer=DummyCompleter(), input=keyboard, output=window,
        )  # fmt: skip
        monkeypatch.setattr(one.app, "suspend_to_background", lambda: None)
        running = asyncio.ensure_future(one.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                while not one.app.is_running:
                    await asyncio.sleep(0)
            one.paper.put([Segment("half a")])
            one.paper.flush()
            one.suspend()
            one.paper.put([Segment(" line"), ROW])
            one.paper.flush()
        finally:
            one.end()
            await running
    (written,) = [text for text in window.raw if " line" in text]
    assert TO_THE_OPEN_LINE not in written
