"""The ``result`` object of a one-shot run: a fold over the session's events (design, section 8)."""

from typing import Any

from msgspec import UNSET

from devagent.cli.stream_lines import VERSION, Counts, Denial, Judged, ResultLine
from devagent.core.citations import Citation, citations
from devagent.core.codec import to_plain
from devagent.core.errors import DevagentError, Stop
from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import BudgetStopped, TurnEnded
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision

EXIT_CODES: dict[Stop, int] = {
    "done": 0,
    "failed": 1,
    "policy": 3,
    "schema": 4,
    "limit": 5,
    "service": 6,
    "config": 78,
    "interrupted": 130,
}

GRAVITY: tuple[Stop, ...] = (
    "done", "failed", "policy", "schema", "service", "limit", "config", "interrupted",
)  # fmt: skip
"""Where several reasons hold at once, the later one is told."""


SERVICE = "service"
"""The extension that the model service's own tools are judged as (``agent.service_tools``)."""


class Result:
    """What a run came to, so far. ``apply`` each event, ``stop_for`` what ended it, then ``plain``."""

    def __init__(self) -> None:
        self.session = ""
        self.text = ""
        self.structured: Any = UNSET
        self.stop: Stop = "done"
        self.reason = ""
        self.exit_code: int | None = None
        self.turns = 0
        self.usage = Usage()
        self.cost_usd_micros = 0
        self.unpriced_replies = 0
        self.denials: list[Denial] = []
        self.judged: list[Judged] | None = None
        """The calls of a dry run; None where it is none."""
        self.log = ""
        self.citations: list[Citation] = []
        """What the last text rests on."""
        self._judged: dict[str, ToolJudged] = {}
        self._offers: set[str] = set()

    def apply(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case ModelReplied():
                self.usage += event.usage
                self.cost_usd_micros += event.cost.usd_micros if event.cost else 0
                self.unpriced_replies += event.cost is None and event.usage != Usage()
                self.turns += event.purpose != "compaction"
                if not event.purpose and event.text:
                    self.text, self.citations = event.text, citations(event.content)
            case ToolJudged(ext=ext) if ext.name == SERVICE:
                self._offers.add(
                    event.call
                )  # no call of the model's: what is not granted is not offered
            case ToolJudged():
                self._judged[event.call] = event
                if self.judged is not None:
                    self.judged.append(_judged(event))
                if event.dry_run and event.decision.effect == "ask":
                    self._denied(event)
                if event.decision.effect == "deny" and event.err in ("", "not_judged"):
                    self._denied(event)
            case ApprovalAnswered(call=call) if call in self._offers:
                pass
            case ApprovalAnswered(call=call, approval=approval) if approval.answer != "yes":
                self._denied(self._judged[call])
            case ToolFinished(call=call, outcome="denied"):
                self._denied(self._judged[call], event)
            case BudgetStopped(reason=reason):
                self.stop_for("limit", reason)
            case TurnEnded(stop=stop, reason=reason):
                self.stop_for(stop, reason)
            case _:
                pass

    def stop_for(self, stop: Stop, reason: str, *, exit_code: int | None = None) -> None:
        """Something ended the run; the gravest reason stays."""
        if GRAVITY.index(stop) > GRAVITY.index(self.stop) or (
            stop == self.stop and not self.reason
        ):
            self.stop, self.reason, self.exit_code = stop, reason, exit_code

    def fail(self, error: DevagentError) -> None:
        """A failure of the house ended the run. ``exit_code`` of the error holds (an unknown session is 2)."""
        said = f"{error.what.rstrip('.')}. {error.hint}" if error.hint else error.what
        self.stop_for(error.stop, " ".join(said.split()), exit_code=error.exit_code)

    def plain(self, duration_ms: int) -> dict[str, Any]:
        """The object as it is printed."""
        stop, reason = self.stop, self.reason
        dry_run = self.judged is not None
        if self.denials and not dry_run and GRAVITY.index(stop) < GRAVITY.index("policy"):
            stop, reason = "policy", _denials_in_words(self.denials)
        code = EXIT_CODES[stop] if self.exit_code is None or stop != self.stop else self.exit_code
        line = ResultLine(
            v=VERSION,
            session=self.session,
            result=self.text,
            is_error=code != 0,
            exit_code=code,
            stop=stop,
            reason=reason,
            turns=self.turns,
            usage=Counts.of(self.usage),
            cost_usd_micros=self.cost_usd_micros,
            duration_ms=duration_ms,
            permission_denials=self.denials,
            log=self.log,
            structured=self.structured,
            judged=UNSET if self.judged is None else self.judged,
            unpriced_replies=self.unpriced_replies or UNSET,
            citations=self.citations or UNSET,
        )
        return to_plain(line)

    def _denied(self, judged: ToolJudged, finished: ToolFinished | None = None) -> None:
        decision = finished.decision if finished and finished.decision else judged.decision
        self.denials.append(
            Denial(
                tool=judged.full_name,
                call=judged.call,
                resources=[r.id for r in judged.resources],
                effect=decision.effect,
                rules=_determining(decision),
                reason=decision.reason,
                grant=decision.grant,
            )
        )


def _judged(event: ToolJudged) -> Judged:
    decision = event.decision
    return Judged(
        tool=event.full_name,
        call=event.call,
        tool_class=event.tool_class,
        args=event.args,
        resources=[r.id for r in event.resources],
        effect=decision.effect,
        rules=_determining(decision),
        reason=decision.reason,
        grant=decision.grant,
        obligations=decision.obligations,
    )


def _determining(decision: Decision) -> list[str]:
    """The rules that made the answer, not all that matched; where none did, those that matched."""
    return list(dict.fromkeys(r.rule for r in decision.determining)) or list(decision.rules)


def _denials_in_words(denials: list[Denial]) -> str:
    first = denials[0]
    more = f" (and {len(denials) - 1} more)" if len(denials) > 1 else ""
    reason = first.reason
    if first.effect != "deny":
        verb = "was not approved, nobody could be asked:"
    else:
        verb = "was" if reason.startswith("denied by ") else "was denied:"
    return f"{first.tool} {verb} {reason}{more}"
