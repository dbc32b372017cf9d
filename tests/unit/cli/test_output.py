"""Standard output: the answer and nothing else, in one of three formats."""

import asyncio
import errno
import io
import json
import os
import sys
from typing import Any

import pytest

from devagent.cli.output import FORMATS, Output, OutputFormat
from devagent.core.events.calls import ToolFinished
from devagent.core.events.model import TextDelta, ThinkingDelta
from devagent.core.events.turns import Prompt, TurnStarted


class Screen:
    """What has come to standard output and error so far."""

    def __init__(self, captured: pytest.CaptureFixture[bytes]) -> None:
        self._captured = captured
        self._out = self._err = b""

    def _read(self) -> None:
        out, err = self._captured.readouterr()
        self._out, self._err = self._out + out, self._err + err

    @property
    def out(self) -> bytes:
        self._read()
        return self._out

    @property
    def err(self) -> bytes:
        self._read()
        return self._err


@pytest.fixture
def screen(capfdbinary: pytest.CaptureFixture[bytes]) -> Screen:
    return Screen(capfdbinary)


def result(text: str = "Hello.", stop: str = "done", **more: Any) -> dict[str, Any]:
    return {"type": "result", "result": text, "stop": stop, **more}


def whole_run(output_format: OutputFormat, text: str = "Hello.", stop: str = "done") -> None:
    output = Output(output_format)
    output.opened({"type": "init", "v": 1})
    output.event(TurnStarted(turn=1))
    output.event(ThinkingDelta(turn=1, text="hm"))
    output.event(TextDelta(turn=1, text="Hel"))
    output.event(Prompt(turn=1, text="hi"))
    output.result(result(text, stop))


def test_what_the_record_alone_has_of_a_result_is_not_streamed(screen: Screen) -> None:
    finished = ToolFinished(turn=1, call="c1", outcome="ok", text="short", whole="x" * 100_000)
    Output("stream-json").event(finished)
    assert len(screen.out) < 200
    assert b"short" in screen.out


def test_text_is_the_last_message_alone(screen: Screen) -> None:
    whole_run("text")
    assert (screen.out, screen.err) == (b"Hello.\n", b"")


def test_text_without_an_answer_is_nothing_at_all(screen: Screen) -> None:
    whole_run("text", "")
    assert screen.out == b""


def test_text_is_utf8_and_without_control_characters_but_with_joiners(screen: Screen) -> None:
    whole_run("text", "a\x1b[31mb\u202ec\x07 👩\u200d💻 ü\n\tnext")
    assert screen.out.decode() == "abc 👩\u200d💻 ü\n\tnext\n"


def test_an_answer_that_does_not_fit_its_schema_is_told_on_stderr_only(screen: Screen) -> None:
    whole_run("text", "no\x1b[2J json", "schema")
    assert (screen.out, screen.err) == (b"", b"no json\n")


def test_json_is_one_object(screen: Screen) -> None:
    whole_run("json", "ü")
    assert json.loads(screen.out) == result("ü")
    assert screen.out.count(b"\n") == 1


def test_stream_json_is_init_events_and_result_a_line_each(screen: Screen) -> None:
    whole_run("stream-json")
    lines = [json.loads(line) for line in screen.out.splitlines()]
    assert [line["type"] for line in lines] == [
        "init",
        "turn.started",
        "text.delta",
        "prompt",
        "result",
    ]
    assert lines[3] == {"type": "prompt", "turn": 1, "text": "hi"}


@pytest.mark.parametrize("output_format", ["json", "stream-json"])
def test_json_keeps_one_line_whatever_the_answer_is(
    screen: Screen, output_format: OutputFormat
) -> None:
    whole_run(output_format, "a\nb\r\nc\x1b[2J\u2028d", "schema")
    last = screen.out.decode().split("\n")[-2]
    assert json.loads(last)["result"] == "a\nb\r\nc\x1b[2J\u2028d"
    assert screen.err == b""


BIG = TextDelta(turn=1, text="x" * 300_000)
"""More than a pipe holds."""


async def test_a_reader_that_does_not_read_holds_up_the_loop_in_nothing_and_gets_all_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        output = Output("stream-json")
        output.opened({"type": "init", "v": 1})
        await output.drained()
        output.event(BIG)
        output.event(TurnStarted(turn=2))
        waiting = asyncio.create_task(output.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(30):
            lines, _ = await asyncio.gather(
                asyncio.to_thread(lambda: [reader.readline() for _ in range(3)]), output.drained()
            )
        types = [json.loads(line)["type"] for line in lines]
        assert types == ["init", "text.delta", "turn.started"]
        os.set_blocking(reader.fileno(), False)
        assert reader.read(1) is None


async def test_a_reader_that_goes_away_while_it_is_waited_for_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        output = Output("stream-json")
        output.event(BIG)
        waiting = asyncio.create_task(output.drained())
        await asyncio.sleep(0)
        os.close(reading)
        async with asyncio.timeout(30):
            with pytest.raises(BrokenPipeError):
                await waiting
    assert output.is_broken


def test_what_was_printed_before_stays_before(screen: Screen) -> None:
    sys.stdout.write("before ")
    whole_run("text")
    assert screen.out == b"before Hello.\n"


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_reader_that_has_gone_is_told_to_the_caller(
    monkeypatch: pytest.MonkeyPatch, output_format: OutputFormat
) -> None:
    class Gone(io.BytesIO):
        def write(self, _: Any) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    gone = Gone()
    with io.TextIOWrapper(gone) as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(BrokenPipeError):
            whole_run(output_format)
