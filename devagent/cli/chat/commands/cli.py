"""Commands of the command line, as they are, in the chat: what they print stands on the screen."""

import asyncio
import contextlib
import io
from collections.abc import Sequence

from devagent.cli.chat.saying import words
from devagent.cli.chat.screen import Chat
from devagent.repl.folded import coloured_diff
from devagent.repl.style import Segment, line

MOST_LINES = 400


async def told(chat: Chat, arguments: Sequence[str]) -> None:
    """Run one and show what it says."""
    text = await asyncio.to_thread(_output, list(arguments))
    lines = text.rstrip("\n").split("\n")
    rows = [coloured_diff(one) if arguments[0] == "diff" else line(one) for one in lines]
    if len(rows) > MOST_LINES:
        more = f"… {len(rows) - MOST_LINES:,} more lines: `devagent {' '.join(arguments)}`"
        rows = [*rows[:MOST_LINES], line(Segment(more, "quiet"))]
    chat.print(rows, whole=True)


def _output(arguments: list[str]) -> str:
    from devagent.cli.entry import run_command_line  # noqa: PLC0415  (the table of all commands)

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        run_command_line(arguments)
    return out.getvalue()


async def usage(chat: Chat, rest: str) -> None:
    """What all sessions used and cost."""
    await told(chat, ["usage", *words(rest)])


async def ext(chat: Chat, rest: str) -> None:
    """The extensions."""
    await told(chat, ["ext", *(words(rest) or ["list"])])


async def mcp(chat: Chat, rest: str) -> None:
    """The servers of third parties are extensions like any other."""
    await told(chat, ["ext", *(words(rest) or ["list"])])


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
