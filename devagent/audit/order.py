"""The order that a log must keep, and what is still open in it.

    tool.called → tool.judged → (approval.asked → approval.answered)? → (tool.started → tool.finished)?

No ``tool.started`` after a deny, after an ask without the answer yes, or without a verdict at all. A
turn is closed by ``turn.ended``, and then each of its calls was judged, or by ``turn.cut``; either way
nothing that was started is left unfinished. The same rules are read from headers (``Order``, by a
verifier) and kept while writing (``Unfinished``, by the tap).
"""

from typing import Any

from msgspec import Struct, field

from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolStarted
from devagent.core.events.turns import TurnCut, TurnEnded, TurnStarted

_NEXT = {
    ("", "tool.called"): "called",
    ("deny", "tool.called"): "called",
    ("no", "tool.called"): "called",
    ("finished", "tool.called"): "again",  # one call id runs once: again it can only be denied
    ("again", "tool.judged"): "judged again",
    ("called", "tool.judged"): "judged",
    ("allow", "approval.asked"): "asked",
    ("ask", "approval.asked"): "asked",
    ("asked", "approval.answered"): "answered",
    ("allow", "tool.started"): "started",
    ("yes", "tool.started"): "started",
    ("started", "tool.finished"): "finished",
}
_TYPES = frozenset(kind for _, kind in _NEXT)
_STATES = {
    "": "a call that was never called for",
    "called": "a call without a verdict",
    "again": "a call without a verdict",
    "allow": "a verdict of allow",
    "ask": "a verdict of ask that nobody answered",
    "deny": "a verdict of deny",
    "asked": "an ask without an answer",
    "yes": "the answer yes",
    "no": "the answer no",
    "started": "a start",
    "finished": "an end",
}


class Unfinished(Struct):
    """The open turn, and the calls that were started in it and have not finished (call id → turn)."""

    turn: int | None = None
    calls: dict[str, int] = field(default_factory=dict)

    def follow(self, event: Event) -> None:
        match event:
            case TurnStarted(turn=turn):
                self.turn = turn
            case TurnEnded() | TurnCut():
                self.turn = None
            case ToolStarted(call=call, turn=turn):
                self.calls[call] = turn
            case ToolFinished(call=call):
                self.calls.pop(call, None)
            case _:
                pass

    def closing(self, err: str) -> list[Event]:
        """The records that close what is open: each started call as cut, then the turn."""
        events: list[Event] = [
            ToolFinished(turn=turn, call=call, outcome="cut", err=err)
            for call, turn in self.calls.items()
        ]
        if self.turn is not None:
            events.append(TurnCut(turn=self.turn, err=err))
        return events


class Order:
    """The rules as a machine over headers; ``step`` says what is out of order, or nothing."""

    def __init__(self) -> None:
        self.turn: int | None = None
        self._calls: dict[str, tuple[str, int]] = {}

    def unfinished(self) -> Unfinished:
        calls = {call: turn for call, (state, turn) in self._calls.items() if state == "started"}
        return Unfinished(self.turn, calls)

    def step(self, header: dict[str, Any]) -> str:
        kind: str = header["type"]
        if kind in _TYPES:
            return self._call(kind, header)
        if kind == "turn.started":
            return self._open(header)
        if kind in ("turn.ended", "turn.cut"):
            return self._close(kind, header)
        if kind == "session.ended" and self.turn is not None:
            return f"the session ends in turn {self.turn}, which neither ended nor was cut"
        return ""

    def _open(self, header: dict[str, Any]) -> str:
        turn = header.get("turn")
        if not isinstance(turn, int):
            return "turn.started without a turn number"
        if self.turn is not None:
            return f"turn {turn} starts in turn {self.turn}, which neither ended nor was cut"
        self.turn = turn
        return ""

    def _close(self, kind: str, header: dict[str, Any]) -> str:
        if self.turn is None or header.get("turn") != self.turn:
            return f"{kind} of turn {header.get('turn')}, which is not open"
        for call, (state, _) in self._calls.items():
            if state == "started":
                return f"{kind}, but call {call} was started and has not finished"
            if state in ("called", "again") and kind == "turn.ended":
                return f"{kind}, but call {call} was never judged"
        self.turn = None
        self._calls.clear()
        return ""

    def _call(self, kind: str, header: dict[str, Any]) -> str:
        call, turn = header.get("call"), header.get("turn")
        if not isinstance(call, str) or not isinstance(turn, int):
            return f"{kind} without its call and turn"
        before, _ = self._calls.get(call, ("", 0))
        after = _NEXT.get((before, kind))
        if after == "judged":
            after = _word(header, "decision", "effect", ("allow", "ask", "deny"))
        elif after == "judged again":
            if not _word(header, "decision", "effect", ("deny",)):
                return f"call {call} ran already, but is not denied"
            after = "finished"  # it has run, however often it is asked for again
        elif after == "answered":
            after = _word(header, "approval", "answer", ("yes", "no"))
        if after is None:
            return f"{kind} of call {call} after {_STATES[before]}"
        if not after:
            return f"{kind} of call {call} does not say how"
        self._calls[call] = (after, turn)
        return ""


def _word(header: dict[str, Any], name: str, key: str, words: tuple[str, ...]) -> str:
    record = header.get(name)
    word = record.get(key) if isinstance(record, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return word if word in words else ""  # pyright: ignore[reportUnknownVariableType]
