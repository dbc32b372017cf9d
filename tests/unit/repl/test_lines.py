"""The screen that only prints: how it ends."""

import asyncio

import pytest
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from devagent.repl.capabilities import capabilities
from devagent.repl.lines import Lines
from devagent.repl.style import Painter


@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
async def test_it_ends_from_without_while_a_line_is_awaited(
    terminal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a signal: nobody presses a key, and nothing is waited for."""
    monkeypatch.setenv("TERM", terminal)
    left: list[str] = []
    with create_pipe_input() as keyboard:
        able = capabilities({"TERM": terminal}, encoding="utf-8")
        lines = Lines(
            Painter(able), history=InMemoryHistory(), completer=DummyCompleter(),
            input=keyboard, output=DummyOutput(),
        )  # fmt: skip
        typed = asyncio.Event()

        def submit(text: str, _: bool) -> None:
            left.append(text)
            typed.set()

        lines.submit = submit
        lines.leave = lambda: left.append("left")
        running = asyncio.ensure_future(lines.run())
        async with asyncio.timeout(20):
            lines.waits()
            keyboard.send_text("one\r")
            await typed.wait()
            lines.waits()
            for _ in range(50):  # the next line is being read
                await asyncio.sleep(0)
            lines.end()
            await running
    assert left == ["one"]
