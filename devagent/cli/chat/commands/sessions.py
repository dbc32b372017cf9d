"""``/resume``, ``/fork``, ``/rename``, ``/export`` and ``/report``: this session and the others."""

import asyncio

import click
from msgspec.structs import replace

from devagent.audit.layout import find_session
from devagent.cli.chat.commands.cli import told
from devagent.cli.chat.saying import words
from devagent.cli.chat.screen import Chat
from devagent.core.errors import UsageError
from devagent.repl.style import line
from devagent.settings.places import places

_LISTED = 20


async def resume(chat: Chat, rest: str) -> None:
    """Go on with another session; one is chosen where none is named."""
    wanted = rest
    if not wanted:
        picked: list[str] = []

        async def choose() -> None:
            from devagent.cli.session.choosing import chosen  # noqa: PLC0415  (only to choose)

            try:
                picked.append(await asyncio.to_thread(chosen))
            except (click.Abort, UsageError):
                return

        if chat.painter.capabilities.live:
            await chat.live.aside(choose)
        else:
            picked += await _named(chat)
        if not picked:
            chat.say("no session was chosen")
            return
        wanted = picked[0]
    elif not await asyncio.to_thread(_is_known, wanted):
        await told(chat, ["session", "search", *words(wanted)])
        chat.say("no session is called so; /resume ID goes on with one of these")
        return
    if wanted in chat.session.id and len(wanted) > 3:
        chat.say("that is this session")
        return
    before = chat.session.id
    try:
        await chat.switch(replace(chat.asked, resume=wanted))
    except Exception:
        await chat.switch(replace(chat.asked, resume=before))
        raise


def _is_known(name: str) -> bool:
    try:
        find_session(places().sessions, name)
    except UsageError:
        return False
    return True


async def _named(chat: Chat) -> list[str]:
    """The session that is named by its number in a list; none where nothing is typed."""
    from devagent.cli.session.choosing import newest  # noqa: PLC0415  (only to choose)

    found = await asyncio.to_thread(newest, _LISTED)
    chat.print([line(f"{n}. {one}") for n, (_, one) in enumerate(found, 1)])
    typed = (await chat.live.read("Which one? A number, or nothing:") or "").strip()
    if not typed:
        return []
    if not typed.isdecimal() or not 0 < int(typed) <= len(found):
        raise UsageError(f"there is no number {typed} in the list")
    return [found[int(typed) - 1][0]]


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
    await told(chat, ["session", "export", chat.session.id, "--format", "markdown", "-o", file])
    chat.say(f"written to {file}")


async def report(chat: Chat, rest: str) -> None:
    """The page for reviewers, in a file."""
    file = rest or f"session-{chat.session.id[-6:]}.html"
    await told(chat, ["session", "report", chat.session.id, "-o", file])
    chat.say(f"written to {file}")
