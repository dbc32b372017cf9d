"""Calls on the screen: one line each once it is over, one calm line for what is refused; all of it on demand.

The line says what the call touched, how it ended and how long it took; of what policy refuses, which rule and how to
be granted it. The words are ``folded``'s.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.text import one_line, visible
from devagent.repl.folded import (
    Folded,
    answered,
    coloured_diff,
    outcome,
    refused_by,
    touched,
    way_to,
)
from devagent.repl.markdown.flow import Flow, Out
from devagent.repl.messages import tr
from devagent.repl.render import render
from devagent.repl.rows import flowing
from devagent.repl.style import Line, Segment, coded
from devagent.repl.width import clip, width
from devagent.repl.words import Signs, determined_by, pairs

KEPT = 200
"""Calls that can be unfolded, and that many characters of each result."""
_MOST_KEPT = 40_000


class Calls:
    """The calls of a session. What they add to the screen comes as rows of at most ``room`` columns."""

    def __init__(self, signs: Signs) -> None:
        self._signs = signs
        self._under_way: dict[str, Folded] = {}
        self.folded: deque[Folded] = deque(maxlen=KEPT)

    def turn_begins(self) -> None:
        """No call is under way."""
        self._under_way.clear()

    def judged(self, event: ToolJudged, room: int) -> Sequence[Out]:
        """The rows of a call that will not run; none of one that may."""
        self._under_way[event.call] = folded = Folded(event)
        if event.decision.effect == "deny":
            self.folded.append(folded)
            return list(self._denied(event, room))
        if event.dry_run:
            dry = Segment(" dry run: not carried out", "quiet")
            return list(flowing(self._head(event, "quiet"), [dry], room))
        return ()

    def in_shadow_mode(self, event: ToolJudged) -> str:
        """What a policy that is only tried says of the call; empty where it says the same, or none is."""
        if event.shadow is None:
            return ""
        return f"in shadow mode this would be {event.shadow.effect}{determined_by(event.shadow)}"

    def _denied(self, event: ToolJudged, room: int) -> Iterator[Out]:
        """What, by which rule, how to get it: a row, or two where the way is long. The reasons are told by ``/why``."""
        decision = event.decision
        head, dot = self._head(event, "bad"), self._signs.dot
        if decision.error:
            yield from flowing(head, [Segment(f" {dot} not run: {decision.reason}", "quiet")], room)
            return
        said = f" {dot} {refused_by(decision)}"
        left = room - sum(width(one.text) for one in head[:2]) - width(said)
        what = [
            Segment(f" {clip(one.text.strip(), max(left - 2, 20))}", one.role) for one in head[2:]
        ]
        way = way_to(decision)
        then = f" {self._signs.then} {clip(way, room - 6)}" if way else ""
        yield from flowing(head[:2], [*what, Segment(said, "quiet"), *coded(then, "accent")], room)

    def answered(self, event: ApprovalAnswered, room: int) -> Sequence[Out]:
        """The rows of a no; none of a yes, which the call's line will say."""
        folded = self._under_way.get(event.call)
        if folded is None:
            return ()
        folded.answered = event
        if event.approval.answer != "no":
            return ()
        self.folded.append(folded)
        said = f": {one_line(event.comment)}" if event.comment else ""
        who = {"terminal": tr("you said no"), "unattended": tr("nobody was there to ask")}
        by = who.get(event.approval.method, f"{event.approval.by} said no")
        no = Segment(f" {self._signs.dot} {by}{said}", "quiet")
        return list(flowing(self._head(folded.judged, "bad"), [no], room))

    def finished(self, event: ToolFinished, room: int) -> Sequence[Out]:
        """The rows of a call that is over."""
        folded = self._under_way.pop(event.call, None)
        if folded is None:
            return ()
        short = event.text[:_MOST_KEPT], event.view[:_MOST_KEPT]
        folded.finished = ToolFinished(
            turn=event.turn, call=event.call, outcome=event.outcome, bytes=event.bytes, rows=event.rows,
            dur_us=event.dur_us, err=event.err, decision=event.decision, text=short[0], view=short[1],
        )  # fmt: skip
        self.folded.append(folded)
        ok = event.outcome == "ok"
        said = [Segment(f" {self._signs.dot} {part}", "quiet") for part in outcome(event)]
        if folded.answered is not None:
            said.append(Segment(f" {self._signs.dot} {answered(folded.answered)}", "quiet"))
        rows = list(flowing(self._head(folded.judged, "good" if ok else "bad"), said, room))
        if folded.judged.decision.obligations and ok:
            duties = pairs(folded.judged.decision.obligations)
            by = determined_by(folded.judged.decision)
            flow = Flow(room, prefix=[Segment("  ")], hang="  ")
            rows += [*flow.feed([Segment(f"with {duties}{by}", "quiet")]), *flow.end()]
        return rows

    def _head(self, event: ToolJudged, role: str) -> list[Segment]:
        sign = self._signs.no if role == "bad" else self._signs.call
        name = Segment(event.full_name, "bold")
        what = touched(event)
        return [Segment(f"{sign} ", role), name, *([Segment(f"  {what}")] if what else [])]

    def unfolded(self, number: int = 1) -> list[Line]:
        """All of the call that many back: its arguments, its verdict, its result. Empty where there is none."""
        if not 0 < number <= len(self.folded):
            return []
        folded = self.folded[-number]
        events = (folded.judged, folded.answered, folded.finished)
        texts = [render(one, self._signs, full=True) for one in events if one is not None]
        return [coloured_diff(row) for text in texts for row in text.split("\n")]

    def unfolded_result(self) -> list[Line]:
        """What the last call gave, whole; empty where it gave nothing. Indented: at the margin stands only what devagent
        says, and no output can look like a question or an answer."""
        last = self.folded[-1].finished if self.folded else None
        text = visible((last.view or last.text) if last else "").rstrip("\n")
        return [coloured_diff(f"  {row}") for row in text.split("\n")] if text else []
