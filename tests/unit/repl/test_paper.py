"""What is printed above the region: it stands as it would without one, and the region never goes away for it."""

import asyncio
import io
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from devagent.repl.capabilities import capabilities
from devagent.repl.live import Live
from devagent.repl.markdown.flow import ROW, Out
from devagent.repl.style import Painter, Segment
from devagent.repl.width import widest
from tests.support.cells import Cells

LIMIT_S = 20.0
WORDS = ("word", "配達", "é", "مرحبا", "שלום", "ไทย", "…", "👍", "x" * 17)


class Written(io.StringIO):
    """What the region's owner writes, on the cells at once; ``then`` looks at each write."""

    encoding = "utf-8"

    def __init__(self, cells: Cells) -> None:
        super().__init__()
        self.cells = cells
        self.then: Callable[[], None] = lambda: None

    def write(self, text: str) -> int:
        self.cells.write(text)
        self.then()
        return len(text)


@asynccontextmanager
async def printing(rows: int, columns: int) -> AsyncGenerator[tuple[Live, Written], None]:
    written = Written(Cells(rows, columns))
    output = Vt100_Output(written, lambda: Size(rows, columns), term="xterm", enable_cpr=False)
    with create_pipe_input() as keyboard:
        one = Live(
            Painter(capabilities({"TERM": "xterm-256color"})), history=InMemoryHistory(),
            completer=DummyCompleter(), input=keyboard, output=output,
        )  # fmt: skip
        one.status = "the line about the session"
        running = asyncio.ensure_future(one.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                while one.app.renderer.last_rendered_screen is None:
                    await asyncio.sleep(0)
                yield one, written
        finally:
            one.end()
            await running


@pytest.mark.parametrize("seed", range(24))
async def test_what_is_printed_above_the_region_stands_as_it_would_without_one(seed: int) -> None:
    chance = random.Random(seed)
    columns, rows = chance.choice((20, 40, 80)), chance.choice((7, 10, 24))
    printed = [""]
    async with printing(rows, columns) as (one, written):
        for _ in range(chance.randint(1, 20)):
            outs: list[Out] = []
            for word in chance.choices(WORDS, k=chance.randint(1, 14)):
                if chance.random() < 0.3 or widest(printed[-1] + word) >= columns - 1:
                    outs.append(ROW)
                    printed.append("")
                outs.append(Segment(f"{word} "))
                printed[-1] += f"{word} "
            one.paper.put(outs)
            if chance.random() < 0.8:
                one.paper.flush()
            if chance.random() < 0.2:
                one.hint = f"a hint {chance.random()}"
                one.redraw()
                await asyncio.sleep(0.002)
        one.paper.put([ROW])
        one.paper.flush()
        stands = [*written.cells.above, *written.cells.rows]
    assert stands[: len(printed)] == [row.rstrip() for row in printed]


@pytest.mark.parametrize("words", [("مرحبا", "שלום"), ("👍", "ไทย"), ("word",) * 3])
async def test_the_region_stands_there_all_the_while_whatever_is_printed_above_it(
    words: tuple[str, ...],
) -> None:
    async with printing(10, 60) as (one, written):
        frames: list[bool] = []
        written.then = lambda: frames.append(
            any("the line about the session" in row for row in written.cells.rows)
        )
        for _ in range(8):
            for word in words:
                one.paper.put([Segment(f"{word} ")])
                one.paper.flush()
            one.paper.put([ROW])
            one.paper.flush()
        one.paper.put([out for n in range(40) for out in (Segment(f"row {n} {words[0]}"), ROW)])
        one.paper.flush()
        written.then = lambda: None
        stands = [*written.cells.above, *written.cells.rows]
    assert frames
    assert all(frames)
    assert [f"row {n} {words[0]}" in stands for n in range(40)] == [True] * 40
