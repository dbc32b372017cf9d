"""``/model``: which models there are, and going on with another."""

from msgspec.structs import replace

from devagent.cli.chat.commands.cli import told
from devagent.cli.chat.screen import Chat
from devagent.models.catalogue import REHEARSAL, check


async def model(chat: Chat, rest: str) -> None:
    """The list, or the same session with the model that is named."""
    if not rest:
        await told(chat, ["models"])
        chat.say(f"now: {chat.session.model}; /model NAME goes on with another")
        return
    if "/" not in rest and not rest.startswith(REHEARSAL):
        check(rest)  # before this session is closed for it
    await chat.switch(replace(chat.asked, model=rest, resume=chat.session.id), quietly=True)
    chat.say(f"now: {chat.session.model}")
