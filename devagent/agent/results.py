"""The result phase: what came back of a granted call, before the model and the person see it."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from devagent.agent.duties import bounded, kinds_to_redact
from devagent.agent.evidence import Evidence
from devagent.agent.refusals import to_be_granted
from devagent.core.events.calls import Outcome, ToolFinished, ToolJudged
from devagent.core.ports import Judge
from devagent.core.tools import ToolResult, ToolSpec

Redact = Callable[[Sequence[str], str], str]
"""Kinds of what is to go, and a text → the text without it."""
REDACTS = ("secrets", "keys", "pii")


class Results:
    """Judges results by what the session's own events say."""

    def __init__(self, judge: Judge, evidence: Evidence, redact: Redact) -> None:
        self._judge, self._evidence, self._redact = judge, evidence, redact

    def by(self, judge: Judge, evidence: Evidence) -> "Results":
        """The same for a sub-agent's calls."""
        return Results(judge, evidence, self._redact)

    def finished(self, judged: ToolJudged, tool: ToolSpec, result: ToolResult) -> ToolFinished:
        """The call's end as it goes on record: rules may still withhold what came back, or take something out."""
        request = self._evidence.of_result(judged, tool, result)
        about: dict[str, Any] = request.context["result"]
        finished = ToolFinished(
            turn=judged.turn,
            call=judged.call,
            outcome=_outcome(result),
            bytes=len(result.text.encode()),
            rows=result.rows,
            err=result.error,
            taint=result.taint,
            text=result.text,
            view=result.view,
            structured=result.structured,
            about=about,
            content=result.content,
            whole=result.whole,
        )
        decision = bounded(self._judge.decide_result(request), REDACTS)
        if decision.effect != "allow":
            text = f"The result is withheld by policy: {decision.reason}.{to_be_granted(decision)}"
            return ToolFinished(
                turn=judged.turn,
                call=judged.call,
                outcome="denied",
                err="withheld",
                decision=decision,
                text=text,
                about=about,
            )
        kinds = {*kinds_to_redact(judged.decision), *kinds_to_redact(decision)}
        if kinds:
            text, view, whole = (
                self._redact(sorted(kinds), part)
                for part in (result.text, result.view, result.whole)
            )
            # The structured copy and the blocks hold the same: they are left out rather than walked.
            finished = replace(
                finished, text=text, view=view, whole=whole, structured={}, content=[]
            )
        return finished if not decision.rules else replace(finished, decision=decision)

    def may_be_watched(self, judged: ToolJudged, tool: ToolSpec) -> bool:
        """Whether a person may see what the call prints while it runs: not where the whole may yet be
        withheld, or something be taken out of it."""
        looks = self._judge.needs(judged.principal, tool).context
        if any(key.partition(".")[0] == "result" for key in looks):
            return False
        result = self._evidence.of_result(judged, tool, ToolResult(text=""))
        decision = self._judge.decide_result(result)
        redacted = kinds_to_redact(judged.decision) or kinds_to_redact(decision)
        return decision.effect == "allow" and not redacted


def _outcome(result: ToolResult) -> Outcome:
    if not result.failed:
        return "ok"
    return "timeout" if result.error == "timeout" else "failed"
