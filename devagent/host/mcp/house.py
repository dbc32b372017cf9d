"""``mcp``: what MCP servers have beside tools, and what they ask for, as tools of the house behind the same gate.

1. ``mcp.list_resources`` and ``mcp.read_resource`` are offered to the model where a server has resources. The
   others are never offered: ``mcp.get_prompt`` and ``mcp.complete`` are the person's, ``mcp.elicit``, ``mcp.sample`` and
   ``mcp.roots`` are asked for by a server, while it carries out a call.
2. What they touch: ``mcp:SERVER/resources``, ``mcp:SERVER/resource/URI``, ``mcp:SERVER/prompt/NAME``,
   ``mcp:SERVER/elicitation``, ``mcp:SERVER/sampling`` and the ``model:`` that would answer, ``mcp:SERVER/roots``.
3. Reading is class ``read``; where an organisation governs, ``exec``, as every tool of a third party is. Sampling is ``net``.
4. All that comes from a server is cleaned, bounded and tainted with ``mcp.SERVER``.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.core.codec import digest
from devagent.core.ports import (
    Elicitor,
    Filled,
    Form,
    MayRead,
    Meanwhile,
    Progress,
    RootsGiver,
    Sampled,
    Sampler,
    ToolFailure,
)
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolResult, ToolSpec
from devagent.host.arguments import Arguments
from devagent.host.mcp.house_tools import ELICIT, NAME, OFFERED, ROOTS
from devagent.host.mcp.http_config import page_host

if TYPE_CHECKING:
    from devagent.host.mcp.extension import McpExtension

MAX_URI = 2_000


class Nobody:
    """Nobody is there: every form is declined (``core.ports.Elicitor``)."""

    async def fill(self, form: Form) -> Filled:
        del form
        return Filled("decline")


class House:
    """The servers of a session as one extension (``host.extension.Extension``). ``elicitor`` and ``sampler`` answer
    what servers ask; ``client_roots`` asks an MCP client of ours for its folders."""

    def __init__(self, servers: Sequence["McpExtension"], *, governed: bool) -> None:
        self._servers = {server.settings.name: server for server in servers}
        self._governed = governed
        self.elicitor: Elicitor = Nobody()
        self.sampler: Sampler | None = None
        self.client_roots: RootsGiver | None = None

    def keep(self, names: Sequence[str]) -> None:
        """Only these servers are left."""
        self._servers = {n: s for n, s in self._servers.items() if n in names}

    @property
    def reference(self) -> ExtensionReference:
        return ExtensionReference(NAME, "1", digest([spec.input_schema for spec in OFFERED]))

    @property
    def tools(self) -> Sequence[ToolSpec]:
        having = sorted(name for name, server in self._servers.items() if server.has("resources"))
        if not having:
            return ()
        return tuple(
            replace(
                self.classed(spec), description=f"{spec.description} Servers: {', '.join(having)}."
            )
            for spec in OFFERED
        )

    def classed(self, spec: ToolSpec) -> ToolSpec:
        """The tool with the class that it has here."""
        reads = spec.tool_class == "read" and not spec.asks_itself and spec.name != ROOTS.name
        return replace(spec, tool_class="exec") if reads and self._governed else spec

    async def resources(
        self, tool: str, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        del may_read
        server = self._server(args).settings.name
        match tool:
            case "list_resources":
                return (Resource(f"mcp:{server}/resources", "read"),)
            case "read_resource":
                return (Resource(f"mcp:{server}/resource/{plain_uri(args['uri'])}", "read"),)
            case "get_prompt":
                return (Resource(f"mcp:{server}/prompt/{_plain_name(args['prompt'])}", "read"),)
            case "complete":
                ref = args["ref"]
                name = str(ref.get("name") or ref.get("uri") or "")
                return (Resource(f"mcp:{server}/completion/{_plain_name(name)}", "read"),)
            case "elicit":
                own = Resource(f"mcp:{server}/elicitation", "read")
                url = args.get("url")
                return (own, Resource(f"host:{_host(url)}", "read")) if url else (own,)
            case "sample":
                own = Resource(f"mcp:{server}/sampling", "write")
                model = self.sampler.model if self.sampler else ""
                return (own, Resource(f"model:{model}", "read")) if model else (own,)
            case _:
                return (Resource(f"mcp:{server}/roots", "read"),)

    async def preview(self, tool: str, args: Mapping[str, Any]) -> str:
        """What is asked shows itself."""
        del tool, args
        return ""

    async def run(
        self,
        tool: str,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        del may_read, progress
        try:
            server = self._server(args)
        except ToolFailure as failure:
            return ToolResult(failure.text, failed=True, error=failure.error)
        taint = (f"mcp.{server.settings.name}",)
        try:
            match tool:
                case "list_resources":
                    result = await server.beside.list_resources(obligations, meanwhile)
                case "read_resource":
                    uri, watch = args["uri"], args.get("watch") is True
                    result = await server.beside.read_resource(
                        uri, obligations, meanwhile, watch=watch
                    )
                case "get_prompt":
                    given = {k: str(v) for k, v in args.get("arguments", {}).items()}
                    result = await server.beside.get_prompt(
                        args["prompt"], given, obligations, meanwhile
                    )
                case "complete":
                    result = await server.beside.complete(args, obligations)
                case "elicit":
                    result = await self._elicited(server.settings.name, args)
                case "sample":
                    name = server.settings.name
                    key = str(args.get("key", ""))
                    result = await self._sampled(name, args["request"], meanwhile, key)
                case _:
                    result = await self._roots(server, str(args.get("key", "")))
        except ToolFailure as failure:
            tail: Sequence[str] = getattr(failure, "tail", ())
            view = "\n".join([failure.text, *tail]) if tail else ""
            return ToolResult(
                failure.text, failed=True, error=failure.error, view=view, taint=taint
            )
        return replace(result, taint=taint)

    def deny_paths(self, patterns: Sequence[str]) -> None:
        """It runs no commands."""

    async def aclose(self) -> None:
        """Nothing is open here."""

    def _server(self, args: Mapping[str, Any]) -> "McpExtension":
        server = self._servers.get(str(args.get("server")))
        if server is None:
            known = ", ".join(self._servers) or "none"
            raise ToolFailure(
                f"There is no such server. There are: {known}", error="no_such_server"
            )
        return server

    async def _elicited(self, server: str, args: Mapping[str, Any]) -> ToolResult:
        url = str(args.get("url", ""))
        form = Form(
            server=server,
            message=str(args["message"]),
            schema=args.get("schema", {}),
            url=url,
            host=_host(url) if url else "",
            key=str(args.get("key", "")),
        )
        filled = await self.elicitor.fill(form)
        content: dict[str, Any] = {}
        if filled.action == "accept" and not url:
            spec = replace(ELICIT, name=f"form {digest(form.schema)}", input_schema=form.schema)
            content = Arguments().fit(spec, filled.content)  # no form comes twice
        return ToolResult(
            f"{filled.action} by {filled.by}",
            structured={"action": filled.action, "content": content},
        )

    async def _roots(self, server: "McpExtension", key: str) -> ToolResult:
        if self.client_roots is None or server.settings.roots:
            return await server.beside.roots()
        roots = await self.client_roots.roots(server.settings.name, key)
        return ToolResult(
            "\n".join(str(one.get("uri")) for one in roots), structured={"roots": roots}
        )

    async def _sampled(
        self, server: str, request: Mapping[str, Any], meanwhile: Meanwhile | None, key: str
    ) -> ToolResult:
        if self.sampler is None or meanwhile is None:
            raise ToolFailure("No model can be asked here", error="no_model")
        reply: Sampled = await self.sampler.sample(request, meanwhile, (f"mcp.{server}",), key)
        text = str(reply.content.get("text", "")) or f"[{reply.content.get('type')}]"
        return ToolResult(
            text,
            structured={"model": reply.model, "content": reply.content, "stopReason": reply.stop},
        )


def plain_uri(uri: str) -> str:
    """The URI, where it is plainly one. Raises ToolFailure for what a server may read as another one."""
    parts = re.split(r"[/\\]|%2[fF]|%5[cC]", uri)
    odd = any(re.sub("%2[eE]", ".", part) in (".", "..") for part in parts)
    if odd or len(uri) > MAX_URI or not uri.isprintable() or ":" not in uri or " " in uri:
        raise ToolFailure(
            "This is not plainly the URI of a resource: what it would read is not known",
            error="bad_arguments",
        )
    return uri


def _plain_name(name: str) -> str:
    if not name or len(name) > MAX_URI or not name.isprintable():
        raise ToolFailure("This is no name", error="bad_arguments")
    return name


def _host(url: str) -> str:
    try:
        return page_host(url)
    except ValueError as e:
        raise ToolFailure(f"The page that the server names: {e}", error="bad_arguments") from e
