"""Where the prompt comes from, and that bad input is an error and never a shorter prompt."""

import os
import pty
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from devagent.cli import prompt_source
from devagent.cli.prompt_source import MAX_BYTES, read_prompt
from devagent.core.errors import UsageError


class Stdin:
    """This process's descriptor 0, led to a pipe, a terminal or a file for one test."""

    def __init__(self) -> None:
        self._kept = os.dup(0)
        self._open: list[int] = []
        self._writers: list[threading.Thread] = []

    def pipe(self, data: bytes, *, end: bool = True) -> int:
        """A pipe that brings the data; its writing end, open unless it was to end."""
        reading, writing = os.pipe()
        os.dup2(reading, 0)
        os.close(reading)

        def write() -> None:
            left = memoryview(data)
            with suppress(BrokenPipeError):  # the reader had enough
                while left:
                    left = left[os.write(writing, left) :]
            if end:
                os.close(writing)

        if not end:
            self._open.append(writing)
        thread = threading.Thread(target=write)
        thread.start()
        self._writers.append(thread)
        return writing

    def terminal(self) -> None:
        controlling, terminal = pty.openpty()
        os.dup2(terminal, 0)
        os.close(terminal)
        self._open.append(controlling)

    def file(self, path: Path | str, flags: int = os.O_RDONLY) -> None:
        descriptor = os.open(path, flags)
        os.dup2(descriptor, 0)
        os.close(descriptor)

    def closed(self) -> None:
        os.close(0)

    def restore(self) -> None:
        os.dup2(self._kept, 0)
        os.close(self._kept)
        for descriptor in self._open:
            os.close(descriptor)
        for thread in self._writers:
            thread.join(timeout=10)
            assert not thread.is_alive()


@pytest.fixture
def stdin() -> Iterator[Stdin]:
    led = Stdin()
    led.file(os.devnull)
    yield led
    led.restore()


def refusal(argument: str | None = None, file: str | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        read_prompt(argument, file)
    assert raised.value.exit_code == 2
    return raised.value.what


def test_an_argument_is_the_prompt(stdin: Stdin) -> None:
    stdin.terminal()
    assert read_prompt("Look at it.", None) == "Look at it."


def test_a_file_is_the_prompt(stdin: Stdin, tmp_path: Path) -> None:
    stdin.terminal()
    file = tmp_path / "prompt.txt"
    file.write_text("Look at ü.\n")
    assert read_prompt(None, str(file)) == "Look at ü.\n"


def test_an_argument_and_a_file_are_one_prompt(stdin: Stdin, tmp_path: Path) -> None:
    stdin.terminal()
    file = tmp_path / "prompt.txt"
    file.write_text("the file")
    assert read_prompt("the argument", str(file)) == "the argument\n\nthe file"


@pytest.mark.parametrize("argument", ["-", None])
def test_a_pipe_is_the_prompt(stdin: Stdin, argument: str | None) -> None:
    stdin.pipe(b"Look at \xc3\xbc.\n")
    assert read_prompt(argument, None) == "Look at ü.\n"


def test_a_long_pipe_comes_whole(stdin: Stdin) -> None:
    stdin.pipe(b"x" * 1_000_000)
    assert len(read_prompt("-", None)) == 1_000_000


def test_a_pipe_beside_an_argument_is_marked_as_input(stdin: Stdin) -> None:
    stdin.pipe(b"a log")
    assert read_prompt("What is it?", None) == "What is it?\n\n<input>\na log\n</input>"


def test_a_pipe_beside_a_file_is_marked_as_input(stdin: Stdin, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("What is it?")
    for argument in (None, "-"):
        stdin.pipe(b"a log")
        assert read_prompt(argument, str(file)) == "What is it?\n\n<input>\na log\n</input>"


def test_a_dash_beside_a_file_needs_its_input(stdin: Stdin, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("What is it?")
    stdin.pipe(b"")
    assert "standard input is empty" in refusal("-", str(file))


@pytest.mark.parametrize("nothing", [b"", b" \n"])
def test_an_empty_pipe_beside_an_argument_is_nothing(stdin: Stdin, nothing: bytes) -> None:
    stdin.pipe(nothing)
    assert read_prompt("What is it?", None) == "What is it?"


def test_an_open_silent_pipe_beside_an_argument_is_left_after_its_time(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prompt_source.BESIDE_WAIT_S == 1.0
    monkeypatch.setattr(prompt_source, "BESIDE_WAIT_S", 0.02)
    stdin.pipe(b"", end=False)
    assert read_prompt("What is it?", None) == "What is it?"


def test_a_pipe_that_begins_and_then_says_nothing_is_not_taken_for_whole(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_source, "SILENCE_S", 0.02)
    stdin.pipe(b"half a lo", end=False)
    assert "said nothing more for 0.02 s" in refusal("What is it?")


def test_without_any_prompt_at_a_terminal_it_is_said_how(stdin: Stdin) -> None:
    stdin.terminal()
    with pytest.raises(UsageError, match="there is no prompt") as raised:
        read_prompt(None, None)
    assert "devagent run" in raised.value.hint


CLOSED: list[Callable[[Stdin], None]] = [
    lambda stdin: stdin.closed(),
    lambda stdin: stdin.file("/"),
    lambda stdin: stdin.file(os.devnull),
    lambda stdin: stdin.file(os.devnull, os.O_WRONLY),
]


@pytest.mark.parametrize("lead", CLOSED)
def test_a_standard_input_that_cannot_be_read_is_empty(
    stdin: Stdin, lead: Callable[[Stdin], None]
) -> None:
    lead(stdin)
    assert read_prompt("What is it?", None) == "What is it?"
    assert "standard input is empty" in refusal("-")


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
def test_an_empty_prompt_is_refused(stdin: Stdin, tmp_path: Path, empty: str) -> None:
    stdin.terminal()
    assert "the prompt is empty" in refusal(empty)
    file = tmp_path / "prompt.txt"
    file.write_text(empty)
    assert "is empty" in refusal(None, str(file))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a\0b", "has a NUL byte"),
        (b"abc\xff", "is not UTF-8 (byte 3)"),
        (b"\xed\xa0\x80", "is not UTF-8 (byte 0)"),
    ],
)
def test_what_is_not_text_is_refused_wherever_it_comes_from(
    stdin: Stdin, tmp_path: Path, data: bytes, said: str
) -> None:
    stdin.pipe(data)
    assert f"standard input {said}" in refusal("-")
    stdin.pipe(data)
    assert f"standard input {said}" in refusal("What is it?")
    stdin.terminal()
    file = tmp_path / "prompt.txt"
    file.write_bytes(data)
    assert f"{file} {said}" in refusal(None, str(file))
    assert f"the prompt {said}" in refusal(data.decode("utf-8", "surrogateescape"))


def test_what_is_too_long_is_refused_and_not_cut(stdin: Stdin, tmp_path: Path) -> None:
    stdin.terminal()
    file = tmp_path / "prompt.txt"
    file.write_bytes(b"x" * MAX_BYTES)
    assert len(read_prompt(None, str(file))) == MAX_BYTES
    file.write_bytes(b"x" * (MAX_BYTES + 1))
    assert f"{file} is over 10,000,000 bytes" in refusal(None, str(file))
    stdin.pipe(b"x" * (MAX_BYTES + 1))
    assert "standard input is over 10,000,000 bytes" in refusal("-")


def test_parts_that_are_too_long_only_together_are_refused_too(
    stdin: Stdin, tmp_path: Path
) -> None:
    file = tmp_path / "long.txt"
    file.write_bytes(b"x" * (MAX_BYTES // 2))
    stdin.pipe(b"y" * (MAX_BYTES // 2))
    assert "over 10,000,000 bytes" in refusal(None, str(file))


def test_an_endless_standard_input_is_given_up_and_not_read_for_ever(stdin: Stdin) -> None:
    stdin.file("/dev/zero")
    assert "is over 10,000,000 bytes" in refusal("-")


def test_a_prompt_file_that_is_not_there_is_wrong_usage(stdin: Stdin, tmp_path: Path) -> None:
    stdin.terminal()
    assert "cannot be read: No such file" in refusal(None, str(tmp_path / "none"))
    assert "cannot be read: Is a directory" in refusal(None, str(tmp_path))
