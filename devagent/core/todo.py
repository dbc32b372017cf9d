"""The list of what is to be done in a session: the model's, with what the person adds to it and ticks off.

The model gives the whole list each time; what the person put on it stays there until they take it away.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import from_plain
from devagent.core.text import one_line

HOUSE, NAME = "agent", "todo"
TOOL = f"{HOUSE}.{NAME}"
MOST, MOST_CHARACTERS = 30, 200
"""Items of a list, and the characters of each."""

State = Literal["open", "doing", "done"]
STATES: tuple[State, ...] = get_args(State)
_BOXES = {"open": "[ ]", "doing": "[>]", "done": "[x]"}


class Item(Struct, frozen=True):
    """One thing to do, on one line. ``by_person``: they put it on the list."""

    text: str
    state: State = "open"
    by_person: bool = False

    @property
    def box(self) -> str:
        """``[ ]``, ``[>]`` or ``[x]``."""
        return _BOXES[self.state]


def after(
    items: Sequence[Item], args: Mapping[str, Any], *, by_person: bool = False
) -> tuple[Item, ...]:
    """What the list is after a call with these arguments: all that it names, and of the model's (not ``by_person``) what
    the person had put there besides."""
    given = _items(args.get("items"))
    before = {one.text: one for one in items}
    if by_person:
        return tuple(
            replace(one, by_person=before[one.text].by_person if one.text in before else True)
            for one in given
        )
    theirs = {text for text, one in before.items() if one.by_person}
    named = [replace(one, by_person=one.text in theirs) for one in given]
    texts = {one.text for one in named}
    return (*named, *(before[text] for text in before if text in theirs - texts))


def _items(given: Any) -> list[Item]:
    """The items of a call's arguments, each text once. Of an older or redacted record what is none is left out."""
    try:
        items = from_plain(given, list[Item])
    except ValueError:
        return []
    found = {text: Item(text, one.state) for one in items if (text := one_line(one.text, MOST_CHARACTERS))}  # fmt: skip
    return list(found.values())


def as_arguments(items: Sequence[Item]) -> dict[str, Any]:
    """The arguments of a call that makes this the list."""
    return {"items": [{"text": one.text, "state": one.state} for one in items]}


def in_full(items: Sequence[Item]) -> str:
    """The whole list, a line each, as the model reads it."""
    if not items:
        return "The list is empty."
    rows = (
        f"{number}. {one.box} {one.text}{' (the person put this on the list)' if one.by_person else ''}"
        for number, one in enumerate(items, 1)
    )
    return "\n".join(rows)


def in_short(items: Sequence[Item]) -> str:
    """How far it is and what is being done: ``2/7 done, now: run the tests``; empty where the list is."""
    if not items:
        return ""
    done = sum(one.state == "done" for one in items)
    doing = next((one for one in items if one.state == "doing"), None)
    following = doing or next((one for one in items if one.state == "open"), None)
    what = f", {'now' if doing else 'next'}: {following.text}" if following else ""
    return f"{done}/{len(items)} done{what}"
