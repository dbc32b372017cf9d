"""Meet: what two principals may both do. A sub-agent never gets more than the agent that asks it.

The answer is the lesser of both, and what is owed is the union (design, section 3, rules 2 and 6). It reads, and
changes nothing, whatever policy would let it do.
"""

from typing import Any

from msgspec.structs import replace

from devagent.core.ports import Judge
from devagent.core.principal import Principal
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import RANK, Decision, Needs, Request
from devagent.policy.obligations import join

RULE = "floor#sub-agents-read"


class Meet:
    """A judge for somebody who acts for ``above`` (``core.ports.Judge``)."""

    def __init__(self, judge: Judge, above: Principal) -> None:
        self._judge, self._above = judge, above

    @property
    def digest(self) -> str:
        return self._judge.digest

    def decide(self, request: Request) -> Decision:
        written = [one.id for one in request.resources if one.access != "read"]
        if request.tool_class != "read" or written:
            what = ", ".join(written[:3]) or f"{request.extension}.{request.tool}"
            reason = f"A sub-agent only reads, and this would change {what}"
            return Decision(effect="deny", reason=reason, rules=(RULE,))
        return _lesser(self._judge.decide(request), self._judge.decide(self._raised(request)))

    def decide_result(self, request: Request) -> Decision:
        own = self._judge.decide_result(request)
        return _lesser(own, self._judge.decide_result(self._raised(request)))

    def shadow(self, request: Request, decision: Decision) -> Decision | None:
        return self._judge.shadow(request, decision)

    def needs(self, principal: Principal, tool: ToolSpec) -> Needs:
        own, above = self._judge.needs(principal, tool), self._judge.needs(self._above, tool)
        return Needs(
            own.facts | above.facts, own.origins | above.origins, own.context | above.context
        )

    def asks_for_origins(self) -> bool:
        return self._judge.asks_for_origins()

    def is_hidden(self, principal: Principal, tool: ToolSpec) -> bool:
        return self._judge.is_hidden(principal, tool) or self._judge.is_hidden(self._above, tool)

    def _raised(self, request: Request) -> Request:
        return replace(request, principal=self._above)


def _lesser(own: Decision, above: Decision) -> Decision:
    if RANK[above.effect] < RANK[own.effect]:
        own, above = replace(above, request=own.request), own
    if own.effect == "deny":
        return own
    determining = own.determining
    if (
        above.effect == own.effect
    ):  # both asks are put to the person, and an approval must answer both
        determining = tuple(dict.fromkeys([*own.determining, *above.determining]))
    return replace(
        own,
        determining=determining,
        obligations=_owed(own.obligations, above.obligations),
        rules=tuple(sorted({*own.rules, *above.rules})),
        sticky=own.sticky or above.sticky,
    )


def _owed(own: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The union. A filter in a decision is a list of expressions a table already, which ``join`` would make of each."""
    if own == above:
        return own
    joined = join({k: v for k, v in one.items() if k != "filter"} for one in (own, above))
    filters: dict[str, list[str]] = {}
    for one in (own, above):
        for table, expressions in one.get("filter", {}).items():
            filters[table] = sorted({*filters.get(table, ()), *expressions})
    return {**joined, "filter": filters} if filters else joined
