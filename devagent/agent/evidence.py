"""Evidence: what a policy request tells beside the call itself, all of it from the session's own events.

Who and in which mode is fixed, the day is the call's own; the taint (labels of the sources whose results the model
has read), the origins of values and the last prompt come from a fold over the events, live or resumed;
facts come from the text of the arguments, and of a result its sizes, labels and personal data. Nothing
here is the model's word. What is costly is worked out only where a rule that may concern the tool
looks at it.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.provenance import Provenance
from devagent.agent.service_uses import uses
from devagent.core.events import Event
from devagent.core.events.calls import ServiceToolUsed, ToolCalled, ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.ports import Judge
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolResult, ToolSpec
from devagent.core.verdicts import Needs, Request
from devagent.policy.needs import ASKS_FOR_PERSONAL_DATA


class Circumstances(Struct, frozen=True):
    """What no call of a session changes: who, in which mode, by which calendar (the ISO date of each call: a session
    may outlast a rule)."""

    principal: Principal
    mode: str
    interactive: bool
    today: Callable[[], str]


class Evidence:
    """Makes requests for the judge."""

    def __init__(self, judge: Judge, circumstances: Circumstances) -> None:
        self._judge = judge
        self._circumstances = circumstances
        self._provenance = Provenance(judge.asks_for_origins)
        self._labels: set[str] = set()
        self._unread: set[str] = set()
        """Calls of the person's screen: no model reads their results."""

    @property
    def taint(self) -> tuple[str, ...]:
        """The labels of the sources whose results the model has read, sorted."""
        return tuple(sorted(self._labels))

    def for_agent(self, judge: Judge, agent: str) -> "Evidence":
        """The same evidence for a sub-agent's calls, judged by ``judge``: what it is asked to do stems from what
        was read before, and what it reads is read by all. It grows by what this one takes in."""
        same = self._circumstances
        own = Evidence(judge, replace(same, principal=replace(same.principal, agent=agent)))
        own._provenance, own._labels = self._provenance, self._labels
        return own

    @property
    def principal(self) -> Principal:
        return self._circumstances.principal

    def apply(self, event: Event) -> None:
        """Take in an event of the session."""
        match event:
            case ToolCalled(asked_by="screen", call=call):
                self._unread.add(call)
            case ToolFinished(call=call) if call in self._unread:
                self._unread.discard(call)
                return
            case _:
                pass
        self._provenance.apply(event)
        match event:
            case ToolFinished(taint=taint) | ServiceToolUsed(taint=taint) if taint:
                self._labels.update(taint)
            case ModelReplied(purpose=""):
                # Also where the turn was cut before the uses were on record.
                for use in uses(event):
                    self._labels.update(use.taint)
            case _:
                pass

    def of_call(
        self, tool: ToolSpec, args: dict[str, Any], resources: tuple[Resource, ...]
    ) -> Request:
        """The request for a call with completed arguments.

        Raises RecursionError for arguments that are nested too deeply to be looked through.
        """
        needs = self._judge.needs(self.principal, tool)
        facts = _facts(args, needs)
        return Request(
            principal=self.principal,
            extension=tool.extension,
            tool=tool.name,
            tool_class=tool.tool_class,
            args=args,
            resources=resources,
            context=self._context(args, facts, needs),
            facts=facts,
            can=tool.can,
        )

    def of_result(self, judged: ToolJudged, tool: ToolSpec, result: ToolResult) -> Request:
        """The request of the result phase: the call as it was judged, and what its result is like.

        ``context.result``: ``bytes`` of its text, ``rows``, ``labels``, and where a rule asks
        ``personal_data`` (the kinds found, see ``policy.personal_data``).
        """
        about: dict[str, Any] = {
            "bytes": len(result.text.encode()),
            "rows": result.rows,
            "labels": list(result.taint),
        }
        if not self._judge.needs(self.principal, tool).context.isdisjoint(ASKS_FOR_PERSONAL_DATA):
            from devagent.policy.personal_data import (  # noqa: PLC0415  (only where rules ask)
                personal_data,
            )

            about["personal_data"] = personal_data([result.text, result.view, result.structured])
        return Request(
            principal=self.principal,
            extension=tool.extension,
            tool=tool.name,
            tool_class=tool.tool_class,
            args=judged.args,
            resources=judged.resources,
            context={**judged.context, "result": about},
            facts=judged.facts,
            phase="result",
            can=tool.can,
        )

    def _context(
        self, args: dict[str, Any], facts: dict[str, list[Any]], needs: Needs
    ) -> dict[str, Any]:
        """The request's ``context`` (spec: "A request"); ``prompt`` only where a rule looks at it."""
        same = self._circumstances
        context: dict[str, Any] = {
            "mode": same.mode,
            "interactive": same.interactive,
            "today": same.today(),
        }
        if self.taint:
            context["taint"] = list(self.taint)
        if "prompt" in needs.context:
            context["prompt"] = self._provenance.prompt
        if needs.origins and (origins := self._provenance.origins(args, facts, needs.origins)):
            context["origins"] = origins
        return context


def _facts(args: dict[str, Any], needs: Needs) -> dict[str, list[Any]]:
    if not needs.facts:
        return {}
    from devagent.policy.facts import facts_of  # noqa: PLC0415  (12 ms, only where rules ask)

    return facts_of(args, needs.facts)
