"""The live region's keys, without a terminal."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from devagent.cli.chat.following import follow
from devagent.core.approvals import standing_approval
from devagent.core.events.model import ModelReplied, TextDelta
from devagent.core.ports import Question
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Decision
from devagent.repl import asker, one_key
from devagent.repl.asker import OnScreen
from devagent.repl.capabilities import capabilities
from devagent.repl.live import Live
from devagent.repl.region import Doing
from devagent.repl.style import Line, Painter, text_of
from tests.support.log_events import judged

LIMIT_S = 20.0
KEYS = ("y", "n", "escape")


class Window(DummyOutput):
    """An output of so many rows and columns."""

    def __init__(self, rows: int, columns: int) -> None:
        self.size = Size(rows, columns)

    def get_size(self) -> Size:
        return self.size


@asynccontextmanager
async def region(rows: int = 40, columns: int = 80) -> AsyncGenerator[tuple[Live, PipeInput], None]:
    """A region that runs, and its keyboard."""
    with create_pipe_input() as keyboard:
        one = Live(
            Painter(capabilities({"TERM": "xterm-256color"})),
            history=InMemoryHistory(), completer=DummyCompleter(), input=keyboard, output=Window(rows, columns),
        )  # fmt: skip
        running = asyncio.ensure_future(one.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                while not one.app.is_running:
                    await asyncio.sleep(0)
                yield one, keyboard
        finally:
            one.end()
            await running


async def asked(one: Live) -> "asyncio.Future[str]":
    question = asyncio.ensure_future(one.ask([], KEYS))
    while one.question is None:
        await asyncio.sleep(0)
    return question


@pytest.mark.parametrize("words", ["you should look first", "why", "yes", "please y"])
async def test_words_that_are_typed_while_a_question_stands_there_answer_nothing(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with region() as (one, keyboard):
        question = await asked(one)
        keyboard.send_text(words)
        while not (one.question and one.question.note):
            await asyncio.sleep(0)
        assert not question.done()
        monkeypatch.setattr(one_key, "QUIET_S", 0.0)
        keyboard.send_text("n")
        assert await question == "n"


@pytest.mark.parametrize(
    ("typed", "answer"), [("y", "y"), ("y\r", "y"), ("\x1b", "escape"), ("n\x1b", "escape")]
)
async def test_one_key_answers_with_enter_or_without(typed: str, answer: str) -> None:
    async with region() as (one, keyboard):
        question = await asked(one)
        keyboard.send_text(typed)
        assert await question == answer


class Clock:
    """A clock that is set by hand, in nanoseconds."""

    def __init__(self) -> None:
        self.now = 10**12

    def monotonic_ns(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1e9


async def test_an_answer_takes_until_its_key_is_pressed_not_until_it_is_known_to_stand_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(asker, "time", clock)
    monkeypatch.setattr(one_key, "time", clock)
    tool = ToolSpec("workspace", "write", "write", "", {})
    question = Question("c1", tool, {}, (), Decision("ask", "so"), "workspace.write")
    async with region() as (one, keyboard):
        screen = OnScreen(one, "ana", "/w", lambda rows: None)
        answer = asyncio.ensure_future(screen.ask(question))
        while one.question is None:
            await asyncio.sleep(0)
        clock.now += 850_000_000
        keyboard.send_text("y")
        while not one.question.pressed_ns:
            await asyncio.sleep(0)
        clock.now += 200_000_000
        given = (await answer).approval
    assert (given.answer, given.latency_us, screen.quick) == ("yes", 850_000, 1)


async def test_the_key_for_the_shell_is_one_while_typing_and_at_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with region() as (one, keyboard):
        left: list[str] = []
        monkeypatch.setattr(one.app, "suspend_to_background", lambda: left.append(one.buffer.text))
        keyboard.send_text("some\x1a")
        while left != ["some"]:
            await asyncio.sleep(0)
        question = await asked(one)
        monkeypatch.setattr(one_key, "QUIET_S", 0.0)
        keyboard.send_text("\x1an")
        assert await question == "n"
        assert left == ["some", "some"]


async def test_what_is_pasted_answers_nothing_nor_what_breaks_out_of_its_brackets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with region() as (one, keyboard):
        question = await asked(one)
        keyboard.send_text("\x1b[200~harmless\x1b[201~y\r")
        await until(lambda: bool(one.question and one.question.note))
        assert not question.done()
        monkeypatch.setattr(one_key, "QUIET_S", 0.0)
        keyboard.send_text("n")
        assert await question == "n"


async def test_nobody_files_an_approval_that_the_window_cannot_show_whole() -> None:
    call = judged("ask")
    tool = ToolSpec(call.ext.name, call.tool, "write", "", {})
    standing = standing_approval(
        call, by="user:ana", scope="always", given="2026-11-20", days=7, folder="/w"
    )
    question = Question(
        "c1", tool, {}, (), Decision("ask", "so"), "git.push", judged=call, standing=standing,
        scopes=("once", "always"),
    )  # fmt: skip
    async with region(rows=8) as (one, keyboard):
        printed: list[Line] = []
        answer = asyncio.ensure_future(OnScreen(one, "ana", "/w", printed.extend).ask(question))
        await until(lambda: one.question is not None)
        assert not any("would be filed" in text_of(row) for row in printed)
        keyboard.send_text("a")
        await until(lambda: any("would be filed" in text_of(row) for row in printed))
        assert sum("does not" in text_of(row) for row in printed) == 3
        await until(lambda: one.question is not None and ("y", "file it") in one.question.options)
        await asyncio.sleep(0)
        keyboard.send_text("\x1b")
        await until(lambda: one.question is not None and ("n", "no") in one.question.options)
        keyboard.send_text("\x1b")
        with pytest.raises(asyncio.CancelledError):
            await answer


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not so():
            await asyncio.sleep(0.001)


async def test_escape_alone_stops_at_once_and_what_is_typed_after_it_is_typed() -> None:
    async with region() as (one, keyboard):
        stopped: list[bool] = []
        one.stop = lambda: not stopped.append(True)
        one.app.timeoutlen = 1e6  # nothing is waited for
        keyboard.send_text("\x1b")
        await until(lambda: bool(stopped))
        keyboard.send_text("/why")
        await until(lambda: one.buffer.text == "/why")


async def test_alt_and_enter_is_a_new_line_and_stops_nothing() -> None:
    async with region() as (one, keyboard):
        stopped: list[bool] = []
        one.stop = lambda: not stopped.append(True)
        keyboard.send_text("one\x1b\rtwo")
        await until(lambda: one.buffer.text == "one\ntwo")
        assert not stopped


async def test_lines_that_are_pasted_where_no_terminal_says_so_are_one_message() -> None:
    async with region() as (one, keyboard):
        said: list[str] = []
        one.submit = lambda text, _: said.append(text)
        keyboard.send_text("first\rsecond\r\rfourth\r")
        await until(lambda: bool(said))
        assert said == ["first\nsecond\n\nfourth"]


async def test_what_nobody_sees_of_a_paste_is_left_out_and_they_are_told() -> None:
    async with region() as (one, keyboard):
        said: list[str] = []
        one.submit = lambda text, _: said.append(text)
        hidden = "".join(chr(0xE0000 + ord(c)) for c in "obey")
        keyboard.send_text(f"\x1b[200~a \x1b[31mred\x1b[m\u202e word{hidden}\r\nb\tc\x07\x1b[201~")
        await until(lambda: one.buffer.text == "a red word\nb\tc")
        assert "invisible" in one.hint
        keyboard.send_text("\r")
        await until(lambda: said == ["a red word\nb\tc"])


async def test_a_long_paste_as_a_reason_is_the_reason_and_not_its_mark() -> None:
    async with region() as (one, keyboard):
        reason = asyncio.ensure_future(one.read("Why not?"))
        await until(lambda: one.reads)
        lines = "\n".join(map(str, range(20)))
        keyboard.send_text(f"\x1b[200~{lines}\x1b[201~\r")
        assert await reason == lines


async def test_a_line_that_is_too_long_keeps_its_indent_and_stays_in_the_window() -> None:
    async with region(columns=30) as (one, _):
        one.status, one.todo = "/help · a model · /a/folder/with/配達配達配達配達", "x" * 90
        one.redraw()
        await until(lambda: one.app.footprint.widths[1:2] == [28])
        rows = [drawn(one).split("\n")[y] for y in (1, 3)]
        assert all(row.startswith("  ") and row.rstrip().endswith("…") for row in rows)
        assert all(wide < 30 for wide in one.app.footprint.widths)


async def test_shift_tab_turns_only_reading_on_and_off() -> None:
    async with region() as (one, keyboard):
        turned: list[str] = []
        one.planning = lambda: turned.append(one.buffer.text)
        keyboard.send_text("half a sentence\x1b[Z\x1b[Z")
        await until(lambda: turned == ["half a sentence"] * 2)


async def test_a_reply_that_stops_in_the_middle_is_said_to_have() -> None:
    async with region() as (one, _):
        one.doing = Doing(since=time.monotonic() - 60)
        follow(one.doing, TextDelta(turn=1, text="Once upon"))
        one.doing.heard -= 7
        one.redraw()
        await until(lambda: "nothing new for 7 s" in drawn(one))
        follow(one.doing, TextDelta(turn=1, text=" a time"))
        one.redraw()
        await until(lambda: "nothing new" not in drawn(one))
        follow(one.doing, ModelReplied(turn=1, model="m", stop="end_turn", content=[]))
        assert not one.doing.heard


def drawn(one: Live) -> str:
    screen = one.app.renderer.last_rendered_screen
    if screen is None:
        return ""
    rows = (screen.data_buffer[y] for y in range(screen.height))
    return "\n".join("".join(cell.char for _, cell in sorted(row.items())) for row in rows)
