"""Commands of the command line, as they are, in the chat: what they print stands on the screen."""

import asyncio
import contextlib
import io
import shlex
import sys
import threading
from collections.abc import Generator, Sequence
from typing import NamedTuple

from devagent.cli.chat.saying import words
from devagent.cli.chat.screen import Chat
from devagent.repl.style import Segment, line

MOST_LINES = 400
_ALONE = threading.Lock()


class Told(NamedTuple):
    """What a command printed, and its exit code."""

    text: str
    code: int


async def told(chat: Chat, arguments: Sequence[str]) -> Told:
    """Run one and show what it says; that. One that would ask something is not answered."""
    done = await asyncio.to_thread(_output, list(arguments))
    text = done.text
    lines = text.rstrip("\n").split("\n")
    rows = [line(one) for one in lines]
    if len(rows) > MOST_LINES:
        more = f"… {len(rows) - MOST_LINES:,} more lines: `devagent {' '.join(arguments)}`"
        rows = [*rows[:MOST_LINES], line(Segment(more, "quiet"))]
    if text.strip():
        chat.print(rows, wide=True)
    return done


def _output(arguments: list[str]) -> Told:
    from devagent.cli.entry import INTERRUPTED, run_command_line  # noqa: PLC0415  (the table of all commands)

    out = io.StringIO()
    # The streams are the whole process's, and the keyboard is the screen's: one command at a time, and it asks nobody.
    with _ALONE, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), _no_keyboard():
        code = run_command_line(arguments)
    if code == INTERRUPTED:
        out.write(
            f"\nit asks something: run `devagent {shlex.join(arguments)}` outside of the chat\n"
        )
    return Told(out.getvalue(), code)


@contextlib.contextmanager
def _no_keyboard() -> Generator[None]:
    before, sys.stdin = sys.stdin, io.StringIO()
    try:
        yield
    finally:
        sys.stdin = before


async def usage(chat: Chat, rest: str) -> None:
    """What all sessions used and cost."""
    await told(chat, ["usage", *words(rest)])


async def ext(chat: Chat, rest: str) -> None:
    """The extensions."""
    await told(chat, ["ext", *(words(rest) or ["list"])])


async def mcp(chat: Chat, rest: str) -> None:
    """The servers of third parties: extensions like any other."""
    if rest:
        await told(chat, ["ext", *words(rest)])
        return
    listed = await asyncio.to_thread(_output, ["ext", "list"])
    servers = [row for row in listed.text.splitlines() if row.split()[1:2] != ["own"]]
    if servers:
        chat.print([line(row) for row in servers], wide=True)
    else:
        chat.say(
            "there are no MCP servers; `devagent ext add NAME -- COMMAND` tells how to have one"
        )


async def docs(chat: Chat, rest: str) -> None:
    """Search the indexed documentation."""
    await told(chat, ["docs", "search", *words(rest)] if rest else ["docs", "status"])


async def sessions(chat: Chat, rest: str) -> None:
    """Find earlier sessions."""
    await told(chat, ["session", "search", *words(rest)] if rest else ["session", "list"])


async def doctor(chat: Chat, rest: str) -> None:
    """Check this installation."""
    del rest
    await told(chat, ["doctor"])


async def config(chat: Chat, rest: str) -> None:
    """The configuration."""
    await told(chat, ["config", *(words(rest) or ["show"])])
