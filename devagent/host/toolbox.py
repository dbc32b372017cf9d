"""The toolbox: every extension of the session behind one door (``core.ports.Toolbox``)."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from devagent.core.codec import canonical
from devagent.core.events import ExtensionReference
from devagent.core.resources import Resource
from devagent.core.tools import ToolResult, ToolSpec
from devagent.host.arguments import Arguments
from devagent.host.inprocess import InProcess

MAX_TEXT_BYTES = 400_000
"""What one result may put before the model, and before the person; more is cut with a note, whatever
the extension does."""


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
    text, view = _cut(result.text, limit), _cut(result.view, limit)
    # The same data once more: half an object is no object.
    fits = text is result.text and len(canonical(result.structured)) <= limit
    return replace(result, text=text, view=view, structured=result.structured if fits else {})


def _cut(text: str, limit: int) -> str:
    data = text.encode()
    if len(data) <= limit:
        return text
    kept = data[:limit].decode(errors="ignore")
    return f"{kept}\n[cut: {len(data):,} bytes, of which the first {limit:,} are here]"
