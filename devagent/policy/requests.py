"""Requests as JSON (spec: "A request") to and from the typed form.

Null is the same as left out. What is of the wrong type raises ValueError: such a request can not be
judged, which is a deny.
"""

from typing import Any

import msgspec
from msgspec import Struct, field

from devagent.core.principal import Principal
from devagent.core.resources import Access, Resource
from devagent.core.tools import ToolClass
from devagent.core.verdicts import Phase, Request


class _Principal(Struct):
    user: str | None = None
    groups: list[str] | None = None
    agent: str | None = None
    ci: str | None = None
    on_behalf_of: str | None = None


class _Resource(Struct):
    id: str
    access: Access | None = None
    tags: list[str] | None = None


class _Request(Struct):
    extension: str
    tool: str
    principal: _Principal | None = None
    tool_class: ToolClass | None = field(default=None, name="class")
    phase: Phase | None = None
    args: dict[str, Any] | None = None
    facts: dict[str, list[Any] | None] | None = None
    resources: list[str | _Resource] | None = None
    context: dict[str, Any] | None = None
    can: list[str] | None = None


_decoder = msgspec.json.Decoder(_Request)


def request_from_json(data: Any, *, today: str = "") -> Request:
    """A request from plain JSON data. ``today`` (ISO) is put into a context that has none.

    Raises ValueError for data that is no request.
    """
    return _typed(msgspec.convert(data, _Request), today)


def request_from_line(line: bytes, *, today: str = "") -> Request:
    """A request from its JSON text. Raises ValueError for text that is no request."""
    try:
        return _typed(_decoder.decode(line), today)
    except RecursionError:
        raise ValueError("the request is nested too deeply") from None


def request_to_json(request: Request) -> dict[str, Any]:
    """Plain JSON data from which ``request_from_json`` makes the same request."""
    who = request.principal
    data: dict[str, Any] = {
        "principal": {
            "user": who.user or None,
            "groups": list(who.groups),
            "agent": who.agent or None,
            "ci": who.ci or None,
            "on_behalf_of": who.on_behalf_of or None,
        },
        "extension": request.extension,
        "tool": request.tool,
        "class": request.tool_class,
        "phase": request.phase,
        "args": request.args,
        "facts": request.facts,
        "resources": [
            {"id": r.id, "access": r.access, "tags": list(r.tags)} for r in request.resources
        ],
        "context": request.context,
    }
    return data if request.can is None else {**data, "can": list(request.can)}


def _typed(wire: _Request, today: str) -> Request:
    tool_class = wire.tool_class or "exec"
    access: Access = "read" if tool_class == "read" else "write"
    context = wire.context or {}
    if today and not context.get("today"):
        context["today"] = today
    return Request(
        principal=_who(wire.principal or _Principal()),
        extension=wire.extension,
        tool=wire.tool,
        tool_class=tool_class,
        phase=wire.phase or "call",
        args=wire.args or {},
        facts={k: v for k, v in (wire.facts or {}).items() if v is not None},
        resources=tuple(_resource(r, access) for r in wire.resources or ()),
        context=context,
        can=None if wire.can is None else tuple(wire.can),
    )


def _who(wire: _Principal) -> Principal:
    return Principal(
        user=wire.user or "",
        groups=tuple(wire.groups or ()),
        agent=wire.agent or "",
        ci=wire.ci or "",
        on_behalf_of=wire.on_behalf_of or "",
    )


def _resource(wire: str | _Resource, access: Access) -> Resource:
    if isinstance(wire, str):
        return Resource(id=wire, access=access)
    return Resource(id=wire.id, access=wire.access or access, tags=tuple(wire.tags or ()))
