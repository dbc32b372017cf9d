"""The MCP server: lists what its client may use, and carries out its calls behind policy and on record."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from devagent import __version__
from devagent.core.events import Approval, ApprovalAnswered, BudgetStopped, ToolFinished, ToolJudged
from devagent.core.ports import Answer, Question
from devagent.core.text import visible
from devagent.core.tools import ToolSpec
from devagent.gateway.calling import ANSWER_S, Calling, Ended
from devagent.gateway.sessions import Sessions

Context = ServerRequestContext[dict[str, Any]]
ClientOf = Callable[[Context], str]
_MODERN = "2026-07-28"
_MOST_WAITING = 1_000
"""Calls that may wait for an answer at once; further asks are answered no."""


def make_server(sessions: Sessions, client_of: ClientOf) -> Server[dict[str, Any]]:
    """The server for one client or many: ``client_of`` says whose request it is."""
    waiting: dict[str, Calling] = {}

    async def list_tools(
        context: Context, _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        served = await sessions.of(client_of(context))
        return ListToolsResult(tools=[_listed(spec) for spec in served.offered])

    async def call_tool(
        context: Context, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        client = client_of(context)
        if params.request_state is None:
            calling = await sessions.start(client, params.name, params.arguments or {})
        else:
            found = waiting.pop(params.request_state, None)
            if found is None or found.client != client or found.call.name != params.name:
                return _failed("this question was answered, or it waited too long", "expired")
            calling = found
            said = (params.input_responses or {}).get("approval")
            calling.answer(_answer(said if isinstance(said, ElicitResult) else None, client))
        while True:
            step = await calling.progress()
            if not isinstance(step, Question):
                return _result(step)
            if not _can_ask(context) or not _room(waiting):
                calling.answer(None)
            elif context.protocol_version >= _MODERN:
                state = secrets.token_urlsafe(24)
                waiting[state] = calling
                request = ElicitRequest(params=_form(step))
                return InputRequiredResult(
                    input_requests={"approval": request}, request_state=state
                )
            else:
                calling.answer(await _asked(context, step, calling, client))

    return Server("devagent", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


def _room(waiting: dict[str, Calling]) -> bool:
    """Whether one more may wait; those whose time is over make room."""
    if len(waiting) >= _MOST_WAITING:
        for state in [state for state, calling in waiting.items() if calling.is_over]:
            del waiting[state]
    return len(waiting) < _MOST_WAITING


def _listed(spec: ToolSpec) -> Tool:
    return Tool(
        name=spec.api_name,
        description=spec.description,
        input_schema=spec.input_schema,
        annotations=ToolAnnotations(
            read_only_hint=spec.tool_class == "read", open_world_hint=spec.tool_class == "net"
        ),
    )


def _can_ask(context: Context) -> bool:
    capabilities = context.session.client_capabilities
    return capabilities is not None and capabilities.elicitation is not None


async def _asked(
    context: Context, question: Question, calling: Calling, client: str
) -> Answer | None:
    """A client of the handshake era is asked while its request waits."""
    form = _form(question)
    try:
        said = await asyncio.wait_for(
            context.session.elicit_form(form.message, form.requested_schema, context.request_id),
            ANSWER_S,
        )
    except (NoBackChannelError, MCPError, TimeoutError):
        return None  # the client cannot ask, or nobody answered it
    except BaseException:
        await calling.cut()
        raise
    return _answer(said, client)


def _form(question: Question) -> ElicitRequestFormParams:
    properties: dict[str, Any] = {
        "allow": {
            "type": "string",
            "title": "Allow this call?",
            "enum": ["no", *(scope for scope in question.scopes if scope in ("once", "session"))],
            "default": "no",
        },
        "comment": {"type": "string", "title": "Why, or why not"},
    }
    return ElicitRequestFormParams(
        message=f"devagent asks whether this call may run:\n{visible(question.shown)}",
        requested_schema={"type": "object", "properties": properties, "required": ["allow"]},
    )


def _answer(said: ElicitResult | None, client: str) -> Answer | None:
    if said is None:
        return None
    content = said.content or {} if said.action == "accept" else {}
    comment = str(content.get("comment") or "")
    allow = content.get("allow")
    yes = allow in ("once", "session")
    approval = Approval(
        answer="yes" if yes else "no",
        by=f"client:{client}",
        method="elicitation",
        scope="session" if allow == "session" else "once",
    )
    return Answer(approval=approval, comment=comment)


def _result(end: Ended) -> CallToolResult:
    match end:
        case ToolFinished():
            failed = end.outcome != "ok"
            meta = {"devagent/error": end.err} if failed and end.err else None
            return CallToolResult(
                content=[TextContent(text=end.text)],
                structured_content=None if failed else end.structured or None,
                is_error=failed,
                _meta=meta,
            )
        case ToolJudged():
            return _failed(end.reply, end.err or "denied", list(end.decision.rules))
        case ApprovalAnswered():
            return _failed(end.reply, "not_approved")
        case BudgetStopped():
            return _failed(f"Stopped: {end.reason}", end.limit)


def _failed(text: str, error: str, rules: list[str] | None = None) -> CallToolResult:
    meta: dict[str, Any] = {"devagent/error": error}
    if rules:
        meta["devagent/rules"] = rules
    return CallToolResult(content=[TextContent(text=text)], is_error=True, _meta=meta)
