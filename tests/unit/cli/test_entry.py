"""Every way a command can end becomes an exit code and a clear line."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from devagent.cli import COMMANDS, cli, one_task
from devagent.cli.entry import interrupted, run_command_line
from devagent.cli.lazy import Entry
from devagent.core.errors import (
    ConfigError,
    DevagentError,
    LimitError,
    LogError,
    ModelError,
    PolicyError,
    UsageError,
)
from devagent.session import Options, Session

Ending = Callable[[], Any]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Ending], int]:
    """Run a command line whose command ends in the given way; the exit code."""

    def run(ending: Ending) -> int:
        @click.command()
        def odd() -> Any:
            return ending()

        module = ModuleType("odd_command")
        module.__dict__["odd"] = odd
        monkeypatch.setitem(sys.modules, "odd_command", module)
        monkeypatch.setitem(COMMANDS, "odd", Entry("odd_command", "odd", "Odd."))
        return run_command_line(["odd"])

    return run


def raising(error: BaseException) -> Ending:
    def ending() -> None:
        raise error

    return ending


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (3, 3), (78, 78), ("text", 0)])
def test_a_command_gives_its_exit_code(
    ends: Callable[[Ending], int], value: Any, code: int
) -> None:
    assert ends(lambda: value) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DevagentError("it broke"), 1),
        (UsageError("it broke"), 2),
        (ConfigError("it broke"), 78),
        (PolicyError("it broke"), 78),
        (ModelError("it broke", kind="server"), 6),
        (LimitError("it broke", limit="max_turns"), 5),
        (LogError("it broke"), 1),
    ],
)
def test_a_failure_of_the_house_is_one_clear_line_on_stderr(
    ends: Callable[[Ending], int],
    capsys: pytest.CaptureFixture[str],
    error: DevagentError,
    code: int,
) -> None:
    assert ends(raising(error)) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", "devagent: it broke\n")


def test_the_hint_follows_on_a_line_of_its_own(
    ends: Callable[[Ending], int], capsys: pytest.CaptureFixture[str]
) -> None:
    ends(raising(ConfigError("unknown key", file="c.toml", line=3, column=1, hint="Drop it.")))
    assert capsys.readouterr().err == "devagent: c.toml:3:1: unknown key\n  Drop it.\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), EOFError()])
def test_an_interrupted_command_is_130(ends: Callable[[Ending], int], error: BaseException) -> None:
    assert ends(raising(error)) == 130


def test_a_full_disk_is_told_in_the_systems_words(
    ends: Callable[[Ending], int], capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/tmp/x")
    assert ends(raising(full)) == 1
    assert capsys.readouterr().err == "devagent: /tmp/x: No space left on device\n"
    assert ends(raising(OSError(errno.ENOSPC, "No space left on device"))) == 1
    told = "devagent: reading or writing failed: No space left on device\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "No such command 'nope'"),
        (["--nope"], "No such option '--nope'"),
        (["run", "--max-turns", "0"], "--max-turns"),
        (["run", "--max-turns", "many"], "--max-turns"),
        (["run", "--max-cost", "0"], "--max-cost"),
        (["run", "--time-limit", "-1"], "--time-limit"),
        (["run", "--output-format", "yaml"], "yaml"),
        (["run", "one", "two"], "unexpected extra argument"),
        (["chat", "one", "two"], "A prompt of several words goes in quotes"),
        (["run", "--folder", "/no/such/folder", "hi"], "there is no folder"),
        (["session"], "Usage: devagent session"),
    ],
)
def test_wrong_usage_is_2_and_told_on_stderr(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run_command_line(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["--version"]])
def test_help_and_version_are_answers(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run_command_line(arguments) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == ""


def test_every_command_of_the_table_is_there_under_its_name() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name


def devagent(*arguments: str, stdout: int, home: Path) -> "subprocess.CompletedProcess[str]":
    """The whole program, with its standard output led somewhere."""
    root = Path(__file__).parents[3]
    path = os.pathsep.join(str(root / part) for part in (".", "extensions", "policies"))
    return subprocess.run(
        [sys.executable, "-m", "devagent", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "HOME": str(home)},
        cwd=home,
        text=True,
        timeout=60,
        check=False,
    )


LINES = [
    ["--help"],
    ["config", "path"],
    ["run", "--output-format", "json", "--model", "rehearsal:/no/such/script", "hi"],
]


@pytest.mark.parametrize("arguments", LINES)
def test_a_reader_that_has_gone_is_141_without_a_word(home: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = devagent(*arguments, stdout=writing, home=home)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", LINES)
def test_a_full_standard_output_is_1_and_told(home: Path, arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        ended = devagent(*arguments, stdout=full.fileno(), home=home)
    assert ended.returncode == 1
    assert ended.stderr == "devagent: reading or writing failed: No space left on device\n"


@pytest.mark.parametrize(
    "words", [["--output-format", "json"], ["--output-format=stream-json", "Go"]]
)
def test_a_run_that_is_interrupted_while_it_is_loaded_still_has_its_one_result(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert interrupted(["run", *words]) == 130
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["type"], found["stop"], found["exit_code"]) == ("result", "interrupted", 130)


@pytest.mark.parametrize("words", [["run", "Go"], ["usage", "--output-format", "json"]])
def test_what_has_no_result_to_say_says_none_when_it_is_interrupted(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert interrupted(words) == 130
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("output_format", ["json", "stream-json"])
def test_what_the_system_refuses_while_a_session_opens_is_a_result_too(
    output_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refused(options: Options) -> Session:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/the/file")

    monkeypatch.setattr(one_task, "open_session", refused)
    assert run_command_line(["run", "Go", "--output-format", output_format]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["stop"], found["reason"]) == ("failed", "/the/file: Too many open files")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_while_a_result_is_said_one_signal_changes_nothing_and_a_second_ends_the_process(
    number: str,
) -> None:
    program = (
        "import os, signal\n"
        "from devagent.cli.delivery import delivering\n"
        "with delivering(0, None):\n"
        f"    os.kill(os.getpid(), signal.{number})\n"
        "    os.write(1, b'said')\n"
        f"    os.kill(os.getpid(), signal.{number})\n"
        "    os.write(1, b' and more')\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, b"said")


@pytest.mark.parametrize(
    ("patience", "body", "code"),
    [("0.01", "signal.pause()", 5), ("None", "os.kill(os.getpid(), signal.SIGTERM); signal.pause()", 130)],
)  # fmt: skip
def test_a_result_that_nobody_takes_is_waited_for_so_long_and_then_the_process_ends(
    patience: str, body: str, code: int
) -> None:
    program = (
        "import os, signal\n"
        "from devagent.cli import delivery\n"
        "delivery.GRACE_S = 0.01\n"
        f"with delivery.delivering(5, {patience}):\n"
        f"    {body}; signal.pause()\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, timeout=60)
    assert done.returncode == code
    assert done.stderr == b"devagent: the result was not taken from standard output\n"
