"""A policy in force, and a candidate that is asked the same and heard by the record alone."""

from devagent.core.principal import Principal
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Decision, Needs, Request
from devagent.policy.decide import CompiledPolicy


class Beside:
    """Satisfies ``core.ports.Judge``: everything is as ``judge`` says, and ``shadow`` is what ``candidate`` would say."""

    def __init__(self, judge: CompiledPolicy, candidate: CompiledPolicy) -> None:
        self._judge = judge
        self._candidate = candidate

    @property
    def digest(self) -> str:
        return self._judge.digest

    def decide(self, request: Request) -> Decision:
        return self._judge.decide(request)

    def decide_result(self, request: Request) -> Decision:
        return self._judge.decide_result(request)

    def shadow(self, request: Request, decision: Decision) -> Decision | None:
        would = self._candidate.decide(request)
        same = would.effect == decision.effect and would.obligations == decision.obligations
        return None if same else would

    def needs(self, principal: Principal, tool: ToolSpec) -> Needs:
        """What either looks at: the candidate judges the same request."""
        own, other = self._judge.needs(principal, tool), self._candidate.needs(principal, tool)
        return Needs(
            own.facts | other.facts, own.origins | other.origins, own.context | other.context
        )

    def asks_for_origins(self) -> bool:
        return self._judge.asks_for_origins() or self._candidate.asks_for_origins()

    def is_hidden(self, principal: Principal, tool: ToolSpec) -> bool:
        return self._judge.is_hidden(principal, tool)
