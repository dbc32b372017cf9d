"""A session on the screen once more, from its record: the lines that stood there, in their order.

What a terminal shows while a session runs is drawn from its events, by ``Transcript`` in a chat and by ``render``
elsewhere; so is this. A question stands as it is on record, without the diff that was drawn from files. Three things are
not on record and not shown: what was typed at a question beside its answer, the part of a reply whose stream broke
off, and secrets, in whose place stands what the record has.
"""

from collections.abc import Iterable, Iterator

from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ApprovalAsked
from devagent.core.events.ground import BundleInForce, ExtensionLoaded, PolicyLoaded, PolicyLocked
from devagent.core.events.session import SessionResumed, SessionStarted
from devagent.core.events.turns import TurnCut, TurnStarted
from devagent.core.text import visible
from devagent.repl.capabilities import Capabilities
from devagent.repl.markdown.flow import Out, Row
from devagent.repl.render import render
from devagent.repl.render_call import card
from devagent.repl.transcript import WIDEST, Transcript
from devagent.repl.words import FULL, Signs


class Replay:
    """Takes the events one after the other; the lines of each come when they stood on the screen."""

    def __init__(self, signs: Signs = FULL) -> None:
        self._signs = signs
        self._streamed = False
        self._transcript = Transcript(
            Capabilities(unicode=signs.prompt == FULL.prompt), columns=lambda: WIDEST + 1
        )
        self._opening: list[Event] = []
        self._asked = ""

    def lines(self, event: Event) -> Iterator[str]:
        """The event's lines, each a text that may have several."""
        match event:
            case SessionStarted() | SessionResumed():
                yield from self._opened()
                self._streamed = event.mode == "chat"
                self._opening = [event]
                return
            case PolicyLoaded() | PolicyLocked() | BundleInForce() | ExtensionLoaded() if (
                self._opening
            ):
                self._opening.append(event)
                return
            case _:
                yield from self._opened()
        match event:
            case ApprovalAsked():
                self._asked = event.shown
            case ApprovalAnswered():
                if event.approval.method == "terminal":
                    yield card(self._asked)
                self._asked = ""
                yield from self._rendered(event)
            case TurnCut() if self._asked and self._streamed:
                yield card(self._asked)  # Ctrl+C at the question
                self._asked = ""
                yield from self._rendered(event)
            case TurnStarted():
                self._asked = ""
            case _:
                yield from self._rendered(event)

    def _rendered(self, event: Event) -> Iterator[str]:
        if self._streamed:
            yield from rows_of(self._transcript.show(event))
        elif text := render(event, self._signs):
            yield text

    def _opened(self) -> Iterator[str]:
        """What a session begins with: model and policies, or what is different since it was left."""
        if not self._opening:
            return
        first, *rest = self._opening
        self._opening = []
        dot = self._signs.dot
        yield from (
            f"LOCKED, reading only: {visible(one.reason)}"
            for one in rest
            if isinstance(one, PolicyLocked)
        )
        layers = ", ".join(
            f"{one.layer}/{one.name}" for one in rest if isinstance(one, PolicyLoaded)
        )
        if isinstance(first, SessionStarted | SessionResumed):
            model = f"{first.model} {dot} " if first.model else ""  # a served client has its own
            yield visible(f"devagent {dot} {model}policy {layers or 'none on record'}")
        if not isinstance(first, SessionStarted):
            yield from self._rendered(first)


def rows_of(outs: Iterable[Out]) -> Iterator[str]:
    """Rows as plain text; an open one at the end counts."""
    row: list[str] = []
    for one in outs:
        if isinstance(one, Row):
            yield visible("".join(row))
            row = []
        else:
            row.append(one.text)
    if row:
        yield visible("".join(row))
