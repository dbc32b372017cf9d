"""The toolbox: every extension of the session behind one door (``core.ports.Toolbox``)."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.core.codec import canonical
from devagent.core.events.ground import ExtensionChanged, ExtensionRefused, ResourceChanged
from devagent.core.ports import Elicitor, MayRead, Meanwhile, Progress, Sampler
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolResult, ToolSpec
from devagent.host.arguments import Arguments
from devagent.host.extension import Extension, Fault
from devagent.host.inprocess import InProcess

if TYPE_CHECKING:
    from devagent.host.mcp.extension import McpExtension
    from devagent.host.mcp.house import House
    from devagent.host.third_party import Refusal

News = ExtensionRefused | ExtensionChanged | ResourceChanged
MAX_TEXT_BYTES = 400_000
"""What one result may put before the model, and before the person; more is cut with a note, whatever
the extension does."""
MAX_WHOLE_BYTES = 2_000_000
"""The same for what the record alone has of a result that was cut."""
MAX_BLOCKS = 8 << 20
"""Bytes of a result's images and other blocks."""


class Extensions:
    """The session's extensions, found by the model's name for a tool."""

    def __init__(
        self,
        extensions: Sequence[Extension],
        servers: Sequence["McpExtension"] = (),
        house: "House | None" = None,
    ) -> None:
        self._extensions: list[Extension] = [*extensions, *servers]
        self._servers = list(servers)
        self.house = house
        """What the servers have beside tools, and what they ask for; None where there are no servers."""
        self._news: list[ExtensionRefused | ExtensionChanged] = []
        self._arguments = Arguments()
        self._index()

    def _index(self) -> None:
        names = [server.settings.name for server in self._servers]
        self._extensions = [e for e in self._extensions if e is not self.house]
        if self.house is not None and names:
            self.house.keep(names)
            self._extensions.append(self.house)
        self._by_name = {e.reference.name: e for e in self._extensions}
        self._specs = tuple(tool for e in self._extensions for tool in e.tools)
        self._by_api_name = {tool.api_name: tool for tool in self._specs}

    def leave_out(self, forbidden: Callable[[ExtensionReference], bool]) -> Sequence[str]:
        """The names of the extensions that policy lets nobody run: they leave before they are loaded."""
        named = [e for e in self._extensions if e is not self.house]
        out = [e.reference for e in named if forbidden(e.reference)]
        names = tuple(reference.name for reference in out)
        self._remove(names)
        self._news += [ExtensionRefused(ext=ref, err="not_allowed") for ref in out]
        return names

    def deny_paths(self, patterns_for: Callable[[ToolSpec], Sequence[str]]) -> None:
        """Tell the extensions that run commands which paths policy may deny to these."""
        for extension in self._extensions:
            found = (patterns_for(tool) for tool in extension.tools if tool.tool_class == "exec")
            extension.deny_paths(tuple(dict.fromkeys(one for many in found for one in many)))

    def work_on(self, ticket: str) -> None:
        """Tell devagent's own extensions which ticket the session works on."""
        for extension in self._extensions:
            if isinstance(extension, InProcess):
                extension.work_on(ticket)

    def _remove(self, names: Collection[str]) -> None:
        self._extensions = [e for e in self._extensions if e.reference.name not in names]
        self._servers = [s for s in self._servers if s.reference.name not in names]
        self._index()

    async def admit(self, *, first_use: bool, today: str, fault: Fault) -> Sequence["Refusal"]:
        """Let in the third parties' servers that may be (see ``third_party.admit``); the others leave.

        Before this their recorded tools are known here; none of them can be called.
        """
        if not self._servers:
            return ()
        from devagent.host.third_party import admit  # noqa: PLC0415  (only where there are servers)

        refused = await admit(self._servers, first_use=first_use, today=today, fault=fault)
        self._remove({refusal.event.ext.name for refusal in refused})
        self._news += [refusal.event for refusal in refused]
        return refused

    def attend(self, elicitor: Elicitor | None, sampler: Sampler | None) -> None:
        """Whom servers may ask: the person, and a model."""
        if self.house is not None:
            self.house.elicitor = elicitor or self.house.elicitor
            self.house.sampler = sampler

    @property
    def servers(self) -> Sequence["McpExtension"]:
        """The third parties' servers that are let in."""
        return tuple(self._servers)

    def take_news(self) -> Sequence[News]:
        """What the record should tell of the extensions since this was asked last."""
        news: list[News] = list(self._news)
        for server in self._servers:
            news += server.take_changes()
            if updated := server.beside.take_updates():
                news.append(ResourceChanged(ext=server.reference, uris=tuple(updated)))
        self._news = []
        return news

    async def aclose(self) -> None:
        """Take no more calls, and leave nothing running."""
        await asyncio.gather(*(extension.aclose() for extension in self._extensions))

    def specs(self) -> Sequence[ToolSpec]:
        """All tools, in the extensions' order."""
        return self._specs

    def references(self) -> Sequence[ExtensionReference]:
        """The extensions by name, version and digest."""
        return tuple(e.reference for e in self._by_name.values())

    def find(self, api_name: str) -> ToolSpec | None:
        return self._by_api_name.get(api_name)

    def reference(self, tool: ToolSpec) -> ExtensionReference:
        return self._by_name[tool.extension].reference

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        return self._arguments.fit(tool, args)

    async def resources(
        self, tool: ToolSpec, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        return await self._by_name[tool.extension].resources(tool.name, args, may_read)

    async def preview(self, tool: ToolSpec, args: Mapping[str, Any]) -> str:
        return await self._by_name[tool.extension].preview(tool.name, args)

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        result = await self._by_name[tool.extension].run(
            tool.name, args, obligations, may_read, progress, meanwhile
        )
        return _bounded(result, int(obligations.get("limit_bytes", MAX_TEXT_BYTES)))


def _bounded(result: ToolResult, limit: int) -> ToolResult:
    text, view = _cut(result.text, limit), _cut(result.view, limit)
    # The same data once more: half an object is no object.
    fits = text is result.text and len(canonical(result.structured)) <= limit
    content = result.content if text is result.text and _size(result.content) <= MAX_BLOCKS else []
    structured = result.structured if fits else {}
    whole = _cut(result.whole, MAX_WHOLE_BYTES)
    return replace(
        result, text=text, view=view, whole=whole, structured=structured, content=content
    )


def _size(content: Sequence[Mapping[str, Any]]) -> int:
    return len(canonical(content)) if content else 0


def _cut(text: str, limit: int) -> str:
    data = text.encode()
    if len(data) <= limit:
        return text
    kept = data[:limit].decode(errors="ignore")
    return f"{kept}\n[cut: {len(data):,} bytes, of which the first {limit:,} are here]"
