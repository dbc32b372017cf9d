"""Mentions of the chat: what extensions have behind an ``@``, and what is read before the model is asked.

What is asked for while somebody types is a call of their screen: judged, on record, never put to them as a question,
and made only while nothing else is under way.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from devagent.core.errors import DevagentError, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.text import one_line
from devagent.core.tools import ToolCall
from devagent.repl.completing import Offer
from devagent.repl.fuzzy import Fuzzy
from devagent.repl.mentions import AROUND, Mention, mentions

if TYPE_CHECKING:
    from devagent.cli.chat.shown import Shown
    from devagent.session import Session
    from devagent.session.beside import Reading, ServerPrompt

_ABOUT = {"tickets": "your open tickets; words find others", "docs": "words find documentation"}
_SHOWN = 20
_READ = "workspace__read"


class Mentioning:
    """Satisfies ``repl.completing.Elsewhere``. ``session`` gives the open session while it is idle, else None."""

    def __init__(self, chat: "Shown") -> None:
        self._chat = chat
        self._of = ""
        self._listed: dict[str, Sequence[Offer]] = {}
        self._found: dict[tuple[str, str], Sequence[Offer]] = {}
        self._asking: asyncio.Task[Sequence[Offer]] | None = None

    def _session(self) -> "Session | None":
        session = self._chat.open_session
        if session is not None and session.id != self._of:
            self._of, self._listed, self._found = session.id, {}, {}
        return session

    @property
    def places(self) -> Mapping[str, str]:
        session = self._session()
        if session is None:
            return {}
        having = {one.extension for one in session.offered}
        own = {name: about for name, about in _ABOUT.items() if name in having}
        return own | dict.fromkeys(session.servers, "what this server has to read")

    def known(self, place: str, typed: str) -> Sequence[Offer] | None:
        if (place, typed) in self._found:
            return self._found[place, typed]
        listed = self._listed.get(place)
        if listed is None:
            return None
        fuzzy = Fuzzy([f"{one.text} {one.about}" for one in listed])
        fits = [listed[n] for n in fuzzy.found(typed, _SHOWN)]
        return fits or (None if place == "tickets" and len(typed) > 2 else ())

    async def ask(self, place: str, typed: str) -> Sequence[Offer]:
        session = self._session()
        if place == "docs":
            if len(typed) < 3:
                return ()
            hits = await self._rows("docs__search", {"query": typed, "limit": _SHOWN}, "hits")
            offers = [_offer(f"docs:{one.get('citation', '')}", one, "heading") for one in hits]  # fmt: skip
            self._found[place, typed] = offers
            return offers
        if place == "tickets":
            if place not in self._listed:
                rows = await self._rows("tickets__my_work", {}, "tickets")
                self._listed[place] = _tickets(rows)
                if (fits := self.known(place, typed)) is not None:
                    return fits
            rows = await self._rows("tickets__search", {"query": typed, "limit": _SHOWN}, "tickets")
            self._found[place, typed] = _tickets(rows)
            return self._found[place, typed]
        if session is not None:
            rows = await self._rows("mcp__list_resources", {"server": place}, "resources")
            self._listed[place] = [
                _offer(f"{place}:{one.get('uri', '')}", one, "title", "name") for one in rows
            ]
        return self.known(place, typed) or ()

    async def argument(self, command: str, line: str, typed: str) -> Sequence[Offer]:
        prompt = prompt_of(self._session(), command)
        if prompt is None or self._chat.busy:
            return ()
        name, equals, value = typed.partition("=")
        names = {one: about for one, about, _ in prompt.arguments}
        if not equals:
            given = {word.partition("=")[0] for word in line.split()[1:]}
            return [Offer(f"{one}=", about) for one, about in names.items() if one not in given and one.startswith(name)]  # fmt: skip
        session = self._session()
        if name not in names or session is None:
            return ()
        values = await self._quietly(session.complete(prompt.server, prompt.name, name, value))
        return [Offer(f"{name}={one}") for one in values or () if " " not in one]

    async def _rows(self, tool: str, args: dict[str, Any], key: str) -> Sequence[dict[str, Any]]:
        session = self._session()
        if session is None or self._chat.busy:
            return ()
        # A question that comes up while somebody types would be answered by what they type.
        judged = await session.would(ToolCall("look", tool, args))
        if judged.decision.effect != "allow":
            return ()
        rows: Sequence[dict[str, Any]] | None = await self._quietly(
            _listed(session.look_up(tool, args), key)
        )
        return rows or ()

    async def _quietly(self, looking: Any) -> Any:
        """The answer; None where the session is needed for something else first, or cannot say."""
        task = asyncio.ensure_future(looking)
        self._asking = task
        try:
            return await task
        except (DevagentError, asyncio.CancelledError):
            if not task.cancelled() and not task.done():
                raise
            return None
        finally:
            self._asking = None

    async def leave_off(self) -> None:
        """Nothing is asked for any more: a turn begins."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])


async def _listed(events: AsyncGenerator[Event, None], key: str) -> Sequence[dict[str, Any]]:
    """The rows of that name in a call's result."""
    found: list[dict[str, Any]] = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, ToolFinished) and event.outcome == "ok":
                found += event.structured.get(key, ())
    return found


def _tickets(rows: Sequence[Mapping[str, Any]]) -> list[Offer]:
    return [_offer(f"tickets:{one.get('key', '')}", one, "title", "status") for one in rows]


def _offer(text: str, row: Mapping[str, Any], *names: str) -> Offer:
    said = next((row[name] for name in names if row.get(name)), "")
    if isinstance(said, list):
        said = " › ".join(map(str, said))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return Offer(one_line(text, 400), one_line(str(said), 60))


def prompt_of(session: "Session | None", command: str) -> "ServerPrompt | None":
    """The server's prompt that is called so (``/server:name``)."""
    if session is None:
        return None
    return next((one for one in session.prompts if one.command == command), None)


def arguments_of(prompt: "ServerPrompt", words: Sequence[str]) -> dict[str, str]:
    """``name=value`` words; where the first names no argument, all of them are the first argument's value. Raises
    UsageError for one that the prompt does not have."""
    names = [name for name, _, _ in prompt.arguments]
    if words and names and words[0].partition("=")[0] not in names:
        return {names[0]: " ".join(words)}
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in names:
            known = ", ".join(names) or "none"
            raise UsageError(f"{prompt.command} has no argument {one_line(name, 40)}", hint=f"Its arguments: {known}.")  # fmt: skip
        given[name] = value
    return given


def read_first(chat: "Shown", text: str) -> "list[Reading]":
    """What is read before the model is asked, by what the text mentions."""
    session = chat.session
    having = {one.extension for one in session.offered}
    found = mentions(text, session.workspace, [name for name in _ABOUT if name in having])
    readings = [session.reading(*_call(one)) for one in found]
    return [one for one in readings if one is not None]


def _call(one: Mention) -> tuple[str, dict[str, Any]]:
    match one.kind:
        case "tickets":
            return "tickets__get", {"key": one.name}
        case "docs":
            return "docs__read", {"hit": one.name}
        case _:
            place = {"path": os.path.expanduser(one.name)}
            return _READ, place | ({"offset": max(1, one.line - 2), "limit": AROUND} if one.line else {})  # fmt: skip
