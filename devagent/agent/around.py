"""Toolboxes around a toolbox: what such a one does not change passes through to the one within."""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent import __version__
from devagent.core.codec import digest
from devagent.core.ports import MayRead, Meanwhile, Progress, Toolbox
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolResult, ToolSpec


class Around:
    """A toolbox (``core.ports.Toolbox``) that is another one, but for the tools of the house that it says are ours."""

    def __init__(self, inner: Toolbox) -> None:
        self._inner = inner

    def _is_ours(self, tool: ToolSpec) -> bool:
        """Whether this toolbox answers for the tool, and not the one within."""
        del tool
        return False

    def _touched(self, tool: ToolSpec, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        """What a call of a tool of ours would touch."""
        del args
        return (Resource(f"mcp:{tool.extension}/{tool.name}", "read"),)

    def _carried_out(self, tool: ToolSpec, args: Mapping[str, Any]) -> ToolResult:
        """The result of a tool of ours."""
        raise NotImplementedError

    def specs(self) -> Sequence[ToolSpec]:
        return self._inner.specs()

    def find(self, api_name: str) -> ToolSpec | None:
        return self._inner.find(api_name)

    def reference(self, tool: ToolSpec) -> ExtensionReference:
        if self._is_ours(tool):
            definition = digest([tool.name, tool.input_schema])
            return ExtensionReference(tool.extension, __version__, definition)
        return self._inner.reference(tool)

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        return self._inner.complete(tool, args)

    async def resources(
        self, tool: ToolSpec, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        if self._is_ours(tool):
            return self._touched(tool, args)
        return await self._inner.resources(tool, args, may_read)

    async def preview(self, tool: ToolSpec, args: Mapping[str, Any]) -> str:
        return "" if self._is_ours(tool) else await self._inner.preview(tool, args)

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        if self._is_ours(tool):
            return self._carried_out(tool, args)
        return await self._inner.run(tool, args, obligations, may_read, progress, meanwhile)


class Besides(Around):
    """A toolbox with one tool of the house besides."""

    def __init__(self, inner: Toolbox, tool: ToolSpec) -> None:
        super().__init__(inner)
        self._tool = tool

    def _is_ours(self, tool: ToolSpec) -> bool:
        return tool is self._tool

    def specs(self) -> Sequence[ToolSpec]:
        return (*self._inner.specs(), self._tool)

    def find(self, api_name: str) -> ToolSpec | None:
        return self._tool if api_name == self._tool.api_name else self._inner.find(api_name)
