"""What a server asks of us while it carries out a call: each is a call of the house's own (``house``).

A question without a call of ours under way is refused: nobody asked for anything that it could be about.
Imports ``mcp``: only for use when a server is started.
"""

import re
from collections.abc import Callable
from typing import Any

from mcp.client import ClientRequestContext
from mcp.types import (
    INVALID_REQUEST,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    ListRootsResult,
)
from pydantic import ValidationError

from devagent.core.codec import canonical, well_formed_value
from devagent.core.events.calls import ToolFinished
from devagent.core.ports import ToolFailure
from devagent.core.text import visible
from devagent.core.tools import ToolSpec
from devagent.host.mcp.forms import form, message, page
from devagent.host.mcp.house_tools import ELICIT, ROOTS, SAMPLE
from devagent.host.mcp.launch import Answers
from devagent.host.mcp.under_way import WAY, UnderWay
from devagent.policy.plain import is_list, is_table

MAX_SAMPLING_BYTES = 200_000

Current = Callable[[], UnderWay | None]


def answers(server: str, current: Current, *, sampling: bool, roots: bool) -> Answers:
    """The answers of a session; what the config does not let a server do is not declared to it."""
    asks = _Asks(server, current)
    return Answers(
        elicitation=asks.elicit,
        sampling=asks.sample if sampling else None,
        roots=asks.roots if roots else None,
    )


class _Asks:
    def __init__(self, server: str, current: Current) -> None:
        self._server = server
        self._current = current

    async def elicit(
        self,
        context: ClientRequestContext,
        params: ElicitRequestFormParams | ElicitRequestURLParams,
    ) -> ElicitResult | ErrorData:
        args: dict[str, Any] = {"message": message(params.message), **_key(context)}
        try:
            if isinstance(params, ElicitRequestFormParams):
                args["schema"] = form(params.requested_schema)
            else:
                args["url"] = page(params.url)
        except (ValueError, RecursionError):
            return ElicitResult(action="decline")
        said = await self._asked(ELICIT, args, context)
        if said is None:
            return ElicitResult(action="decline")
        action = said.structured.get("action")
        if action != "accept":
            return ElicitResult(action="cancel" if action == "cancel" else "decline")
        content = said.structured["content"] if "schema" in args else None
        return ElicitResult(action="accept", content=content)

    async def sample(
        self, context: ClientRequestContext, params: CreateMessageRequestParams
    ) -> CreateMessageResult | ErrorData:
        request = params.model_dump(by_alias=True, mode="json", exclude_none=True)
        request = _clean(well_formed_value(request))
        request.pop("_meta", None)
        if len(canonical(request)) > MAX_SAMPLING_BYTES or request.get("tools"):
            return ErrorData(code=INVALID_REQUEST, message="too large, or with tools of its own")
        said = await self._asked(SAMPLE, {"request": request, **_key(context)}, context)
        if said is None:
            return ErrorData(code=INVALID_REQUEST, message="sampling is not allowed here")
        try:
            return CreateMessageResult.model_validate({"role": "assistant", **said.structured})
        except ValidationError:
            return ErrorData(code=INVALID_REQUEST, message="the reply was withheld")

    async def roots(self, context: ClientRequestContext) -> ListRootsResult | ErrorData:
        said = await self._asked(ROOTS, _key(context), context)
        if said is None:
            return ErrorData(code=INVALID_REQUEST, message="roots are not given here")
        return ListRootsResult.model_validate(said.structured)

    async def _asked(
        self, tool: ToolSpec, args: dict[str, Any], context: ClientRequestContext
    ) -> ToolFinished | None:
        """How the house's own call ended; None where it was not granted or went wrong."""
        # A round is answered in the call's own task; a request of the server does not say what it is about.
        way = WAY.get(None) if isinstance(context.request_id, str) else None
        way = way or self._current()
        if way is None or way.meanwhile is None or not way.may_ask():
            return None
        try:
            with way.waits():
                said = await way.meanwhile.call(tool, {"server": self._server, **args})
        except ToolFailure:
            return None
        return said if said is not None and said.outcome == "ok" else None


def _key(context: ClientRequestContext) -> dict[str, Any]:
    """The server's name for its question: in a round it has one, a request of its own is only numbered."""
    key = context.request_id
    plain = isinstance(key, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", key)
    return {"key": key} if plain else {}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if is_table(value):
        return {name: _clean(inner) for name, inner in value.items()}
    if is_list(value):
        return [_clean(inner) for inner in value]
    return value
