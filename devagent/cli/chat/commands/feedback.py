"""``/good``, ``/bad`` and ``/edit``: what the person says of the last answer, on record."""

from devagent.cli.chat.screen import Chat
from devagent.core.events.people import Rating


async def good(chat: Chat, rest: str) -> None:
    """The last answer was good."""
    _give(chat, "good", note=rest)


async def bad(chat: Chat, rest: str) -> None:
    """The last answer was not good, and why."""
    _give(chat, "bad", note=rest)


async def edit(chat: Chat, rest: str) -> None:
    """Correct the last answer in an editor; the corrected text is what goes on record."""
    if not chat.last_reply:
        chat.say("there is no answer to correct yet")
        return
    text = await chat.live.edited(chat.last_reply)
    if text.strip() == chat.last_reply.strip():
        chat.say("nothing was changed")
        return
    _give(chat, "edit", note=rest, text=text)


def _give(chat: Chat, rating: Rating, *, note: str = "", text: str = "") -> None:
    if not chat.last_reply:
        chat.say("there is no answer to speak of yet")
        return
    event = chat.session.feedback(rating, note=note.strip("\"'"), text=text)
    chat.live.paper.put(chat.transcript.show(event))
    chat.live.draw_now()
