"""The MCP server: lists what its client may use, and carries out its calls behind policy and on record.

Tools are the extensions'; prompts, resources and completion are those of the third parties' servers behind the gateway, each
as a judged call of the house (``host.mcp.house``). What such a server asks meanwhile is passed on to the client where policy
lets it and the client can answer; progress and the lines of its log are passed on as they come.
"""

import asyncio
import secrets
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mcp import MCPDeprecationWarning
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
    ReadResourceResult,
    SetLevelRequestParams,
    SubscribeRequestParams,
    Tool,
    ToolAnnotations,
    UnsubscribeRequestParams,
)

from devagent import __version__
from devagent.core.events.calls import ToolFinished, ToolProgress
from devagent.core.tools import ToolSpec
from devagent.gateway.asks import Ask, What
from devagent.gateway.calling import CallCut, Calling, Ended
from devagent.gateway.names import Names, Prefixed
from devagent.gateway.questions import ask_now, lacking, understood, wire
from devagent.gateway.results import result_of, why
from devagent.gateway.sessions import Sessions

# Logging, sampling and roots are deprecated and still what most clients speak.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)
Context = ServerRequestContext[dict[str, Any]]
ClientOf = Callable[[Context], str]
Begun = Callable[[Context], Calling | None]
"""A call that was begun for this request before it came here."""
Asking = CallToolRequestParams | GetPromptRequestParams | ReadResourceRequestParams
_MODERN = "2026-07-28"
_MOST_WAITING, _MOST_OF_ONE = 1_000, 32
"""Calls that may wait for an answer at once, of all clients and of one; further asks are answered no."""


class Waiting:
    """The calls whose questions a client will answer with another request, by the state that it brings back."""

    def __init__(self) -> None:
        self._calls: dict[str, Calling] = {}

    def put(self, state: str, calling: Calling) -> None:
        self._calls[state] = calling

    def take(self, state: str) -> Calling | None:
        """The call, once."""
        return self._calls.pop(state, None)

    def has_room(self, client: str) -> bool:
        """Whether one more of this client's may wait; those whose time is over make room."""
        for state in [state for state, calling in self._calls.items() if calling.is_over]:
            del self._calls[state]
        of_this = sum(calling.client == client for calling in self._calls.values())
        return len(self._calls) < _MOST_WAITING and of_this < _MOST_OF_ONE


class Gateway:
    """The handlers, for one client or many: ``client_of`` says whose request it is."""

    def __init__(
        self, sessions: Sessions, client_of: ClientOf, names: Names, begun: Begun | None
    ) -> None:
        self._sessions = sessions
        self._client_of = client_of
        self._names = names
        self._begun = begun
        self._waiting = Waiting()

    async def list_tools(
        self, context: Context, _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        served = await self._sessions.of(self._client_of(context))
        return ListToolsResult(tools=[_listed(spec, self._names) for spec in served.offered])

    async def call_tool(
        self, context: Context, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        name = self._names.tool_of(params.name)
        client, args = self._client_of(context), dict(params.arguments or {})
        begun = self._begun(context) if self._begun else None

        async def begin() -> Calling:
            if begun is None:
                return await self._sessions.start(client, name, args)
            begun.taken = True
            return begun

        end = await self._carried(context, params, name, begin)
        return (
            end
            if isinstance(end, InputRequiredResult)
            else CallToolResult.model_validate(result_of(end))
        )

    async def list_resources(
        self, context: Context, _params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        found = await self._listed(context, "resources", "uri")
        return ListResourcesResult.model_validate({"resources": found})

    async def list_templates(
        self, context: Context, _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        found = await self._listed(context, "resourceTemplates", "uriTemplate")
        return ListResourceTemplatesResult.model_validate({"resourceTemplates": found})

    async def _listed(self, context: Context, key: str, uri: str) -> list[dict[str, Any]]:
        """What all servers list that this client may read; one that fails or is denied lists nothing.

        A template is listed as it is: of what it stands for some may be granted and some not.
        """
        served = await self._sessions.of(self._client_of(context))
        found: list[dict[str, Any]] = []
        for server in served.having("resources"):
            end = await self._own(context, "LIST_RESOURCES", {"server": server})
            if isinstance(end, ToolFinished) and end.outcome == "ok":
                for one in end.structured.get(key, ()):
                    args: dict[str, object] = {"server": server, "uri": one[uri]}
                    if uri == "uri" and not await served.may(served.tool("READ_RESOURCE"), args):
                        continue
                    named = {**one, uri: self._names.uri(server, one[uri])}
                    found.append({**named, "name": one.get("name") or one[uri]})
        return found

    async def read_resource(
        self, context: Context, params: ReadResourceRequestParams
    ) -> ReadResourceResult | InputRequiredResult:
        given = str(params.uri)
        server, uri = self._names.uri_of(given)
        args = {"server": server, "uri": uri}
        end = await self._own_asking(context, params, "READ_RESOURCE", args)
        if isinstance(end, InputRequiredResult):
            return end
        contents = _structured(end, {"uri": given}).get("contents", [])
        named = [{**one, "uri": self._names.uri(server, one.get("uri") or uri)} for one in contents]
        if not named:
            raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": given})
        return ReadResourceResult.model_validate({"contents": named})

    async def subscribe(self, context: Context, params: SubscribeRequestParams) -> EmptyResult:
        """Who may read a resource may be told of its changes."""
        server, uri = self._names.uri_of(str(params.uri))
        args = {"server": server, "uri": uri, "watch": True}
        _structured(await self._own(context, "READ_RESOURCE", args), {"uri": str(params.uri)})
        client = self._client_of(context)
        changed = partial(context.session.send_resource_updated, str(params.uri))
        (await self._sessions.of(client)).watched(server, uri, changed)
        return EmptyResult()

    async def unsubscribe(self, context: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        server, uri = self._names.uri_of(str(params.uri))
        (await self._sessions.of(self._client_of(context))).watched(server, uri, None)
        return EmptyResult()

    async def list_prompts(
        self, context: Context, _params: PaginatedRequestParams | None
    ) -> ListPromptsResult:
        served = await self._sessions.of(self._client_of(context))
        prompts = [
            {
                "name": self._names.prompt(one.server, one.name),
                "description": one.description,
                "arguments": [
                    {"name": name, "description": about, "required": required}
                    for name, about, required in one.arguments
                ],
            }
            for one in served.prompts
            if await served.may(
                served.tool("GET_PROMPT"),
                {"server": one.server, "prompt": one.name, "arguments": {}},
            )
        ]
        return ListPromptsResult.model_validate({"prompts": prompts})

    async def get_prompt(
        self, context: Context, params: GetPromptRequestParams
    ) -> GetPromptResult | InputRequiredResult:
        server, name = self._names.prompt_of(params.name)
        args = {"server": server, "prompt": name, "arguments": dict(params.arguments or {})}
        end = await self._own_asking(context, params, "GET_PROMPT", args)
        if isinstance(end, InputRequiredResult):
            return end
        return GetPromptResult.model_validate(_structured(end, {"name": params.name}))

    async def complete(self, context: Context, params: CompleteRequestParams) -> CompleteResult:
        if isinstance(params.ref, PromptReference):
            server, name = self._names.prompt_of(params.ref.name)
            ref = {"name": name}
        else:
            server, uri = self._names.uri_of(params.ref.uri)
            ref = {"uri": uri}
        others = params.context.arguments if params.context else None
        args = {
            "server": server,
            "ref": ref,
            "argument": params.argument.name,
            "value": params.argument.value,
            **({"arguments": dict(others)} if others else {}),
        }
        end = await self._own(context, "COMPLETE", args)
        values = _structured(end, ref).get("values", [])
        return CompleteResult.model_validate({"completion": {"values": values}})

    async def set_level(self, context: Context, params: SetLevelRequestParams) -> EmptyResult:
        """Every line that comes with a call is passed on, whatever level is asked for."""
        del context, params
        return EmptyResult()

    async def _own(self, context: Context, tool: str, args: dict[str, Any]) -> Ended:
        """A call of the house that asks nothing of the client but an approval."""
        end = await self._own_asking(context, None, tool, args)
        if isinstance(end, InputRequiredResult):
            raise MCPError(INVALID_PARAMS, "this would have to be approved first")
        return end

    async def _own_asking(
        self, context: Context, params: Asking | None, tool: str, args: dict[str, Any]
    ) -> Ended | InputRequiredResult:
        client = self._client_of(context)
        served = await self._sessions.of(client)
        if args["server"] not in served.servers:
            raise MCPError(
                INVALID_PARAMS,
                "Resource not found" if "uri" in args else "there is no such server",
                {key: self._names.uri("", args[key]) for key in ("uri",) if key in args},
            )
        spec = served.tool(tool)
        begin = partial(self._sessions.start, client, spec.api_name, args, spec)
        return await self._carried(context, params, spec.api_name, begin)

    async def _carried(
        self,
        context: Context,
        params: Asking | None,
        name: str,
        begin: Callable[[], Any],
    ) -> Ended | InputRequiredResult:
        """Begin the call, or go on with the one that waits for what these parameters answer."""
        client = self._client_of(context)
        said: Mapping[str, Any] = (params.input_responses if params else None) or {}
        if params is None or params.request_state is None:
            calling: Calling = await begin()
            calling.ready = {key: partial(_ready, answer, client) for key, answer in said.items()}
        else:
            found = self._waiting.take(params.request_state)
            if found is None or found.client != client or found.call.name != name:
                raise MCPError(
                    INVALID_PARAMS,
                    "this question was answered, or it waited too long",
                    {"devagent/error": "expired"},
                )
            calling = found
            if again := _answered(calling, said):
                return self._required(again, calling)
        while True:
            try:
                step = await calling.step()
            except CallCut as e:
                raise MCPError(INTERNAL_ERROR, "the call was cut") from e
            if isinstance(step, ToolProgress):
                await _told(context, step)
                continue
            if not isinstance(step, Sequence):
                if calling.lacks and context.protocol_version >= _MODERN:
                    lacking_now: dict[str, dict[str, Any]] = {one: {} for one in calling.lacks}
                    raise MCPError(
                        MISSING_REQUIRED_CLIENT_CAPABILITY,
                        "the server needs what this client does not have",
                        {"requiredCapabilities": lacking_now},
                    )
                return step
            asks = [ask for ask in step if not self._impossible(context, ask, calling)]
            if asks and context.protocol_version >= _MODERN:
                return self._required(asks, calling)
            await asyncio.gather(*(ask_now(context, ask, calling) for ask in asks))

    def _impossible(self, context: Context, ask: Ask, calling: Calling) -> bool:
        capability = lacking(context, ask)
        if not capability and self._waiting.has_room(calling.client):
            return False
        if capability in ("sampling", "roots"):
            calling.lacks.add(capability)
        ask.give_nothing()
        return True

    def _required(self, asks: Sequence[Ask], calling: Calling) -> InputRequiredResult:
        state = secrets.token_urlsafe(24)
        self._waiting.put(state, calling)
        return InputRequiredResult(
            input_requests={ask.key: wire(ask) for ask in asks}, request_state=state
        )


def make_server(
    sessions: Sessions, client_of: ClientOf, names: Names | None = None, begun: Begun | None = None
) -> Server[dict[str, Any]]:
    """The server; ``names`` are those of several servers unless they are given."""
    gateway = Gateway(sessions, client_of, names or Prefixed(), begun)
    return Server(  # pyright: ignore[reportDeprecated]  (of the older era, which most clients speak)
        "devagent",
        version=__version__,
        on_list_tools=gateway.list_tools,
        on_call_tool=gateway.call_tool,
        on_list_resources=gateway.list_resources,
        on_list_resource_templates=gateway.list_templates,
        on_read_resource=gateway.read_resource,
        on_subscribe_resource=gateway.subscribe,
        on_unsubscribe_resource=gateway.unsubscribe,
        on_list_prompts=gateway.list_prompts,
        on_get_prompt=gateway.get_prompt,
        on_completion=gateway.complete,
        on_set_logging_level=gateway.set_level,
    )


def _ready(answer: object, client: str, what: What) -> object | None:
    return understood(what, answer, client)


def _answered(calling: Calling, said: Mapping[str, Any]) -> Sequence[Ask]:
    """Give the answers to the questions that wait; those that are left."""
    left: list[Ask] = []
    for ask in calling.pending:
        answer = understood(ask.what, said.get(ask.key), calling.client)
        if answer is None:
            left.append(ask)
        else:
            ask.give(answer)
    return left


async def _told(context: Context, step: ToolProgress) -> None:
    if not step.level:
        await context.session.report_progress(step.done, step.total or None, step.text or None)
        return
    level: Any = step.level
    await context.session.send_log_message(  # pyright: ignore[reportDeprecated]
        level, step.text, step.logger or None, context.request_id
    )


def _listed(spec: ToolSpec, names: Names) -> Tool:
    return Tool(
        name=names.tool(spec),
        description=spec.description,
        input_schema=spec.input_schema,
        annotations=ToolAnnotations(
            read_only_hint=spec.tool_class == "read", open_world_hint=spec.tool_class == "net"
        ),
    )


def _structured(end: Ended, about: Mapping[str, Any]) -> dict[str, Any]:
    """What a call of the house gave. Raises MCPError where it was denied or failed."""
    if isinstance(end, ToolFinished) and end.outcome == "ok":
        return end.structured
    text, error, rules = why(end)
    data = {**about, "devagent/error": error, **({"devagent/rules": rules} if rules else {})}
    raise MCPError(INVALID_PARAMS, text, data)
