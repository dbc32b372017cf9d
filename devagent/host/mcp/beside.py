"""What a third party's MCP server has beside tools: resources, prompts, completions, and the folders it is told of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devagent.core.ports import Meanwhile, ToolFailure
from devagent.core.text import one_line
from devagent.core.tools import ToolResult
from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.definitions import PromptDefinition
from devagent.host.mcp.running import Running

if TYPE_CHECKING:
    from devagent.host.mcp.notices import Changed


class Beside:
    """Of one server; ``prompts`` are those that were let in. All of these may raise ToolFailure."""

    def __init__(
        self, settings: ServerSettings, running: Running, prompts: Mapping[str, PromptDefinition]
    ) -> None:
        self._settings = settings
        self._running = running
        self._prompts = prompts

    async def list_resources(
        self, obligations: Mapping[str, Any], meanwhile: Meanwhile | None = None
    ) -> ToolResult:
        """Its resources, and templates of such."""
        server = await self._running.get()
        limit = self._running.limit(obligations)
        with self._running.way(meanwhile, limit):
            resources, templates = await server.requests.resources(limit)
        from devagent.host.mcp.results import listed  # noqa: PLC0415  (with the first answer)

        names = ("name", "title", "description", "mimeType")
        found = listed(resources, ("uri", *names))
        patterns = listed(templates, ("uriTemplate", *names))
        lines = [
            " - ".join(
                filter(None, [one.get("uri") or one.get("uriTemplate"), one.get("description")])
            )
            for one in (*found, *patterns)
        ]
        return ToolResult(
            "\n".join(lines) or f"{self._settings.name} has nothing to read",
            rows=len(lines),
            structured={"resources": found, "resourceTemplates": patterns},
        )

    async def read_resource(
        self,
        uri: str,
        obligations: Mapping[str, Any],
        meanwhile: Meanwhile | None = None,
        *,
        watch: bool = False,
    ) -> ToolResult:
        """A resource, and with ``watch`` word of its changes (``take_updates``)."""
        server = await self._running.get()
        limit = self._running.limit(obligations)
        with self._running.way(meanwhile, limit) as way:
            answer = await server.requests.read(uri, limit, way)
        if watch:
            await server.watch(uri, limit)
        from devagent.host.mcp.results import read_result  # noqa: PLC0415  (with the first answer)

        return read_result(answer, uri)

    def tell(self, uri: str, changed: "Changed | None") -> None:
        """Whom to tell of the changes of a watched resource, besides ``take_updates``."""
        if self._running.server is not None:
            self._running.server.notices.tell(uri, changed)

    def take_updates(self) -> Sequence[str]:
        """The watched resources that have changed since this was asked last."""
        if self._running.server is None:
            return ()
        updated = sorted(self._running.server.notices.updated)
        self._running.server.notices.updated.clear()
        return updated

    async def get_prompt(
        self,
        name: str,
        args: dict[str, str],
        obligations: Mapping[str, Any],
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        """A prompt, filled in by the server."""
        server = await self._running.get()
        if name not in self._prompts:
            raise ToolFailure(
                f"{self._settings.name} has no prompt {name!r} that was let in",
                error="no_such_prompt",
            )
        limit = self._running.limit(obligations)
        with self._running.way(meanwhile, limit) as way:
            answer = await server.requests.prompt(name, args, limit, way)
        from devagent.host.mcp.results import prompt_result  # noqa: PLC0415  (with the first answer)

        return prompt_result(answer)

    async def complete(self, args: Mapping[str, Any], obligations: Mapping[str, Any]) -> ToolResult:
        """How an argument may go on."""
        server = await self._running.get()
        others = {k: str(v) for k, v in args.get("arguments", {}).items()} or None
        argument = {"name": str(args["argument"]), "value": str(args["value"])}
        limit = self._running.limit(obligations)
        with self._running.way(None, limit):
            answer = await server.requests.completion(args["ref"], argument, others, limit)
        given = answer.get("completion", {}).get("values", [])
        values = [one_line(str(value), 200) for value in given[:100]]
        return ToolResult("\n".join(values), rows=len(values), structured={"values": values})

    async def roots(self) -> ToolResult:
        """The folders that the config tells it of."""
        from pathlib import Path  # noqa: PLC0415  (where a server asks for them)

        roots = [{"uri": Path(one).as_uri()} for one in self._settings.roots]
        return ToolResult("\n".join(self._settings.roots), structured={"roots": roots})
