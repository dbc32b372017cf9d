"""How a run ends: each exit code in each output format, limits, schemas, prompts, odd outputs."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import jsonschema_rs
import pytest
from msgspec import Struct

from devagent.audit.verify import verify_session
from devagent.cli.stream_schema import stream_schema
from devagent.core.events.model import ModelFailed
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import TurnCut
from tests.support.command_line import devagent, logged, logs, own_file, running
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import small


class Ending(Struct, frozen=True):
    """A run that ends in one way: what the service says, how devagent is asked, what must come of it."""

    steps: Sequence[Step]
    code: int
    stop: str
    reason: str
    arguments: tuple[str, ...] = ()
    text: str = ""
    config: str = ""
    env: Mapping[str, str] = {}


SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
FOR_EVER = 0
LINE = jsonschema_rs.Draft202012Validator(stream_schema(strict=True))
STALL = Step(text="Half", fault="stall", at=700)
ENDINGS = {
    "done": Ending([Step(text="Hello.")], 0, "done", "", text="Hello."),
    "refused": Ending([Step(text="", stop="refusal")], 1, "failed", "refused"),
    "too long": Ending(
        [Step(stop="model_context_window_exceeded")], 1, "failed", "no longer fits"
    ),
    "cut": Ending([Step(text="Hel", stop="max_tokens")], 0, "done", "max_tokens", text="Hel"),
    "cut, empty": Ending([Step(stop="max_tokens")], 1, "failed", "max_tokens"),
    "new stop": Ending([Step(text="Hi", stop="odd")], 0, "done", "'odd'", text="Hi"),
    "no session": Ending([], 2, "failed", "No session", ("--resume", "01NOSUCHSESSION")),
    "no extension": Ending([], 2, "failed", "'gti'", ("--extension", "gti")),
    "policy": Ending(
        [Step(calls=[Call("git__branch", {"action": "create", "name": "b"})]), Step(text="No.")],
        3, "policy", "git.branch was not approved", text="No.",
    ),
    "schema": Ending(
        [Step(text="no JSON"), Step(text='{"n": "x"}')],
        4, "schema", "does not fit the schema: n:", ("--json-schema", "schema.json"),
    ),
    "turns": Ending(
        [Step(text="One.", calls=[Call("git__status")])],
        5, "limit", "max_turns", ("--max-turns", "1"), text="One.",
    ),
    "cost": Ending(
        [Step(text="One.", calls=[Call("git__status")])],
        5, "limit", "max_cost", ("--max-cost", "0.000001"), text="One.",
    ),
    "time": Ending([STALL], 5, "limit", "time_limit", ("--time-limit", "0.4")),
    "time before retry": Ending(
        [Step(status=429, headers={"retry-after": "20"})],
        5, "limit", "time_limit", ("--time-limit", "0.4"),
    ),
    "long retry": Ending(
        [Step(status=429, headers={"retry-after": "3600"})], 6, "service", "asks to wait 3600 s"
    ),
    "overloaded": Ending(
        [Step(status=529, error="overloaded_error", times=FOR_EVER)],
        6, "service", "given up after", config="give_up_s = 0.8",
    ),
    "stalled": Ending(
        [Step(fault="stall", at=0, times=FOR_EVER)],
        6, "service", "silent", config="stall_s = 0.2\ngive_up_s = 0.6",
    ),
    "too long a prompt": Ending(
        [Step(status=400, error="invalid_request_error", message="prompt is too long: 9 > 8")],
        1, "failed", "no longer fits",
    ),
    "wrong key": Ending([Step(status=401, error="authentication_error")], 6, "service", "401"),
    "a web page": Ending([Step(fault="page", times=FOR_EVER)], 6, "service", "text/html"),
    "bad model": Ending([], 78, "config", "claude-sonnet-5-5", ("--model", "claud-sonet-5-5")),
    "bad policy": Ending([], 78, "config", "no such policy file", ("--policy", "none.toml")),
    "bad config": Ending([], 78, "config", "config.toml:1:1", config="modle = 'x'"),
    "no key": Ending([], 78, "config", "auth login", env={"ANTHROPIC_API_KEY": ""}),
}  # fmt: skip
ONE_EACH = {
    *(
        "done",
        "cut",
        "refused",
        "no session",
        "policy",
        "schema",
        "turns",
        "overloaded",
        "bad config",
    )
}
"""An ending of each exit code, tried in all formats; the others in the most talkative one."""
NEVER_OPENED = {"no session", "no extension", "bad model", "bad policy", "bad config", "no key"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return small(tmp_path / "repository")


@pytest.mark.parametrize(
    ("name", "output_format"),
    [
        (name, output_format)
        for name in ENDINGS
        for output_format in ("text", "json", "stream-json")
        if output_format == "stream-json" or name in ONE_EACH
    ],
)
async def test_every_ending_is_told_in_full_in_every_format(
    repository: Path, name: str, output_format: str
) -> None:
    ending = ENDINGS[name]
    if ending.config:
        own_file("config.toml", ending.config)
    arguments = [a.replace("schema.json", str(repository.parent / a)) for a in ending.arguments]
    async with MessagesServer(ending.steps) as server:
        done = await devagent(
            *("run", "Do it", "--output-format", output_format, *arguments),
            server=server, cwd=repository, env=ending.env,
        )  # fmt: skip
    assert done.code == ending.code, done
    assert "Traceback" not in done.stderr
    if output_format == "text":
        assert done.stdout == (f"{ending.text}\n" if ending.text else "")
        assert done.stderr == "" if not ending.reason else "devagent: " in done.stderr
        assert ending.reason in " ".join(done.stderr.split())
    else:
        result = done.result
        assert [line for line in done.lines if not LINE.is_valid(line)] == []
        assert (result["stop"], result["is_error"]) == (ending.stop, ending.code != 0)
        assert ending.reason in result["reason"]
        assert done.stderr == ""
        if name in NEVER_OPENED:
            assert len(done.lines) == 1
            assert (result["session"], result["log"], result["turns"]) == ("", "", 0)
        else:
            assert len(done.lines) == 1 or done.lines[0]["type"] == "init"
            assert result["log"] == "verify: ok"
    if name in NEVER_OPENED:
        assert logs() == []
        assert server.requests == []
    else:
        (log,) = logs()
        ended = logged(log)[-1]
        assert isinstance(ended, SessionEnded)
        assert (ended.stop, ended.exit_code) == (ending.stop, ending.code)
        assert ending.reason in ended.reason
        assert verify_session(log).headline.startswith("verify: ok")


async def test_an_answer_that_fits_is_structured_and_one_repair_is_asked_for(
    repository: Path,
) -> None:
    steps = [Step(text="I think it is seven."), Step(text='```json\n{"n": 7}\n```')]
    async with MessagesServer(steps) as server:
        done = await devagent(
            *("run", "How many?", "--output-format", "json"),
            *("--json-schema", str(repository.parent / "schema.json")),
            server=server, cwd=repository,
        )  # fmt: skip
    assert (done.code, done.result["structured"], done.result["turns"]) == (0, {"n": 7}, 2)
    first = server.requests[0].body["messages"][0]["content"][0]["text"]
    assert '"required":["n"]' in first
    assert "the answer is not JSON" in str(server.requests[1].body["messages"][-1])


async def test_an_unfit_answer_is_not_on_standard_output(repository: Path) -> None:
    async with MessagesServer([Step(text="seven", times=2)]) as server:
        schema = str(repository.parent / "schema.json")
        done = await devagent(
            "run", "How many?", "--json-schema", schema, server=server, cwd=repository
        )
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr.splitlines()[0] == "seven"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json-schema", "none.json"], "none.json cannot be read"),
        (["--json-schema", "a.txt"], "a.txt is not a JSON Schema"),
        (["-f", "none.txt"], "none.txt cannot be read"),
        (["-C", "none"], "there is no folder none"),
        (["--output-format", "yaml"], "'yaml' is not one of"),
        (["--max-turns", "0"], "0 is not in the range"),
        (["--max-turms", "1"], "--max-turns"),
        (["--max-cost", "nan"], "--max-cost"),
        (["--time-limit", "nan"], "--time-limit"),
    ],
)
async def test_wrong_usage_is_2_and_says_what_is_wrong(
    repository: Path, arguments: list[str], said: str
) -> None:
    async with MessagesServer() as server:
        done = await devagent("run", "Hi", *arguments, server=server, cwd=repository)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert logs() == []


@pytest.mark.parametrize(
    ("arguments", "stdin", "prompt"),
    [
        (["Say hi"], b"", "Say hi"),
        (["-"], b"from a pipe", "from a pipe"),
        ([], b"from a pipe", "from a pipe"),
        (["Sum up"], "Zeile é".encode(), "Sum up\n\n<input>\nZeile é\n</input>"),
        (["-f", "a.txt"], None, "one\ntwo\n"),
        (["First", "-f", "a.txt"], None, "First\n\none\ntwo\n"),
    ],
)
async def test_a_prompt_comes_from_the_argument_a_file_or_a_pipe(
    repository: Path, arguments: list[str], stdin: bytes | None, prompt: str
) -> None:
    async with MessagesServer([Step(text="Hi.")]) as server:
        done = await devagent("run", *arguments, server=server, cwd=repository, stdin=stdin)
    assert done.code == 0, done.stderr
    assert server.requests[0].body["messages"][0]["content"][0]["text"] == prompt


async def test_an_open_silent_standard_input_is_left_after_a_second(repository: Path) -> None:
    reading, writing = os.pipe()
    try:
        async with (
            MessagesServer([Step(text="Hi.")]) as server,
            running("run", "Say hi", server=server, cwd=repository, stdin=reading) as process,
        ):
            done = await process.finished()
    finally:
        os.close(reading)
        os.close(writing)
    assert (done.code, done.stdout) == (0, "Hi.\n")


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
        pytest.param(b"a\0b", "NUL", id="NUL"),
        pytest.param(b"caf\xe9", "is not UTF-8 (byte 3)", id="Latin-1"),
        pytest.param(b"x" * 10_000_001, "over 10,000,000 bytes", id="too long"),
    ],
)
async def test_standard_input_that_is_no_prompt_is_2(
    repository: Path, stdin: bytes, said: str
) -> None:
    async with MessagesServer() as server:
        done = await devagent("run", "-", server=server, cwd=repository, stdin=stdin)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert server.requests == []


async def test_a_prompt_argument_that_is_not_utf_8_is_2(repository: Path) -> None:
    async with MessagesServer() as server:
        done = await devagent("run", b"caf\xe9", server=server, cwd=repository)
    assert (done.code, done.stdout) == (2, "")
    assert "the prompt is not UTF-8 (byte 3)" in done.stderr


@pytest.mark.parametrize("output_format", ["json", "stream-json", "text"])
async def test_a_reader_that_goes_away_ends_the_run_with_141_and_its_record(
    repository: Path, output_format: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        async with (
            MessagesServer([Step(text="Hi.")]) as server,
            running(
                *("run", "Say hi", "--output-format", output_format),
                server=server, cwd=repository, stdout=writing,
            ) as process,
        ):  # fmt: skip
            done = await process.finished()
    finally:
        os.close(writing)
    assert (done.code, done.stderr) == (141, "")
    (log,) = logs()
    assert isinstance(logged(log)[-1], SessionEnded)
    assert verify_session(log).ok


async def test_a_reader_that_leaves_in_the_middle_of_a_reply_cuts_the_turn(
    repository: Path,
) -> None:
    words = [f"word {n} " for n in range(2000)]
    async with (
        MessagesServer([Step(text=words, chunks="primes", pause_ms=1)]) as server,
        running(
            "run", "Talk", "--output-format", "stream-json", server=server, cwd=repository
        ) as process,
    ):
        await process.lines_until(lambda line: line["type"] == "text.delta")
        await process.leave_stdout()
        done = await process.finished()
    assert (done.code, done.stderr) == (141, "")
    (log,) = logs()
    *_, cut, ended = logged(log)
    assert (cut, type(ended)) == (TurnCut(turn=1, err="reader_gone"), SessionEnded)
    assert verify_session(log).ok


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("output_format", ["json", "stream-json", "text"])
async def test_a_full_disk_under_standard_output_is_1_and_said_once(
    repository: Path, output_format: str
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with (
            MessagesServer([Step(text="Hi.")]) as server,
            running(
                *("run", "Say hi", "--output-format", output_format),
                server=server, cwd=repository, stdout=full,
            ) as process,
        ):  # fmt: skip
            done = await process.finished()
    finally:
        os.close(full)
    assert (done.code, done.stderr) == (
        1,
        "devagent: reading or writing failed: No space left on device\n",
    )
    assert verify_session(logs()[0]).ok


async def test_a_closed_standard_output_is_no_traceback(repository: Path) -> None:
    async with MessagesServer([Step(text="Hi.")]) as server:
        done = await devagent(
            "run", "Hi", server=server, cwd=repository,
            program=("-c", "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-m', 'devagent', *sys.argv[1:]])"),
        )  # fmt: skip
    assert done.code == 1
    assert "Traceback" not in done.stderr
    assert "standard output" in done.stderr


async def test_a_time_limit_leaves_a_closed_record_of_the_attempt(repository: Path) -> None:
    async with MessagesServer([Step(status=529, headers={"retry-after": "0"}), STALL]) as server:
        done = await devagent(
            *("run", "Hi", "--time-limit", "0.5", "--output-format", "json"),
            server=server, cwd=repository,
        )  # fmt: skip
    assert (done.code, done.result["stop"]) == (5, "limit")
    events = logged(logs()[0])
    assert [e.err for e in events if isinstance(e, ModelFailed)] == ["overloaded"]
    assert isinstance(events[-2], TurnCut)
