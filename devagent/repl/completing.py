"""What Tab and the letters offer: commands after ``/`` at the begin of the line and what follows some of them; files,
symbols, and what extensions have, after ``@``."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from devagent.repl.files import Files
from devagent.repl.fuzzy import rank
from devagent.repl.mentions import BEFORE, as_mention
from devagent.repl.symbols import Symbols

PAUSE_S = 0.25
"""Somewhere else is asked only once nobody has typed for so long."""
_SOON_S, _LISTED_S, _POLL_S = 0.3, 20.0, 0.02
_COMMAND = re.compile(r"/[\w:.-]*")
_ARGUMENT = re.compile(r"(/[\w:.-]+)\s+(?:.*\s)?(\S*)")
_MENTION = re.compile(BEFORE + r"@([^\s@\"]*)$")
_SYMBOLS = 15


class Offer(NamedTuple):
    """``text`` is put in the place of what was typed behind the sign; ``about`` stands beside it."""

    text: str
    about: str = ""


class Elsewhere(Protocol):
    """What only a session can tell: it asks extensions, through the gate."""

    @property
    def places(self) -> Mapping[str, str]:
        """Prefix → what there is behind it: ``tickets``, ``docs``, a server's name."""
        ...

    def known(self, place: str, typed: str) -> Sequence[Offer] | None:
        """What fits, as far as it was asked for before; None: it would have to be asked for."""
        ...

    async def ask(self, place: str, typed: str) -> Sequence[Offer]:
        """What fits. Never raises for what may not be asked or is not there."""
        ...

    async def argument(self, command: str, line: str, typed: str) -> Sequence[Offer]:
        """How an argument of a server's prompt may go on."""
        ...


class Completing(Completer):
    """``commands``: name → what it does."""

    def __init__(
        self,
        commands: Callable[[], Mapping[str, str]],
        files: Files,
        symbols: Symbols | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._commands = commands
        self._files = files
        self._symbols = symbols
        self._elsewhere = elsewhere
        self.typed: Callable[[], str] = lambda: ""
        """What stands in the line now; empty: nobody says."""

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        before = document.text_before_cursor
        if _COMMAND.fullmatch(before):
            for name, about in self._commands().items():
                if f"/{name}".startswith(before):
                    yield Completion(f"/{name}", -len(before), display_meta=about)
        elif found := _MENTION.search(before):
            yield from self._mentioned(found[1])

    def _mentioned(self, typed: str) -> Iterator[Completion]:
        place, colon, rest = typed.partition(":")
        elsewhere = self._elsewhere
        if colon and elsewhere and place in elsewhere.places:
            for one in elsewhere.known(place, rest) or ():
                yield Completion(one.text, -len(typed), display_meta=one.about)
            return
        if elsewhere:
            for name, about in elsewhere.places.items():
                if name.startswith(typed.lower()):
                    yield Completion(f"{name}:", -len(typed), display_meta=about)
        wanted = typed.lower()
        offers = [
            (rank(path.lower(), wanted)[0], number, 0, Offer(path))
            for number, path in enumerate(self._files.found(typed))
        ]
        if self._symbols is not None and typed:
            offers += [
                (rank(one.name.lower(), wanted)[0], number, 1, Offer(f"{one.path}:{one.line}", f"{one.kind} {one.name}"))
                for number, one in enumerate(self._symbols.found(typed, _SYMBOLS))
            ]  # fmt: skip
        # By turns a file and a symbol, of those that fit alike.
        for *_, one in sorted(offers, key=lambda offer: offer[:3]):
            text = as_mention(one.text).removeprefix("@")
            yield Completion(text, -len(typed), display_meta=one.about)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        before = document.text_before_cursor
        late = False
        if self._symbols is not None and _MENTION.search(before):
            self._symbols.look()
            late = not await self._listed(before, _SOON_S)
        shown: set[str] = set()
        for one in self.get_completions(document, complete_event):
            shown.add(one.text)
            yield one
        if late and await self._listed(before, _LISTED_S):
            for one in self.get_completions(document, complete_event):
                if one.text not in shown:
                    yield one
        if self._elsewhere is None:
            return
        offers: Sequence[Offer] = ()
        typed = ""
        if found := _MENTION.search(before):
            typed = found[1]
            place, colon, rest = typed.partition(":")
            if (
                colon
                and place in self._elsewhere.places
                and self._elsewhere.known(place, rest) is None
                and await self._still(before)
            ):
                offers = await self._elsewhere.ask(place, rest)
        elif (said := _ARGUMENT.fullmatch(before)) and ":" in said[1]:
            typed = said[2]
            if await self._still(before):
                offers = await self._elsewhere.argument(said[1], before, typed)
        for one in offers:
            yield Completion(one.text, -len(typed), display_meta=one.about)

    async def _listed(self, before: str, limit_s: float) -> bool:
        """Whether files and symbols are listed, which takes a moment the first time; waits for it until somebody has
        typed on."""
        ready = [one.ready for one in (self._files, self._symbols) if one is not None]
        for _ in range(int(limit_s / _POLL_S)):
            if all(one.is_set() for one in ready):
                return True
            if self.typed() not in ("", before):
                return False
            await asyncio.sleep(_POLL_S)
        return False

    async def _still(self, before: str) -> bool:
        """Whether nobody has typed on in the pause."""
        await asyncio.sleep(PAUSE_S)
        return self.typed() in ("", before)
