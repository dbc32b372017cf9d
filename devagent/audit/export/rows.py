"""Items as rows of four tables: sessions, calls, decisions, costs. Every row has the id of its event, and day and team."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from devagent.audit.export.items import About, AnyItem, Call, Happened, Item, Reply, Standing, Turn
from devagent.core.codec import canonical
from devagent.core.verdicts import Decision

Table = Literal["sessions", "calls", "decisions", "costs"]
Column = Literal["text", "texts", "whole", "fraction", "moment", "flag"]
"""``moment`` is microseconds since 1970, UTC; ``texts`` a list."""

Row = dict[str, Any]

_ALWAYS: Mapping[str, Column] = {
    "event_id": "text",
    "session": "text",
    "seq": "whole",
    "ts": "moment",
    "principal": "text",
    "user_id": "text",
    "ci": "text",
    "on_behalf_of": "text",
    "groups": "texts",
    "agent": "text",
    "mode": "text",
    "device": "text",
}
_LAST: Mapping[str, Column] = {"day": "text", "team": "text"}
PARTITIONS = tuple(_LAST)

_OWN: Mapping[Table, Mapping[str, Column]] = {
    "sessions": {
        "since_seq": "whole",
        "started": "moment",
        "state": "text",
        "stop": "text",
        "exit_code": "whole",
        "model": "text",
        "policy": "text",
        "version": "text",
        "dry_run": "flag",
        "events": "whole",
        "turns": "whole",
        "replies": "whole",
        "calls": "whole",
        "denied": "whole",
        "approved": "whole",
        "input_tokens": "whole",
        "output_tokens": "whole",
        "cache_read_tokens": "whole",
        "cache_write_tokens": "whole",
        "usd_micros": "whole",
        "unpriced_replies": "whole",
        "verified": "flag",
        "verified_events": "whole",
        "signed_events": "whole",
        "tree_root": "text",
        "problem": "text",
        "torn_bytes": "whole",
        "folder": "text",
    },
    "calls": {
        "turn": "whole",
        "call": "text",
        "tool": "text",
        "tool_class": "text",
        "extension": "text",
        "extension_version": "text",
        "extension_digest": "text",
        "resources": "texts",
        "tags": "texts",
        "taint": "texts",
        "args_digest": "text",
        "status": "text",
        "outcome": "text",
        "err": "text",
        "result_rows": "whole",
        "result_bytes": "whole",
        "duration_us": "whole",
        "args": "text",
        "result": "text",
    },
    "decisions": {
        "turn": "whole",
        "call": "text",
        "tool": "text",
        "tool_class": "text",
        "phase": "text",
        "effect": "text",
        "status": "text",
        "rules": "texts",
        "obligations": "text",
        "nearest": "texts",
        "policy": "text",
        "resources": "texts",
        "tags": "texts",
        "error": "text",
        "answer": "text",
        "answered_by": "text",
        "answer_method": "text",
        "answer_scope": "text",
        "answer_latency_us": "whole",
        "approval_id": "text",
        "shown_digest": "text",
        "reason": "text",
    },
    "costs": {
        "turn": "whole",
        "model": "text",
        "purpose": "text",
        "stop": "text",
        "err": "text",
        "status": "whole",
        "request_id": "text",
        "input_tokens": "whole",
        "output_tokens": "whole",
        "cache_read_tokens": "whole",
        "cache_write_tokens": "whole",
        "usd_micros": "whole",
        "prices": "text",
        "duration_us": "whole",
    },
}
COLUMNS: Mapping[Table, Mapping[str, Column]] = {
    table: {**_ALWAYS, **own, **_LAST} for table, own in _OWN.items()
}
"""Every table's columns in order. Those that hold content are empty in an export without it."""


def rows(item: AnyItem) -> Iterator[tuple[Table, Row]]:
    """The rows that an item makes."""
    match item:
        case Standing():
            yield "sessions", _standing(item)
        case Call():
            yield "calls", _call(item)
            if item.decision:
                yield "decisions", _decision(item, item.decision, "call")
            if item.withheld:
                yield "decisions", _decision(item, item.withheld, "result")
        case Reply():
            yield "costs", _reply(item)
        case Turn() | Happened():
            pass


def day_of(at: int) -> str:
    """The day of a moment, in UTC: ``2026-11-21``."""
    from datetime import UTC, datetime  # noqa: PLC0415  (only where something is exported)

    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%d")


def _row(item: Item, event_id: str, seq: int, at: int) -> Row:
    about = item.about
    return {
        "event_id": event_id,
        "session": about.sid,
        "seq": seq,
        "ts": at,
        **_who(about),
        "agent": about.agent,
        "mode": about.mode,
        "device": about.device,
        "day": day_of(at),
        "team": about.team,
    }


def _who(about: About) -> Row:
    who = about.who
    return {
        "principal": str(who),
        "user_id": who.user,
        "ci": who.ci,
        "on_behalf_of": who.on_behalf_of,
        "groups": list(about.groups),
    }


def _standing(item: Standing) -> Row:
    usage, verdict = item.usage, item.verdict
    return {
        **_row(item, item.id, item.seq, item.ended),
        "since_seq": item.since,
        "started": item.began,
        "state": item.state,
        "stop": item.stop,
        "exit_code": item.exit_code if item.stop else None,
        "model": item.about.model,
        "policy": item.about.policy,
        "version": item.about.version,
        "dry_run": item.about.dry_run,
        "events": item.events,
        "turns": item.turns,
        "replies": item.replies,
        "calls": item.calls,
        "denied": item.denied,
        "approved": item.approved,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "usd_micros": item.usd_micros,
        "unpriced_replies": item.unpriced,
        "verified": verdict.ok,
        "verified_events": verdict.events,
        "signed_events": verdict.signed,
        "tree_root": verdict.root,
        "problem": verdict.problem,
        "torn_bytes": verdict.torn,
        "folder": item.about.folder or None,
    }


def _call(item: Call) -> Row:
    return {
        **_row(item, item.id, item.seq, item.began),
        "turn": item.turn,
        "call": item.id_of_call,
        "tool": item.tool,
        "tool_class": item.tool_class,
        "extension": item.extension,
        "extension_version": item.extension_version,
        "extension_digest": item.extension_digest,
        **_touched(item),
        "taint": list(item.taint),
        "args_digest": item.args_digest,
        "status": item.status,
        "outcome": item.outcome,
        "err": item.err or item.err_judging,
        "result_rows": item.rows,
        "result_bytes": item.bytes,
        "duration_us": item.dur_us,
        "args": None if item.args is None else canonical(item.args).decode(),
        "result": item.result,
    }


def _touched(item: Call) -> Row:
    return {
        "resources": [one.id for one in item.resources],
        "tags": sorted({tag for one in item.resources for tag in one.tags}),
    }


def _decision(item: Call, decision: Decision, phase: Literal["call", "result"]) -> Row:
    late = phase == "result"
    seq = item.closed if late else item.judged
    asked = None if late else item.asked
    return {
        **_row(item, f"{item.about.sid}/{seq}", seq, item.ended if late else item.judged_at),
        "turn": item.turn,
        "call": item.id_of_call,
        "tool": item.tool,
        "tool_class": item.tool_class,
        "phase": phase,
        "effect": decision.effect,
        "status": "denied" if late else item.status,
        "rules": list(decision.rules),
        "obligations": canonical(decision.obligations).decode() if decision.obligations else "",
        "nearest": list(decision.nearest),
        "policy": decision.policy,
        **_touched(item),
        "error": decision.error or ("" if late else item.err_judging),
        "answer": asked.answer if asked else "",
        "answered_by": asked.by if asked else "",
        "answer_method": asked.method if asked else "",
        "answer_scope": asked.scope if asked else "",
        "answer_latency_us": asked.latency_us if asked else None,
        "approval_id": asked.approval_id if asked else "",
        "shown_digest": asked.shown if asked else "",
        "reason": decision.reason or None,
    }


def _reply(item: Reply) -> Row:
    usage = item.usage
    return {
        **_row(item, item.id, item.seq, item.ended),
        "turn": item.turn,
        "model": item.model,
        "purpose": item.purpose,
        "stop": item.stop,
        "err": item.err,
        "status": item.status or None,
        "request_id": item.request_id,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "usd_micros": item.cost.usd_micros if item.cost else None,
        "prices": item.cost.prices if item.cost else "",
        "duration_us": item.ended - item.began,
    }
