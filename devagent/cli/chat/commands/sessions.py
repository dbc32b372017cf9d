"""``/resume``, ``/fork``, ``/rename``, ``/export`` and ``/report``: this session and the others."""

import asyncio
import contextlib
import os
from datetime import date
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from devagent.audit.layout import find_session
from devagent.cli.chat.commands.cli import told
from devagent.cli.chat.saying import words
from devagent.cli.chat.screen import Chat
from devagent.core.errors import UsageError
from devagent.repl.style import line
from devagent.settings.places import places

if TYPE_CHECKING:
    from devagent.cli.session.choosing import Days

_LISTED = 20


async def resume(chat: Chat, rest: str) -> None:
    """Go on with another session; one is chosen where none is named."""
    from devagent.cli.session.choosing import days_of  # noqa: PLC0415  (only to choose)

    days = days_of(rest, date.today())
    wanted = await asyncio.to_thread(_known, rest) if rest else ""
    if not wanted and (days or not rest):
        wanted = await _picked(chat, days)
        if not wanted:
            chat.say("no session was chosen")
            return
    elif not wanted:
        found = await told(chat, ["session", "search", *words(rest)])
        if found.text.startswith("Nothing was found"):
            chat.say(
                "/resume alone lists the newest sessions, /resume last week those of last week"
            )
        elif found.code == 0:
            chat.say("/resume ID goes on with one of these")
        return
    if wanted == chat.session.id:
        chat.say("that is this session")
        return
    await chat.switch(replace(chat.asked, resume=wanted))


async def _picked(chat: Chat, days: "Days | None") -> str:
    """The session that the person takes; empty where none. Raises UsageError where there is none to take."""
    from devagent.cli.session.choosing import chosen, newest  # noqa: PLC0415  (only to choose)

    if not chat.painter.capabilities.live:
        return await _named(chat, days)
    await asyncio.to_thread(newest, 1, days)  # says whether there is any
    picked: list[str] = []

    async def choose() -> None:
        with contextlib.suppress(click.Abort):
            picked.append(await asyncio.to_thread(chosen, days))

    await chat.live.aside(choose)
    return picked[0] if picked else ""


def _known(name: str) -> str:
    """The id of the session that is called so; empty where none is."""
    try:
        return os.path.basename(find_session(places().sessions, name))
    except UsageError:
        return ""


async def _named(chat: Chat, days: "Days | None") -> str:
    """The session that is named by its number in a list; empty where nothing is typed."""
    from devagent.cli.session.choosing import newest  # noqa: PLC0415  (only to choose)

    found = await asyncio.to_thread(newest, _LISTED, days)
    chat.print([line(f"{n}. {one}") for n, (_, one) in enumerate(found, 1)])
    typed = (await chat.live.read("Which one? A number, or nothing:") or "").strip()
    if not typed:
        return ""
    if not typed.isdecimal() or not 0 < int(typed) <= len(found):
        raise UsageError(f"there is no number {typed} in the list")
    return found[int(typed) - 1][0]


async def fork(chat: Chat, rest: str) -> None:
    """Go on in a new session from here; this one stays as it is."""
    del rest
    from devagent.cli.session.fork import fork_of  # noqa: PLC0415  (only to fork)

    here = chat.session.id
    made = await asyncio.to_thread(fork_of, here, None)
    await chat.switch(replace(chat.asked, resume=made))
    chat.say(f"a fork of {here}; that one is as it was")


async def rename(chat: Chat, rest: str) -> None:
    """A name that may stand wherever the id may."""
    if not rest:
        raise UsageError("give it a name", hint="/rename free delivery")
    await told(chat, ["session", "rename", chat.session.id, rest])


async def export(chat: Chat, rest: str) -> None:
    """The session as Markdown, in a file."""
    file = rest or f"session-{chat.session.id[-6:]}.md"
    command = ["session", "export", chat.session.id, "--format", "markdown", "-o", file]
    if (await told(chat, command)).code == 0:
        chat.say(f"written to {file}")


async def report(chat: Chat, rest: str) -> None:
    """The page for reviewers, in a file."""
    file = rest or f"session-{chat.session.id[-6:]}.html"
    if (await told(chat, ["session", "report", chat.session.id, "-o", file])).code == 0:
        chat.say(f"written to {file}")
