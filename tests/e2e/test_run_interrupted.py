"""SIGINT and SIGTERM: exit code 130 with the whole result, and a record that has its end."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ToolFinished, ToolStarted
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import TurnCut, TurnStarted
from tests.support.command_line import devagent, logged, logs, running
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.workplace import STATUS, workplace

SIGNALS = [signal.SIGINT, signal.SIGTERM]
FOR_EVER = Call(
    "sql__query",
    {
        "source": "shop",
        "sql": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000000000) "
        "SELECT count(*) FROM n",
    },
)


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def is_delta(line: dict[str, Any]) -> bool:
    return line["type"] == "text.delta"


def is_query_under_way(line: dict[str, Any]) -> bool:
    return line["type"] == "tool.started" and line["tool"] == "query"


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_while_the_model_speaks_cuts_the_turn(
    work: Path, number: signal.Signals
) -> None:
    stall = Step(text=["A half ", "sentence"], fault="stall", at=900)
    async with (
        MessagesServer([stall]) as server,
        running(
            "run", "Talk", "--output-format", "stream-json", server=server, cwd=work
        ) as process,
    ):
        await process.lines_until(is_delta)
        process.send(number)
        done = await process.finished()
    result = done.result
    assert (done.code, result["stop"], done.stderr) == (130, "interrupted", "")
    assert (result["reason"], result["log"]) == ("interrupted", "verify: ok")
    (log,) = logs()
    *before, cut, ended = logged(log)
    assert (cut, ended) == (
        TurnCut(turn=1, err="cancelled"),
        SessionEnded(stop="interrupted", exit_code=130, reason="interrupted"),
    )
    assert not [event for event in before if isinstance(event, ModelReplied)]
    assert verify_session(log).headline.startswith("verify: ok")


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_while_a_tool_runs_closes_its_call_and_the_session_goes_on(
    work: Path, number: signal.Signals
) -> None:
    steps = [Step(text="I count.", calls=[STATUS, FOR_EVER, STATUS]), Step(text="As you like.")]
    async with MessagesServer(steps) as server:
        async with running(
            "run", "Count", "--output-format", "stream-json", server=server, cwd=work
        ) as process:
            await process.lines_until(is_query_under_way)
            process.send(number)
            done = await process.finished()
        assert (done.code, done.result["stop"], done.result["log"]) == (
            *(130, "interrupted"),
            "verify: ok",
        )
        (log,) = logs()
        *_, finished, cut, ended = logged(log)
        assert isinstance(finished, ToolFinished)
        assert (finished.outcome, finished.err) == ("cut", "cancelled")
        assert (cut, type(ended)) == (TurnCut(turn=1, err="cancelled"), SessionEnded)

        again = await devagent("run", "Leave it", "--resume", "last", server=server, cwd=work)
    assert (again.code, again.stdout) == (0, "As you like.\n")
    user, calls, told = server.requests[-1].body["messages"]
    assert [block["text"] for block in user["content"]] == ["Count"]
    ids = [block["id"] for block in calls["content"] if block["type"] == "tool_use"]
    blocks = told["content"]
    assert [block["tool_use_id"] for block in blocks[:3]] == ids
    assert [block.get("is_error", False) for block in blocks[:3]] == [False, True, True]
    assert "not known" in blocks[1]["content"]
    assert "not run" in blocks[2]["content"]
    assert blocks[3]["text"] == "Leave it"
    assert verify_session(log).ok


async def test_a_signal_during_a_wait_for_another_attempt_ends_it_at_once(work: Path) -> None:
    async with (
        MessagesServer([Step(status=529, headers={"retry-after": "30"})]) as server,
        running(
            "run", "Talk", "--output-format", "stream-json", server=server, cwd=work
        ) as process,
    ):
        failed = await process.lines_until(lambda line: line["type"] == "model.failed")
        process.send(signal.SIGINT)
        done = await process.finished()
    assert failed["retry_in_ms"] == 30_000
    assert (done.code, done.result["duration_ms"] < 30_000) == (130, True)


async def test_a_second_signal_ends_a_process_that_is_stuck_in_its_end(work: Path) -> None:
    async with (
        MessagesServer([Step(calls=[FOR_EVER])]) as server,
        running(
            "run", "Count", "--output-format", "stream-json", server=server, cwd=work
        ) as process,
    ):
        await process.lines_until(is_query_under_way)
        process.send(signal.SIGTERM)
        process.send(signal.SIGTERM)
        done = await process.finished()
    assert done.code in (130, -signal.SIGTERM)
    assert verify_session(logs()[0]).ok


def patient(seconds: float) -> tuple[str, ...]:
    """A ``program`` that waits so long at its end for a reader that takes nothing."""
    return ("-c", f"import devagent.cli.delivery as d; d.GRACE_S = {seconds}; from devagent.__main__ import main; main()")  # fmt: skip


def read_until(wanted: bytes, descriptor: int) -> bytes:
    """What comes until these bytes have come; all of it where they are none."""
    seen = b""
    while not wanted or wanted not in seen:
        data = os.read(descriptor, 4096)
        if not data:
            break
        seen += data
    return seen


def fill(descriptor: int) -> None:
    """Write to a pipe until it takes nothing any more."""
    os.set_blocking(descriptor, False)
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, b" " * 4096)
    os.set_blocking(descriptor, True)


LONG = Step(text=["x" * 100_000] * 4)
"""More than a pipe holds, so that a reader who stops in it stops the run."""


@pytest.mark.parametrize("by", ["signal", "limit"])
async def test_a_run_whose_reader_stops_reading_ends_all_the_same_with_its_record(
    work: Path, by: str
) -> None:
    reading, writing = os.pipe()
    limit = ("--time-limit", "0.4") if by == "limit" else ()
    if by == "limit":
        fill(writing)
    try:
        async with (
            MessagesServer([LONG]) as server,
            running(
                *("run", "Talk", "--output-format", "stream-json", *limit),
                server=server, cwd=work, stdout=writing, program=patient(0.1),
            ) as process,
        ):  # fmt: skip
            if by == "signal":
                async with asyncio.timeout(60):
                    await asyncio.to_thread(read_until, b"text.delta", reading)
                process.send(signal.SIGTERM)
            done = await process.finished()
    finally:
        os.close(reading)
        os.close(writing)
    stop, code = ("interrupted", 130) if by == "signal" else ("limit", 5)
    assert (done.code, done.stderr) == (
        code,
        "devagent: the result was not taken from standard output\n",
    )
    (log,) = logs()
    ended = logged(log)[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.stop, ended.exit_code) == (stop, code)
    assert verify_session(log).ok


async def test_a_reader_that_goes_on_after_a_signal_gets_every_line_and_the_result(
    work: Path,
) -> None:
    reading, writing = os.pipe()
    try:
        async with (
            MessagesServer([LONG]) as server,
            running(
                *("run", "Talk", "--output-format", "stream-json"),
                server=server, cwd=work, stdout=writing, program=patient(60),
            ) as process,
        ):  # fmt: skip
            os.close(writing)
            writing = -1
            async with asyncio.timeout(60):
                seen = await asyncio.to_thread(read_until, b"text.delta", reading)
                process.send(signal.SIGTERM)
                seen += await asyncio.to_thread(read_until, b"", reading)
            done = await process.finished()
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    lines = [json.loads(line) for line in seen.splitlines()]
    assert [line["type"] for line in lines].count("result") == 1
    assert (lines[-1]["type"], lines[-1]["stop"], done.code) == ("result", "interrupted", 130)


async def test_a_killed_run_leaves_a_log_that_says_so_and_goes_on(work: Path) -> None:
    async with MessagesServer([Step(calls=[FOR_EVER]), Step(text="Never mind.")]) as server:
        async with running(
            "run", "Count", "--output-format", "stream-json", server=server, cwd=work
        ) as process:
            await process.lines_until(is_query_under_way)
            process.send(signal.SIGKILL)
            killed = await process.finished()
        assert killed.code == -signal.SIGKILL
        (log,) = logs()
        found = verify_session(log)
        assert found.summary == "verify: ok"
        assert "the session stops in turn 1: it is still running, or was killed" in found.notes
        shown = await devagent("session", "verify", "last")
        assert (shown.code, "was killed" in shown.stdout) == (0, True)
        again = await devagent("run", "Leave it", "--resume", "last", server=server, cwd=work)
    assert (again.code, again.stdout) == (0, "Never mind.\n")
    events = logged(log)
    started = next(n for n, event in enumerate(events) if isinstance(event, ToolStarted))
    finished, cut, *_ = events[started + 1 :]
    assert isinstance(finished, ToolFinished)
    assert (finished.outcome, finished.err, cut) == ("cut", "killed", TurnCut(turn=1, err="killed"))
    assert [event.turn for event in events if isinstance(event, TurnStarted)] == [1, 2]
    assert verify_session(log).closed
