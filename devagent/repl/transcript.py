"""A session's events as what stands on the screen: pure, append-only, the same live and from the record.

A reply is Markdown as it streams. A call is one line once it is over: what it touched, how it ended, how long
it took; what policy refuses is one calm line that says which rule and how to be granted it. Whoever wants more
unfolds a call (``unfolded``) or asks why.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ApprovalAsked, ToolFinished, ToolJudged
from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta
from devagent.core.events.people import UndoDone
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from devagent.core.text import one_line, visible
from devagent.repl.capabilities import Capabilities
from devagent.repl.folded import (
    Folded,
    answered,
    coloured_diff,
    outcome,
    refused_by,
    touched,
    way_to,
)
from devagent.repl.markdown.flow import ROW, Flow, Out
from devagent.repl.markdown.stream import MarkdownStream
from devagent.repl.messages import tr
from devagent.repl.render import render, sources_text
from devagent.repl.style import Line, Segment, coded, text_of, width_of
from devagent.repl.width import clip, width
from devagent.repl.words import (
    determined_by,
    pairs,
    signs_of,
    time_text,
    usage_text,
)

WIDEST = 100
"""Columns that prose may take, however wide the terminal: longer rows are hard to read."""
KEPT = 200
"""Calls that can be unfolded, and that many characters of each result."""
_MOST_KEPT = 40_000


class Transcript:
    """Folds events into rows. ``columns`` are the terminal's, and may change between two replies."""

    def __init__(self, capabilities: Capabilities, columns: int, *, streams: bool = True) -> None:
        self.columns = columns
        self._capabilities = capabilities
        self.signs = signs_of(capabilities)
        self._streams = streams
        self._reply: MarkdownStream | None = None
        self._replied = False
        self._last = ""  # what kind of block stands last
        self._calls: dict[str, Folded] = {}
        self.folded: deque[Folded] = deque(maxlen=KEPT)

    @property
    def _room(self) -> int:
        return max(20, min(self.columns - 1, WIDEST))

    def show(self, event: Event) -> Iterator[Out]:
        """The rows that the event adds."""
        match event:
            case Prompt(text=text):
                yield from self._prompt(text, of_the_house=event.of_the_house)
            case TextDelta(text=text):
                yield from self._streamed(text)
            case ModelReplied():
                self._replied = True
                if self._reply is None and event.text.strip() and not event.purpose:
                    yield from self._streamed(event.text)
                yield from self._reply_ends()
                if not event.purpose and (cited := sources_text(event, self.signs)):
                    yield from self._note(cited, "quiet")
            case ModelFailed():
                yield from self._reply_ends()
                yield from self._note(render(event, self.signs), "ask")
            case ToolJudged():
                yield from self._judged(event)
            case ApprovalAsked():
                pass  # the card is the approver's
            case ApprovalAnswered():
                yield from self._answered(event)
            case ToolFinished():
                yield from self._finished(event)
            case TurnStarted():
                self._calls.clear()
                self._replied = False
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

    def _prompt(self, text: str, *, of_the_house: bool) -> Iterator[Out]:
        yield from self._block("prompt")
        role = "quiet" if of_the_house else "bold"
        self._last = "command" if of_the_house and text.startswith("/") else "prompt"
        yield from self.said(text, role)

    def said(self, text: str, role: str = "bold") -> Iterator[Out]:
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
        yield from self._reply.feed(text)

    def _reply_ends(self) -> Iterator[Out]:
        if self._reply is not None:
            yield from self._reply.end()
            self._reply = None

    def _judged(self, event: ToolJudged) -> Iterator[Out]:
        yield from self._reply_ends()
        self._calls[event.call] = folded = Folded(event)
        if event.decision.effect == "deny":
            self.folded.append(folded)
            yield from self._block("call")
            yield from self._denied(event)
        elif event.dry_run:
            yield from self._block("call")
            yield from self.flow(
                self._head(event, "quiet"), [Segment(" dry run: not carried out", "quiet")]
            )
        if event.shadow is not None:
            yield from self._note(
                f"in shadow mode this would be {event.shadow.effect}{determined_by(event.shadow)}",
                "quiet",
            )

    def _denied(self, event: ToolJudged) -> Iterator[Out]:
        """What, by which rule, how to get it: a row, or two where the way is long. The reasons are told by ``/why``."""
        decision = event.decision
        head, dot = self._head(event, "bad"), self.signs.dot
        if decision.error:
            yield from self.flow(head, [Segment(f" {dot} not run: {decision.reason}", "quiet")])
            return
        said = f" {dot} {refused_by(decision)}"
        room = self._room - sum(width(one.text) for one in head[:2]) - width(said)
        what = [
            Segment(f" {clip(one.text.strip(), max(room - 2, 20))}", one.role) for one in head[2:]
        ]
        way = way_to(decision)
        then = f" {self.signs.then} {clip(way, self._room - 6)}" if way else ""
        yield from self.flow(head[:2], [*what, Segment(said, "quiet"), *coded(then, "accent")])

    def _answered(self, event: ApprovalAnswered) -> Iterator[Out]:
        folded = self._calls.get(event.call)
        if folded is None:
            return
        folded.answered = event
        if event.approval.answer == "no":
            self.folded.append(folded)
            said = f": {one_line(event.comment)}" if event.comment else ""
            who = {"terminal": tr("you said no"), "unattended": tr("nobody was there to ask")}
            by = who.get(event.approval.method, f"{event.approval.by} said no")
            yield from self._block("call")
            yield from self.flow(self._head(folded.judged, "bad"), [Segment(f" {self.signs.dot} {by}{said}", "quiet")])  # fmt: skip

    def _finished(self, event: ToolFinished) -> Iterator[Out]:
        folded = self._calls.pop(event.call, None)
        if folded is None:
            return
        short = event.text[:_MOST_KEPT], event.view[:_MOST_KEPT]
        folded.finished = ToolFinished(
            turn=event.turn, call=event.call, outcome=event.outcome, bytes=event.bytes, rows=event.rows,
            dur_us=event.dur_us, err=event.err, decision=event.decision, text=short[0], view=short[1],
        )  # fmt: skip
        self.folded.append(folded)
        yield from self._block("call")
        ok = event.outcome == "ok"
        said = [Segment(f" {self.signs.dot} {part}", "quiet") for part in outcome(event)]
        if folded.answered is not None:
            said.append(Segment(f" {self.signs.dot} {answered(folded.answered)}", "quiet"))
        yield from self.flow(self._head(folded.judged, "good" if ok else "bad"), said)
        if folded.judged.decision.obligations and ok:
            duties = pairs(folded.judged.decision.obligations)
            by = determined_by(folded.judged.decision)
            yield from self._detail(f"with {duties}{by}")

    def _head(self, event: ToolJudged, role: str) -> list[Segment]:
        sign = self.signs.no if role == "bad" else self.signs.call
        name = Segment(event.full_name, "bold")
        what = touched(event)
        return [Segment(f"{sign} ", role), name, *([Segment(f"  {what}")] if what else [])]

    def flow(self, head: Sequence[Segment], rest: Sequence[Segment]) -> Iterator[Out]:
        """One line of several parts, its further rows indented."""
        prefix, *parts = head
        flow = Flow(self._room, prefix=[prefix], hang="  ")
        yield from flow.feed(
            Segment(visible(one.text).replace("\n", " ").replace("\t", " "), one.role, one.link)
            for one in (*parts, *rest)
        )
        yield from flow.end()

    def _detail(self, text: str) -> Iterator[Out]:
        flow = Flow(self._room, prefix=[Segment("  ")], hang="  ")
        yield from flow.feed([Segment(text, "quiet")])
        yield from flow.end()

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
        for one in lines:
            room = max(20, self.columns - 1) if wide else self._room
            code = whole or (not wide and text_of(one).startswith("    "))
            if code or width_of(one) <= room:
                yield from one
                yield ROW
            else:
                yield from wrapped(one, room)

    def _note(self, text: str, role: str) -> Iterator[Out]:
        yield from self._block("note")
        for row in visible(text).strip("\n").split("\n"):
            indent = " " * (len(row) - len(row.lstrip(" ")))
            flow = Flow(self._room, prefix=[Segment(indent)], hang=indent or "  ")
            yield from flow.feed(coded(row.lstrip(" "), role))
            yield from flow.end()

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
        if not 0 < number <= len(self.folded):
            return []
        folded = self.folded[-number]
        events = (folded.judged, folded.answered, folded.finished)
        texts = [render(one, self.signs, full=True) for one in events if one is not None]
        return [coloured_diff(row) for text in texts for row in text.split("\n")]

    def unfolded_result(self) -> list[Line]:
        """What the last call gave, whole; empty where it gave nothing. Indented: at the margin stands only what devagent
        says, and no output can look like a question or an answer."""
        last = self.folded[-1].finished if self.folded else None
        text = visible((last.view or last.text) if last else "").rstrip("\n")
        return [coloured_diff(f"  {row}") for row in text.split("\n")] if text else []


def wrapped(one: Line, columns: int) -> Iterator[Out]:
    """A line in rows, those after the first below its text: behind a first column, where it has one."""
    head, *rest = one
    indent = len(head.text) - len(head.text.lstrip(" "))
    column = width_of([head]) if rest and head.text.endswith(" ") and len(head.text) < 34 else 0
    hang = " " * (column or min(indent + 2, 12))
    if column:
        flow = Flow(columns, prefix=[head], hang=hang)
    else:
        flow = Flow(columns, prefix=[Segment(" " * indent)] if indent else [], hang=hang)
        rest = [Segment(head.text[indent:], head.role, head.link), *rest]
    yield from flow.feed(rest)
    yield from flow.end()
