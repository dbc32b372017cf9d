"""A session's events as what stands on the screen: pure, append-only, the same live and from the record.

A reply is Markdown as it streams; a call is one line once it is over (``calls.Calls``). Rows are laid out by ``rows``.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ApprovalAsked, ToolFinished, ToolJudged
from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta
from devagent.core.events.people import UndoDone
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from devagent.core.text import visible
from devagent.repl.calls import Calls
from devagent.repl.capabilities import Capabilities
from devagent.repl.folded import Folded
from devagent.repl.markdown.flow import ROW, Flow, Out
from devagent.repl.markdown.stream import MarkdownStream
from devagent.repl.messages import tr
from devagent.repl.render import render
from devagent.repl.render_reply import again_text, same_failure, sources_text
from devagent.repl.rows import laid_out, noted
from devagent.repl.style import Line, Segment
from devagent.repl.words import signs_of, time_text, usage_text

WIDEST = 100
"""Columns that prose may take, however wide the terminal: longer rows are hard to read."""


class Transcript:
    """Folds events into rows. ``columns`` gives the terminal's, as they are by now."""

    def __init__(self, capabilities: Capabilities, columns: Callable[[], int]) -> None:
        self._columns = columns
        self._capabilities = capabilities
        self.signs = signs_of(capabilities)
        self._reply: MarkdownStream | None = None
        self._replied = False
        self._failed: ModelFailed | None = None
        self._last = ""  # what kind of block stands last
        self._calls = Calls(self.signs)

    @property
    def _room(self) -> int:
        return max(20, min(self._columns() - 1, WIDEST))

    @property
    def folded(self) -> deque[Folded]:
        """The calls that can be unfolded, the last at the end."""
        return self._calls.folded

    def show(self, event: Event) -> Iterator[Out]:
        """The rows that the event adds."""
        match event:
            case Prompt(text=text):
                yield from self._prompt(text, of_the_house=event.of_the_house)
            case TextDelta(text=text):
                yield from self._streamed(text)
            case ModelReplied():
                self._replied, self._failed = True, None
                if self._reply is None and event.text.strip() and not event.purpose:
                    yield from self._streamed(event.text)
                yield from self._reply_ends()
                if not event.purpose and (cited := sources_text(event, self.signs)):
                    yield from self._note(cited, "quiet")
            case ModelFailed():
                yield from self._reply_ends()
                again = self._failed is not None and same_failure(self._failed, event)
                self._failed = event
                said = again_text(event) if again else render(event, self.signs)
                yield from self._note(said, "ask")
            case ToolJudged():
                yield from self._reply_ends()
                yield from self._of_a_call(self._calls.judged(event, self._room))
                if shadow := self._calls.in_shadow_mode(event):
                    yield from self._note(shadow, "quiet")
            case ApprovalAsked():
                pass  # the card is the approver's
            case ApprovalAnswered():
                yield from self._of_a_call(self._calls.answered(event, self._room))
            case ToolFinished():
                yield from self._of_a_call(self._calls.finished(event, self._room))
            case TurnStarted():
                self._calls.turn_begins()
                self._replied, self._failed = False, None
            case TurnCut():
                yield from self._reply_ends()
                yield from self._cut(event)
            case TurnEnded():
                yield from self._reply_ends()
                yield from self._ended(event)
            case UndoDone():
                way = render(event, self.signs).replace("`undo ", "`/undo ")
                yield from self._note(way, "good")
            case _:
                if text := render(event, self.signs):
                    yield from self._reply_ends()
                    yield from self._note(text, "ask" if text.startswith("!") else "quiet")

    def _block(self, kind: str) -> Iterator[Out]:
        """An empty row before a block of another kind."""
        answer = self._last == "command" and kind in ("note", "printed")
        if self._last and not answer and (self._last != kind or kind == "prompt"):
            yield ROW
        self._last = kind

    def _of_a_call(self, rows: Sequence[Out]) -> Iterator[Out]:
        if rows:
            yield from self._block("call")
            yield from rows

    def _prompt(self, text: str, *, of_the_house: bool) -> Iterator[Out]:
        yield from self._block("prompt")
        role = "quiet" if of_the_house else "bold"
        self._last = "command" if of_the_house and text.startswith("/") else "prompt"
        yield from self._said(text, role)

    def _said(self, text: str, role: str = "bold") -> Iterator[Out]:
        """What a person said, with their sign before it."""
        sign = f"{self.signs.prompt} "
        rows = visible(text).strip("\n").split("\n")
        shown = [
            *rows[:30],
            tr("{sign} {many} more lines").format(sign=self.signs.more, many=f"{len(rows) - 30:,}"),
        ]
        for number, row in enumerate(shown if len(rows) > 31 else rows):
            prefix = Segment(sign if number == 0 else "  ", "accent")
            flow = Flow(self._room, prefix=[prefix], hang="  ")
            yield from flow.feed([Segment(row, role)])
            yield from flow.end()

    def _streamed(self, text: str) -> Iterator[Out]:
        if self._reply is None:
            if not text.strip("\n "):
                return
            yield from self._block("reply")
            self._reply = MarkdownStream(
                self._room,
                unicode=self._capabilities.unicode,
                plain=self._capabilities.colours == 0,
            )
        self._reply.columns = self._room
        yield from self._reply.feed(text)

    def _reply_ends(self) -> Iterator[Out]:
        if self._reply is not None:
            yield from self._reply.end()
            self._reply = None

    def note(self, text: str, role: str = "quiet") -> Iterator[Out]:
        """What devagent itself says."""
        yield from self._reply_ends()
        yield from self._note(text, role)

    def printed(
        self, lines: Sequence[Line], *, whole: bool = False, wide: bool = False
    ) -> Iterator[Out]:
        """Lines as a block of their own. ``whole`` ones, and those indented by four columns (code, a diff), are left
        to the terminal to wrap; ``wide`` ones (a list, an explanation) may take all of its columns, and no more."""
        yield from self._reply_ends()
        yield from self._block("printed")
        self._last = "printed!"
        yield from laid_out(
            lines, max(20, self._columns() - 1) if wide else self._room, whole=whole, wide=wide
        )

    def _note(self, text: str, role: str) -> Iterator[Out]:
        yield from self._block("note")
        yield from noted(text, role, self._room)

    def _cut(self, event: TurnCut) -> Iterator[Out]:
        if event.err in ("cancelled", "interrupted"):
            said = tr("stopped; what was done so far stays")
        else:
            said = tr("cut: {why}; what was done so far stays").format(why=event.err)
        yield from self._note(said, "ask")

    def _ended(self, event: TurnEnded) -> Iterator[Out]:
        if event.stop == "done" and not self._replied:
            return  # a call of the person's own: its line says it all
        parts: list[str] = []
        parts.append(event.stop + (f": {event.reason}" if event.reason else ""))
        if event.dur_us >= 1000:
            parts.append(time_text(event.dur_us))
        if event.usage.input or event.usage.output or event.usage.cache_read:
            parts.append(usage_text(event.usage))
        if event.cost_usd_micros:
            parts.append(f"${event.cost_usd_micros / 1e6:.4f}")
        role = "quiet" if event.stop == "done" else "ask"
        yield from self._block("end")
        flow = Flow(self._room, hang="  ")
        yield from flow.feed([Segment(visible(f" {self.signs.dot} ".join(parts)), role)])
        yield from flow.end()

    def unfolded(self, number: int = 1) -> list[Line]:
        """All of the call that many back: its arguments, its verdict, its result. Empty where there is none."""
        return self._calls.unfolded(number)

    def unfolded_result(self) -> list[Line]:
        """What the last call gave, whole; empty where it gave nothing."""
        return self._calls.unfolded_result()
