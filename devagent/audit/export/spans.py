"""Items as spans: a turn is a trace, its root the agent's work, below it replies and calls, below a call its decision.

Ids are taken from the session's and the event's, so a span that is sent twice is the same span.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from devagent.audit.export import conventions as names
from devagent.audit.export.items import About, AnyItem, Call, Happened, Item, Reply, Standing, Turn
from devagent.core.codec import canonical
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision

Attributes = dict[str, str | bool | int | list[str]]


class Span(Struct, kw_only=True):
    """``kind`` is agent, model, tool or policy. Times are microseconds since 1970, UTC. ``error`` is a class."""

    trace: bytes
    id: bytes
    parent: bytes = b""
    kind: str
    name: str
    began: int
    ended: int
    attributes: Attributes = field(default_factory=dict[str, str | bool | int | list[str]])
    error: str = ""


def trace_id(sid: str, turn_began: int) -> bytes:
    """A turn's trace: 16 bytes."""
    return hashlib.sha256(f"devagent trace {sid}/{turn_began}".encode()).digest()[:16]


def span_id(sid: str, seq: int, kind: str = "") -> bytes:
    """An event's span: 8 bytes. ``kind`` tells the spans of one event apart."""
    return hashlib.sha256(f"devagent span {sid}/{seq} {kind}".encode()).digest()[:8]


def spans(item: AnyItem) -> Iterator[Span]:
    """The spans that an item makes; none outside a turn."""
    if item.trace < 0:
        return
    match item:
        case Turn():
            yield _turn(item)
        case Reply():
            yield _reply(item)
        case Call():
            yield from _call(item)
        case Happened() | Standing():
            pass


def common(about: About) -> Attributes:
    """What stands on every span and log record: whose session it is."""
    return _without_empty(
        {
            names.CONVERSATION: about.sid,
            names.SESSION: about.sid,
            names.USER: about.who.user,
            names.PRINCIPAL: str(about.who),
            names.PRINCIPAL_CI: about.who.ci,
            names.ON_BEHALF_OF: about.who.on_behalf_of,
            names.TEAM: about.team,
            names.GROUPS: list(about.groups),
            names.AGENT_NAME: about.agent,
            names.MODE: about.mode,
            names.DEVICE: about.device,
            names.DRY_RUN: about.dry_run,
        }
    )


def _span(item: Item, kind: str, name: str, more: Attributes) -> Span:
    sid = item.about.sid
    return Span(
        trace=trace_id(sid, item.trace),
        id=span_id(sid, item.opened),
        parent=b"" if kind == "agent" else span_id(sid, item.trace),
        kind=kind,
        name=name,
        began=item.began,
        ended=max(item.ended, item.began),
        attributes={
            **common(item.about),
            names.EVENT: item.id,
            names.TURN: item.turn,
            **_without_empty(more),
        },
    )


def _turn(item: Turn) -> Span:
    more: Attributes = {
        names.OPERATION: names.INVOKE_AGENT,
        names.PROVIDER: names.provider_of(item.model or item.about.model),
        names.AGENT_VERSION: item.about.version,
        names.REQUEST_MODEL: item.about.model,
        names.STOP: item.stop,
        names.COST: item.usd_micros,
        names.POLICY_DIGEST: item.about.policy,
        **_tokens(item.usage),
    }
    if item.prompt is not None:
        more[names.INPUT_MESSAGES] = _message("user", item.prompt)
    if item.answer is not None:
        more[names.OUTPUT_MESSAGES] = _message("assistant", item.answer)
    span = _span(item, "agent", f"{names.INVOKE_AGENT} {item.about.agent or 'devagent'}", more)
    if item.stop not in ("done", ""):
        span.error = item.cut or item.stop
    return _with_error(span)


def _reply(item: Reply) -> Span:
    more: Attributes = {
        names.OPERATION: names.CHAT,
        names.PROVIDER: names.provider_of(item.model),
        names.REQUEST_MODEL: item.model,
        names.RESPONSE_MODEL: "" if item.err else item.model,
        names.RESPONSE_ID: item.request_id,
        names.FINISH_REASONS: [item.stop] if item.stop else [],
        names.PURPOSE: item.purpose,
        **_tokens(item.usage),
    }
    if item.cost:
        more[names.COST] = item.cost.usd_micros
    if item.blocks:
        more[names.OUTPUT_MESSAGES] = _message("assistant", item.blocks)
    span = _span(item, "model", f"{names.CHAT} {item.model}", more)
    span.error = item.err
    return _with_error(span)


def _call(item: Call) -> Iterator[Span]:
    more: Attributes = {
        names.OPERATION: names.EXECUTE_TOOL,
        names.TOOL_NAME: item.tool,
        names.TOOL_TYPE: "extension",
        names.TOOL_CALL: item.id_of_call,
        names.TOOL_CLASS: item.tool_class,
        names.EXTENSION: f"{item.extension} {item.extension_version}".strip(),
        names.EXTENSION_DIGEST: item.extension_digest,
        names.STATUS: item.status,
        names.OUTCOME: item.outcome,
        names.ARGS_DIGEST: item.args_digest,
        names.TAINT: list(item.taint),
        names.ROWS: item.rows,
        names.BYTES: item.bytes,
        **_touched(item),
    }
    if item.decision:
        more |= _decided(item.decision, "call") | _approved(item)
    if item.args is not None:
        more[names.TOOL_ARGUMENTS] = canonical(item.args).decode()
    if item.result is not None:
        more[names.TOOL_RESULT] = item.result
    span = _span(item, "tool", f"{names.EXECUTE_TOOL} {item.tool}", more)
    if item.outcome != "ok" and item.status != "dry run":
        span.error = item.err or item.err_judging or item.outcome or item.status
    yield _with_error(span)
    if item.decision:
        until = item.asked.at if item.asked else item.judged_at
        yield _policy(item, item.decision, "call", item.judged, item.began, until)
    if item.withheld:
        yield _policy(item, item.withheld, "result", item.closed, item.ended, item.ended)


def _policy(item: Call, decision: Decision, phase: str, seq: int, began: int, ended: int) -> Span:
    sid = item.about.sid
    approved: Attributes = _approved(item) if phase == "call" else {}
    return Span(
        trace=trace_id(sid, item.trace),
        id=span_id(sid, seq, "policy"),
        parent=span_id(sid, item.opened),
        kind="policy",
        name=f"devagent.policy {item.tool}",
        began=began,
        ended=max(ended, began),
        attributes={
            **common(item.about),
            names.EVENT: f"{sid}/{seq}",
            names.TURN: item.turn,
            names.TOOL_NAME: item.tool,
            names.TOOL_CALL: item.id_of_call,
            names.STATUS: item.status,
            **_without_empty({**_touched(item), **_decided(decision, phase), **approved}),
        },
    )


def _touched(item: Call) -> Attributes:
    return {
        names.RESOURCES: [one.id for one in item.resources],
        names.TAGS: sorted({tag for one in item.resources for tag in one.tags}),
    }


def _decided(decision: Decision, phase: str) -> Attributes:
    return {
        names.POLICY_EFFECT: decision.effect,
        names.POLICY_PHASE: phase,
        names.POLICY_RULES: list(decision.rules),
        names.POLICY_DIGEST: decision.policy,
        names.POLICY_OBLIGATIONS: canonical(decision.obligations).decode()
        if decision.obligations
        else "",
        names.POLICY_NEAREST: list(decision.nearest),
        names.POLICY_ERROR: decision.error,
        names.POLICY_REASON: decision.reason,
    }


def _approved(item: Call) -> Attributes:
    asked = item.asked
    if asked is None:
        return {}
    return {
        names.APPROVAL_ANSWER: asked.answer,
        names.APPROVAL_BY: asked.by,
        names.APPROVAL_METHOD: asked.method,
        names.APPROVAL_SCOPE: asked.scope,
        names.APPROVAL_LATENCY: asked.latency_us,
        names.APPROVAL_SHOWN: asked.shown,
    }


def _tokens(usage: Usage) -> Attributes:
    if usage == Usage():
        return {}
    return {
        names.INPUT_TOKENS: usage.input + usage.cache_read + usage.cache_write,
        names.OUTPUT_TOKENS: usage.output,
        names.CACHE_READ_TOKENS: usage.cache_read,
        names.CACHE_WRITE_TOKENS: usage.cache_write,
    }


def _message(role: str, content: Any) -> str:
    """A message as the conventions have it: a list with one, its parts typed."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts: list[dict[str, Any]] = []
    for block in blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                parts.append({"type": "text", "content": text})
            case {"type": "thinking", "thinking": str(text)}:
                parts.append({"type": "reasoning", "content": text})
            case {"type": "tool_use", "id": id, "name": name, "input": given}:
                parts.append({"type": "tool_call", "id": id, "name": name, "arguments": given})
            case _:
                parts.append({"type": str(block.get("type", "unknown"))})
    return canonical([{"role": role, "parts": parts}]).decode()


def _with_error(span: Span) -> Span:
    if span.error:
        span.attributes[names.ERROR_TYPE] = span.error
    return span


def _without_empty(attributes: Attributes) -> Attributes:
    return {
        name: value
        for name, value in attributes.items()
        if value not in ("", []) and value is not False
    }
