"""Where a one-shot run's prompt comes from: the argument, a file, standard input, or two of them."""

import os
import select
import sys

from devagent.core.errors import UsageError

MAX_BYTES = 10_000_000
BESIDE_WAIT_S = 1.0
"""How long an open, silent standard input beside a prompt argument is waited for."""
SILENCE_S = 60.0
"""How long a standard input that has begun may say nothing before it is given up."""


def read_prompt(argument: str | None, file: str | None) -> str:
    """The prompt. Piped text is joined to an argument or a file's text, marked as input; with ``-`` it
    must come, and is waited for.

    Raises UsageError (exit 2) where there is none, or it is too long, has a NUL or is not UTF-8.
    """
    piped = _required(_standard_input(None), "standard input") if argument == "-" else None
    parts: list[str] = []
    if argument is not None and piped is None:
        parts.append(_text(argument.encode("utf-8", "surrogateescape"), "the prompt"))
    if file is not None:
        parts.append(_file(file))
    if not parts:
        if piped is not None:
            return piped
        if _is_terminal():
            raise UsageError(
                "there is no prompt", hint='Say `devagent run "…"`, `-f FILE`, or pipe one in.'
            )
        return _required(_standard_input(None), "standard input")
    if piped is None:
        piped = "" if _is_terminal() else _standard_input(BESIDE_WAIT_S)
    if piped.strip():
        parts.append(f"<input>\n{piped}\n</input>")
    joined = "\n\n".join(parts)
    if len(parts) > 1:
        _text(joined.encode(), "the prompt with what is joined to it")
    return _required(joined, "the prompt")


def recipe_prompt(name: str, argument: str | None, file: str | None) -> str:
    """The prompt of the organisation's recipe of that name; what it is about is the argument, the file, or what is piped in.

    Raises UsageError where there is none of that name, or it wants a text and has none; ConfigError on a locked machine.
    """
    if argument is None and file is None:
        piped = "" if _is_terminal() else _standard_input(BESIDE_WAIT_S)
        text = f"<input>\n{piped}\n</input>" if piped.strip() else ""
    else:
        text = read_prompt(argument, file)
    from devagent.session.recipes import filled, recipes  # noqa: PLC0415  (only where one is asked for)

    known = recipes()
    if name not in known:
        raise UsageError(
            f"there is no recipe {name!r}",
            hint=f"Your organisation brings: {', '.join(known) or 'none'}.",
        )
    return _required(filled(known[name], text), "the prompt")


def _is_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:  # closed
        return False


def _file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return _text(file.read(MAX_BYTES + 1), path)
    except OSError as e:
        raise UsageError(f"the prompt file {path} cannot be read: {e.strerror}") from e


def _standard_input(first_wait_s: float | None) -> str:
    chunks: list[bytes] = []
    size = 0
    wait = first_wait_s
    while size <= MAX_BYTES:
        if not _readable(wait):
            if not chunks:
                return ""
            raise UsageError(
                f"standard input said nothing more for {SILENCE_S:g} s, and did not end"
            )
        try:
            chunk = os.read(0, 1 << 16)
        except OSError:  # a closed descriptor: there is nothing to read
            break
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
        wait = SILENCE_S
    return _text(b"".join(chunks), "standard input")


def _readable(wait_s: float | None) -> bool:
    if sys.platform == "win32":  # select works on sockets only there
        return True
    try:
        return bool(select.select([0], [], [], wait_s)[0])
    except (OSError, ValueError):
        return True


def _text(data: bytes, what: str) -> str:
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"{what} is over {MAX_BYTES:,} bytes", hint="Name a file in the prompt instead."
        )
    if b"\0" in data:
        raise UsageError(f"{what} has a NUL byte: it is not text")
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise UsageError(f"{what} is not UTF-8 (byte {e.start})") from e


def _required(text: str, what: str) -> str:
    if not text.strip():
        raise UsageError(f"{what} is empty", hint='Say `devagent run "…"`.')
    return text
