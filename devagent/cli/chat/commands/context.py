"""``/context``, ``/compact`` and ``/clear``: what the model reads of the conversation."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec.structs import replace

from devagent.cli.chat.screen import Chat
from devagent.core.events import Event
from devagent.core.events.model import Compacted, CompactionUndone


async def context(chat: Chat, rest: str) -> None:
    """How much the model reads at each request."""
    del rest
    filled = chat.session.filled
    if filled is None:
        chat.say("nothing has been asked yet, so the window is empty")
        return
    tokens, window = filled
    if not window:
        chat.say(f"{tokens:,} tokens; how many the model can read is not known")
        return
    many = 100 * tokens // window
    bar = "█" * (many // 4) + "░" * (25 - many // 4)
    chat.say(f"{bar}  {tokens:,} of {window:,} tokens ({many} %)   (/compact puts the older part in short)")  # fmt: skip


async def compact(chat: Chat, rest: str) -> None:
    """Put the older part of the conversation in short, or bring it back."""
    undo = rest == "undo"
    changed = False

    async def watched(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        nonlocal changed
        async with aclosing(events):
            async for event in events:
                changed = changed or isinstance(event, Compacted | CompactionUndone)
                yield event

    events = chat.session.undo_compaction() if undo else chat.session.compact()
    await chat.turn(watched(events), "putting the conversation in short")
    if undo and not changed:
        chat.say("There is nothing to undo.")
    elif not changed:
        chat.say("There is nothing to compact yet: it would be no shorter.")


async def clear(chat: Chat, rest: str) -> None:
    """A new session in the same folder; this one stays on record."""
    del rest
    await chat.switch(replace(chat.asked, resume=""))
