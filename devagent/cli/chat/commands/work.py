"""``/diff``, ``/undo``, ``/rewind`` and ``/expand``: what was done to the workspace."""

import asyncio
import subprocess

from devagent.cli.chat.saying import calls_back
from devagent.cli.chat.screen import Chat
from devagent.cli.undo import listed, previewed
from devagent.core.errors import DevagentError
from devagent.repl.folded import coloured_diff
from devagent.repl.style import line
from devagent.undo.errors import SnapshotError

MOST_LINES = 2_000
LIMIT_S = 30


async def diff(chat: Chat, rest: str) -> None:
    """What is different from the last commit."""
    del rest
    text = await asyncio.to_thread(_diff, chat.session.workspace)
    rows = text.rstrip("\n").split("\n")
    if not text.strip():
        chat.say("nothing is different from the last commit")
        return
    more = [line(f"… {len(rows) - MOST_LINES:,} more lines")] if len(rows) > MOST_LINES else []
    chat.print([*(coloured_diff(row) for row in rows[:MOST_LINES]), *more], whole=True)


def _diff(folder: str) -> str:
    # Nothing that the repository's own configuration names is run.
    git = ["git", "-c", "core.fsmonitor=", "-c", "diff.external=", "--no-optional-locks", "--no-pager"]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [*git, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--stat", "-p", "HEAD"],
            cwd=folder, capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DevagentError(f"git does not say what is different: {error}") from error
    if done.returncode != 0:
        raise DevagentError(done.stderr.decode(errors="replace").strip() or "git diff failed")
    return done.stdout.decode(errors="replace")


async def undo(chat: Chat, rest: str) -> None:
    """Take the last change back, or go back to a snapshot."""
    words = rest.split()
    try:
        if words[:1] == ["list"]:
            lines = listed(await chat.session.snapshots())[:30]
            chat.print([line(one) for one in lines or ["no snapshots of this workspace"]])
        elif words[:1] == ["preview"]:
            lines = previewed(await chat.session.preview_undo(" ".join(words[1:])))
            chat.print([line(one) for one in lines])
        else:
            done = await chat.session.undo(" ".join(words))
            chat.live.paper.put(chat.transcript.show(done))
    except SnapshotError as error:
        chat.say(f"! {error}".replace("devagent undo --list", "/undo list"), "ask")


async def rewind(chat: Chat, rest: str) -> None:
    """The snapshots, or to before one of them."""
    await undo(chat, rest or "list")


async def expand(chat: Chat, rest: str) -> None:
    """A folded call in full."""
    number = calls_back(rest, len(chat.transcript.folded))
    chat.print(chat.transcript.unfolded(number), whole=True)
