"""``/todo``: the session's list of what is to be done, whole; the person adds to it, ticks off and takes away.

A change is a call of the person's own (``agent.todo``): judged, on record, and told to the model.
"""

from collections.abc import Sequence
from contextlib import aclosing

from msgspec.structs import replace

from devagent.cli.chat.screen import Chat
from devagent.core.errors import UsageError
from devagent.core.events.calls import ToolFinished
from devagent.core.events.turns import Prompt
from devagent.core.text import one_line
from devagent.core.todo import MOST, MOST_CHARACTERS, TOOL, Item, as_arguments
from devagent.repl.messages import tr
from devagent.repl.style import Segment, line

_API_NAME = TOOL.replace(".", "__")
_ROLES = {"done": "good", "doing": "accent", "open": ""}


async def todo(chat: Chat, rest: str) -> None:
    """Show it; add to it, tick off, take away."""
    if rest:
        if chat.live.doing is not None:
            chat.say(tr("this waits until the turn is over"))
            chat.put(f"/todo {rest}")
            return
        if not await _change(chat, _changed(chat.session.todo, rest), f"/todo {rest}"):
            return
    items = chat.session.todo
    if not items:
        chat.say(tr("nothing on the list; /todo add TEXT"))
        return
    chat.print(
        [
            line(
                f"  {number}. ",
                Segment(f"{one.box} ", _ROLES[one.state]),
                Segment(one.text, "quiet" if one.state == "done" else ""),
                Segment(f"  {tr('(yours)')}" if one.by_person else "", "quiet"),
            )
            for number, one in enumerate(items, 1)
        ]
    )


def _changed(items: Sequence[Item], rest: str) -> list[Item]:
    """The list as the person wants it. Raises UsageError."""
    word, _, text = rest.partition(" ")
    text = text.strip()
    match word:
        case "add" if text:
            if len(items) >= MOST:
                raise UsageError(f"the list has {len(items)} entries; no more than {MOST} fit")
            if len(text) > MOST_CHARACTERS:
                raise UsageError(f"an entry has at most {MOST_CHARACTERS} characters")
            if one_line(text) in [one.text for one in items]:
                raise UsageError("that is on the list already")
            return [*items, Item(one_line(text))]
        case "done" | "drop":
            place = int(text) - 1 if text.isdecimal() else -1
            if not 0 <= place < len(items):
                raise UsageError(f"there is no entry {text or '(none named)'}")
            ticked = [replace(items[place], state="done")] if word == "done" else []
            return [*items[:place], *ticked, *items[place + 1 :]]
        case _:
            raise UsageError("/todo add TEXT, /todo done N, /todo drop N")


async def _change(chat: Chat, items: Sequence[Item], said: str) -> bool:
    """Make this the list; whether it is. What is in the way is shown."""
    if not any(one.qualified == TOOL for one in chat.session.offered):
        chat.say(tr("{tool} is not offered here: policy has to allow it").format(tool=TOOL), "ask")
        return False
    await chat.before_turn()
    done = False
    async with aclosing(chat.session.own_call(_API_NAME, as_arguments(items), said)) as events:
        async for event in events:
            done = done or (isinstance(event, ToolFinished) and event.outcome == "ok")
            shown = () if isinstance(event, Prompt) or done else tuple(chat.transcript.show(event))
            chat.live.paper.put(shown)
    return done
