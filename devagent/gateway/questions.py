"""Questions on the wire: as requests or rounds to the client, and its answers back."""

import asyncio
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    ListRootsRequest,
    ListRootsResult,
)

from devagent.core.events.calls import Approval
from devagent.core.ports import Answer, Filled, Form, Question, Sampled
from devagent.core.text import visible
from devagent.gateway.asks import Ask, Roots, Sampling, What
from devagent.gateway.calling import ANSWER_S, Calling

Context = ServerRequestContext[dict[str, Any]]
WireRequest = ElicitRequest | CreateMessageRequest | ListRootsRequest


def lacking(context: Context, ask: Ask) -> str:
    """The capability that this client would need to be asked this; "" where it can be asked."""
    has = context.session.client_capabilities
    match ask.what:
        case Question() | Form():
            return "" if has is not None and has.elicitation is not None else "elicitation"
        case Sampling():
            return "" if has is not None and has.sampling is not None else "sampling"
        case Roots():
            return "" if has is not None and has.roots is not None else "roots"


def wire(ask: Ask) -> WireRequest:
    """The question as the protocol says it."""
    match ask.what:
        case Question():
            return ElicitRequest(params=_approval(ask.what))
        case Form(url=""):
            message = f"The MCP server {ask.what.server} asks:\n{ask.what.message}"
            params = ElicitRequestFormParams(message=message, requested_schema=ask.what.schema)
            return ElicitRequest(params=params)
        case Form():
            about = f"The MCP server {ask.what.server} asks you to open a page of {ask.what.host}:\n{ask.what.message}"
            url = ElicitRequestURLParams(message=about, url=ask.what.url, elicitation_id=ask.key)
            return ElicitRequest(params=url)
        case Sampling():
            return CreateMessageRequest(
                params=CreateMessageRequestParams.model_validate(ask.what.request)
            )
        case Roots():
            return ListRootsRequest()


async def ask_now(context: Context, ask: Ask, calling: Calling) -> None:
    """Ask a client of the handshake era, while its request waits."""
    request = wire(ask)
    session, number = context.session, context.request_id
    try:
        async with asyncio.timeout(ANSWER_S):
            said: Any
            match request:
                case ElicitRequest(params=ElicitRequestFormParams() as form):
                    said = await session.elicit_form(form.message, form.requested_schema, number)
                case ElicitRequest(params=ElicitRequestURLParams() as page):
                    said = await session.elicit_url(page.message, page.url, ask.key, number)
                case CreateMessageRequest(params=asked):
                    said = await session.create_message(  # pyright: ignore[reportDeprecated]
                        asked.messages,
                        max_tokens=asked.max_tokens,
                        system_prompt=asked.system_prompt,
                        temperature=asked.temperature,
                        stop_sequences=asked.stop_sequences,
                        model_preferences=asked.model_preferences,
                        related_request_id=number,
                    )
                case _:
                    said = await session.list_roots()  # pyright: ignore[reportDeprecated]
    except (NoBackChannelError, MCPError, TimeoutError):
        ask.give_nothing()  # the client cannot ask, or nobody answered it
        return
    except BaseException:
        await calling.cut()
        raise
    answer = understood(ask.what, said, calling.client)
    if answer is None:
        ask.give_nothing()
    else:
        ask.give(answer)


def understood(what: What, said: object, client: str) -> object | None:
    """The client's answer in the house's own terms; None for one that does not fit the question."""
    match what, said:
        case Question(), ElicitResult():
            return _approved(said, client)
        case Form(), ElicitResult():
            content = dict(said.content or {}) if said.action == "accept" else {}
            return Filled(said.action, content, by=f"client:{client}")
        case Sampling(), CreateMessageResult():
            plain = said.model_dump(by_alias=True, mode="json", exclude_none=True)
            content = plain.get("content")
            if not isinstance(content, dict):
                return None
            found: dict[str, Any] = content  # pyright: ignore[reportUnknownVariableType]
            return Sampled(
                model=said.model, content=found, stop=str(plain.get("stopReason") or "endTurn")
            )
        case Roots(), ListRootsResult():
            plain = said.model_dump(by_alias=True, mode="json", exclude_none=True)
            return plain["roots"]
        case _:
            return None


def _approval(question: Question) -> ElicitRequestFormParams:
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


def _approved(said: ElicitResult, client: str) -> Answer:
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
