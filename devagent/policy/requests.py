"""Requests as JSON (spec: "A request") to and from the typed form.

Null is the same as left out. What is of the wrong type raises ValueError: such a request can not be
judged, which is a deny.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from devagent.core.principal import Principal
from devagent.core.resources import Access, Resource
from devagent.core.tools import ToolClass
from devagent.core.verdicts import Phase, Request


class KnownTool(Protocol):
    """A tool whose definition is at hand: it fills in what a request about it leaves out."""

    @property
    def tool_class(self) -> ToolClass: ...

    @property
    def can(self) -> tuple[str, ...]: ...

    def complete(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with their schema's defaults."""
        ...

    def resources(self, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        """What the call would touch. Raises ValueError where that cannot be said."""
        ...


Known = Callable[[str, str], KnownTool | None]
"""Extension and tool → the tool, where its definition is at hand."""


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


def request_from_json(data: Any, *, today: str = "", known: Known | None = None) -> Request:
    """A request from plain JSON data. ``today`` (ISO) is put into a context that has none.

    ``known`` finds tools whose class, resources, obligations and default arguments are filled in.
    Raises ValueError for data that is no request.
    """
    return _typed(msgspec.convert(data, _Request), today, known)


def request_from_line(line: bytes, *, today: str = "", known: Known | None = None) -> Request:
    """A request from its JSON text; see ``request_from_json``."""
    try:
        return _typed(_decoder.decode(line), today, known)
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


def _typed(wire: _Request, today: str, known: Known | None) -> Request:
    tool = known(wire.extension, wire.tool) if known else None
    tool_class = wire.tool_class or (tool.tool_class if tool else "exec")
    args = wire.args or {}
    if tool:
        args = tool.complete(args)
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
        args=args,
        facts={k: v for k, v in (wire.facts or {}).items() if v is not None},
        resources=tool.resources(args)
        if tool and wire.resources is None
        else tuple(_resource(r, access) for r in wire.resources or ()),
        context=context,
        can=tuple(wire.can) if wire.can is not None else tool.can if tool else None,
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
