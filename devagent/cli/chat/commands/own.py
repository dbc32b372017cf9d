"""``/jobs``, ``/ticket`` and ``/init``: calls of the person's own, and a task that many begin with."""

from typing import Any

from devagent.cli.chat.screen import Chat
from devagent.core.errors import UsageError

INIT = (
    "Look round this folder and write AGENTS.md for agents and people who are new here, in at most 60 lines: what "
    "this is, how to build, test and lint it (the exact commands, found in the files that define them), the layout, "
    "and the conventions that the code follows. State only what you have seen. If there is an AGENTS.md, improve it."
)


async def jobs(chat: Chat, rest: str) -> None:
    """Commands that run in the background."""
    del rest
    await _call(chat, "workspace__job", {"action": "list"}, "/jobs")


async def ticket(chat: Chat, rest: str) -> None:
    """A ticket by its key, where a tickets extension is there."""
    if not rest:
        raise UsageError("name a ticket", hint="/ticket SHOP-12")
    await _call(chat, "tickets__get", {"key": rest}, f"/ticket {rest}")


async def init(chat: Chat, rest: str) -> None:
    """Have AGENTS.md written."""
    await chat.turn(chat.session.turn(f"{INIT} {rest}".strip()), "thinking")


async def _call(chat: Chat, tool: str, args: dict[str, Any], said: str) -> None:
    if not any(one.api_name == tool for one in chat.session.offered):
        chat.say(f"{tool.replace('__', '.')} is not offered here: /ext lists what is", "ask")
        return
    await chat.turn(chat.session.own_call(tool, args, said), "running")
    lines = chat.transcript.unfolded_result()
    if len(lines) > 1:
        chat.print(lines, whole=True)
