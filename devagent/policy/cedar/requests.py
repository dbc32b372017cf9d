"""A call as Cedar requests, with the entities that they are about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Request
from devagent.policy.cedar.patterns import globs_of, last_segment
from devagent.policy.cedar.principals import ENTITIES, Groups, group_members
from devagent.policy.cedar.shapes import NotExpressible, Shape, given
from devagent.policy.cedar.text import NAMESPACE

Entity = dict[str, Any]


class CedarCall(Struct, frozen=True):
    """One request for each resource, each with its entities (the org's groups are not among them)."""

    requests: tuple[dict[str, Any], ...]
    entities: tuple[tuple[Entity, ...], ...]


def requests(
    request: Request,
    day: str,
    tools: Mapping[str, ToolSpec],
    shapes: Mapping[str, Shape],
    context: Mapping[str, Shape],
    facts: frozenset[str],
) -> CedarCall:
    """The call's requests. Raises NotExpressible for what the schema has no place for."""
    name = f"{request.extension}.{request.tool}"
    tool = tools.get(name)
    if tool is None:
        raise NotExpressible(f"{name} is not among the exported tools")
    if request.tool_class != tool.tool_class:
        raise NotExpressible(f"{name} is of class {tool.tool_class}, not {request.tool_class}")
    if request.phase != "call":
        raise NotExpressible("results are not exported")
    access = "read" if request.tool_class == "read" else "write"
    who = _uid("Principal", "+".join(sorted(request.principal.names())))
    inner = _context(request, day, shapes[name], context, facts)
    own = _principal(who, request.principal)
    found: list[tuple[dict[str, Any], tuple[Entity, ...]]] = []
    for resource in request.resources or (Resource(id="", access=access),):
        uid = _uid("Resource", resource.id)
        asked = {
            "principal": who,
            "action": _uid("Action", name),
            "resource": uid,
            "context": inner,
        }
        found.append((asked, (own, _resource(uid, resource))))
    return CedarCall(tuple(one for one, _ in found), tuple(one for _, one in found))


def group_entities(groups: Groups) -> Iterator[Entity]:
    """The org's groups, and who is listed in them by name."""
    for group in groups:
        yield _entity(_uid("OrgGroup", group))
    for name, own in group_members(groups).items():
        yield _entity(_name(name), parents=[_uid("OrgGroup", group) for group in own])


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": f"{NAMESPACE}::{kind}", "id": name}


def _name(name: str) -> dict[str, str]:
    kind, _, rest = name.partition(":")
    return _uid(ENTITIES[kind], rest)


def _entity(
    uid: dict[str, str],
    attributes: Mapping[str, Any] | None = None,
    parents: Sequence[dict[str, str]] = (),
) -> Entity:
    return {"uid": uid, "attrs": dict(attributes or {}), "parents": list(parents)}


def _principal(uid: dict[str, str], principal: Principal) -> Entity:
    attributes: dict[str, Any] = {"groups": sorted(set(principal.groups))}
    for name in ("user", "agent", "ci", "on_behalf_of"):
        if value := getattr(principal, name):
            attributes[name] = value
    return _entity(uid, attributes, [_name(one) for one in sorted(principal.names())])


def _resource(uid: dict[str, str], resource: Resource) -> Entity:
    return _entity(
        uid,
        {
            "id": resource.id,
            "kind": resource.kind if resource.id else "",
            "last": last_segment(resource.id),
            "access": resource.access,
            "tags": sorted(set(resource.tags)),
            "tag_globs": globs_of(resource.tags),
        },
    )


def _context(
    request: Request,
    day: str,
    shape: Shape,
    context: Mapping[str, Shape],
    facts: frozenset[str],
) -> dict[str, Any]:
    taint = _texts(request.context.get("taint") or [], "context.taint")
    found: dict[str, Any] = {
        "args": given(shape, request.args, "args"),
        "facts": {
            key: _texts(values, key) for key, values in request.facts.items() if key in facts
        },
        "session": {
            key: given(kind, request.context[key], f"context.{key}")
            for key, kind in context.items()
            if request.context.get(key) is not None
        },
        "taint": taint,
        "taint_globs": globs_of(taint),
    }
    if request.can is not None:
        found["can"] = sorted(set(request.can))
    if day:
        found["day"] = {"__extn": {"fn": "datetime", "arg": day}}
    return found


def _texts(values: Iterable[Any], name: str) -> list[str]:
    found = [one for one in values if isinstance(one, str)]
    if len(found) != len(list(values)):
        raise NotExpressible(f"{name} is no list of texts")
    return sorted(set(found))
