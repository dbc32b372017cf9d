"""The toolbox: every extension of the session behind one door (``core.ports.Toolbox``)."""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent.core.events import ExtensionReference
from devagent.core.resources import Resource
from devagent.core.tools import ToolResult, ToolSpec
from devagent.host.arguments import Arguments
from devagent.host.inprocess import InProcess

MAX_TEXT_BYTES = 400_000
"""What one result may put before the model; more is cut with a note, whatever the extension does."""


class Extensions:
    """The session's extensions, found by the model's name for a tool."""

    def __init__(self, extensions: Sequence[InProcess]) -> None:
        self._by_name = {e.manifest.reference.name: e for e in extensions}
        self._specs = tuple(tool for e in extensions for tool in e.manifest.tools)
        self._by_api_name = {tool.api_name: tool for tool in self._specs}
        self._arguments = Arguments()

    def close(self) -> None:
        """Take no more calls."""
        for extension in self._by_name.values():
            extension.close()

    def specs(self) -> Sequence[ToolSpec]:
        """All tools, in the extensions' order."""
        return self._specs

    def references(self) -> Sequence[ExtensionReference]:
        """The extensions by name, version and digest."""
        return tuple(e.manifest.reference for e in self._by_name.values())

    def find(self, api_name: str) -> ToolSpec | None:
        return self._by_api_name.get(api_name)

    def reference(self, tool: ToolSpec) -> ExtensionReference:
        return self._by_name[tool.extension].manifest.reference

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        return self._arguments.fit(tool, args)

    async def resources(self, tool: ToolSpec, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        return await self._by_name[tool.extension].resources(tool.name, args)

    async def run(
        self, tool: ToolSpec, args: Mapping[str, Any], obligations: Mapping[str, Any]
    ) -> ToolResult:
        result = await self._by_name[tool.extension].run(tool.name, args, obligations)
        return _bounded(result, int(obligations.get("limit_bytes", MAX_TEXT_BYTES)))


def _bounded(result: ToolResult, limit: int) -> ToolResult:
    data = result.text.encode()
    if len(data) <= limit:
        return result
    kept = data[:limit].decode(errors="ignore")
    note = f"\n[cut: {len(data):,} bytes, of which the first {limit:,} are here]"
    return ToolResult(
        text=kept + note,
        failed=result.failed,
        view=result.view[: limit // 2],
        error=result.error,
        rows=result.rows,
        taint=result.taint,
    )
