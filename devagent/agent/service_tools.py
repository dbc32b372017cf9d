"""The tools that the model service carries out itself (web search, web fetch, code execution): judged, then offered.

What such a tool does nobody here can stop, so the decision stands before the offer:

1. None is offered that the config does not name and the gate does not grant: each offer is a call of the extension
   ``service``, judged like any other, with its bounds as arguments and the hosts it may reach as resources. Where the
   answer is ask and nobody says yes, it is not offered.
2. It is judged anew in each turn, when the model has read a source of another label since (what may leave then may be
   less), and when a revocation reached the session.
3. In a dry run none is offered.
4. What the service did with one is an event (``service_tool.used``); what came of the web is an untrusted source (label
   ``web``), like the result of any tool.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from devagent import __version__
from devagent.agent.around import Around
from devagent.agent.gate import Gate, granted
from devagent.core.codec import digest
from devagent.core.events.calls import ApprovalAnswered, ApprovalAsked, ToolCalled, ToolJudged
from devagent.core.resources import Resource
from devagent.core.tools import (
    SERVICE,
    ExtensionReference,
    ServiceTool,
    ToolCall,
    ToolClass,
    ToolResult,
    ToolSpec,
)

_CLASSES: dict[str, ToolClass] = {"code_execution": "exec"}


def specification(tool: ServiceTool) -> ToolSpec:
    """The tool as policy knows it: ``service.web_search``."""
    return ToolSpec(
        extension=SERVICE,
        name=tool.name,
        tool_class=_CLASSES.get(tool.name, "net"),
        description=f"{tool.name} of the model service, which carries it out itself",
        input_schema={"type": "object"},
    )


class WithServiceTools(Around):
    """A toolbox that can say of the service's own tools what they touch; it lists none of them, and carries out none."""

    def _is_ours(self, tool: ToolSpec) -> bool:
        return tool.extension == SERVICE

    def reference(self, tool: ToolSpec) -> ExtensionReference:
        if self._is_ours(tool):
            return ExtensionReference(SERVICE, __version__, digest([tool.name]))
        return super().reference(tool)

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        return dict(args) if self._is_ours(tool) else super().complete(tool, args)

    def _touched(self, tool: ToolSpec, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        if tool.tool_class != "net":
            return (Resource(f"mcp:{SERVICE}/{tool.name}", "write"),)
        domains: Sequence[str] = args.get("allowed_domains") or ("*",)
        # A domain may come with a path.
        return tuple(Resource(f"host:{one.partition('/')[0].lower()}", "read") for one in domains)

    def _carried_out(self, tool: ToolSpec, args: Mapping[str, Any]) -> ToolResult:
        del tool, args
        return ToolResult("The service alone can do that.", failed=True, error="unavailable")


class Offering:
    """Which of the service's tools one conversation has, as the gate last said."""

    def __init__(self, tools: Sequence[ServiceTool], gate: Gate) -> None:
        self._tools, self._gate = tools, gate
        self._judged_at: tuple[int, tuple[str, ...]] | None = None
        self._number = 0
        self.offered: tuple[ServiceTool, ...] = ()

    async def judged(
        self, turn: int
    ) -> AsyncGenerator[ToolCalled | ToolJudged | ApprovalAsked | ApprovalAnswered, None]:
        """Have each judged where that is due; ``offered`` is what was granted. Take the events in as they come."""
        now = turn, self._gate.taint
        withdrawn = any(self._gate.is_withdrawn(specification(tool)) for tool in self.offered)
        if not self._tools or (self._judged_at == now and not withdrawn):
            return
        self._judged_at, self.offered = now, ()
        found: list[ServiceTool] = []
        for tool in self._tools:
            self._number += 1
            spec = specification(tool)
            call = ToolCall(f"offer_{turn}_{self._number}", spec.api_name, tool.settings)
            yield ToolCalled(
                turn=turn,
                call=call.id,
                ext=SERVICE,
                tool=tool.name,
                args=call.args,
                asked_by="house",
            )
            last: ToolJudged | ApprovalAsked | ApprovalAnswered | None = None
            async with aclosing(self._gate.judge(turn, call, spec)) as events:
                async for event in events:
                    last = event
                    yield event
            if granted(last) and not self._gate.dry_run:
                found.append(tool)
        self.offered = tuple(found)
