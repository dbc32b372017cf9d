"""First-party tools for judging without a session: what a request about one leaves out is filled in.

``policy check`` and ``policy explain`` ask here, so that they judge what the gate would judge.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from devagent.core.ports import ToolFailure
from devagent.core.resources import Resource
from devagent.core.tools import ToolClass, ToolSpec
from devagent.host.arguments import complete
from devagent.host.inprocess import InProcess


class KnownTools:
    """The tools of some extensions, as ``policy.requests.Known``. Nothing of them runs but ``resources``."""

    def __init__(self, extensions: list[InProcess]) -> None:
        self._tools = {
            (spec.extension, spec.name): _Tool(extension, spec)
            for extension in extensions
            for spec in extension.manifest.tools
        }

    def __call__(self, extension: str, tool: str) -> "_Tool | None":
        return self._tools.get((extension, tool))


class _Tool:
    """One tool (``policy.requests.KnownTool``)."""

    def __init__(self, extension: InProcess, spec: ToolSpec) -> None:
        self._extension = extension
        self._spec = spec

    @property
    def tool_class(self) -> ToolClass:
        return self._spec.tool_class

    @property
    def can(self) -> tuple[str, ...]:
        return self._spec.can

    def complete(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return complete(self._spec.input_schema, args)

    def resources(self, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        try:
            return asyncio.run(self._extension.resources(self._spec.name, args))
        except ToolFailure as failure:
            raise ValueError(failure.text) from failure
