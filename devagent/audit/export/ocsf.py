"""OCSF events for a SIEM: JSON lines, a file for each batch, that appears when it is whole and on the disk.

Of version 1.8.0: calls are API Activity with the security control's answer, sessions begin and end as Application
Lifecycle, and whether a log verifies is a Compliance Finding. What has no place there stands in ``unmapped``.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from devagent.audit.export import conventions as names
from devagent.audit.export.folder import folder_error, made, real_folder, whole_file
from devagent.audit.export.items import AnyItem, Call, Happened, Item, Standing
from devagent.audit.export.spans import trace_id
from devagent.audit.export.target import Batch
from devagent.core.codec import canonical

VERSION: Final = "1.8.0"
API_ACTIVITY: Final = 6003
APPLICATION_LIFECYCLE: Final = 6002
COMPLIANCE_FINDING: Final = 2003

_READ, _UPDATE, _DELETE, _OTHER = 2, 3, 4, 99
_START, _STOP, _CREATE = 3, 4, 1
_INFORMATIONAL, _LOW, _MEDIUM, _HIGH = 1, 2, 3, 4
_SUCCESS, _FAILURE = 1, 2
_NEW, _PASS, _FAIL = 1, 1, 3
_ALLOWED, _DENIED, _OBSERVED, _UNKNOWN = 1, 2, 3, 0
# Status of a call → action_id, disposition_id, severity_id.
_ANSWERS: Final = {
    "allowed": (_ALLOWED, 1, _INFORMATIONAL),
    "approved": (_ALLOWED, 8, _INFORMATIONAL),
    "denied": (_DENIED, 2, _MEDIUM),
    "declined": (_DENIED, 25, _LOW),
    "unattended": (_DENIED, 25, _LOW),
    "refused": (_DENIED, 27, _INFORMATIONAL),
    "dry run": (_OBSERVED, 17, _INFORMATIONAL),
    "open": (_UNKNOWN, 0, _INFORMATIONAL),
}

Plain = dict[str, Any]


class Ocsf:
    """Files below ``folder`` (a ``Target``)."""

    most_items = 5_000
    keeps_ids = False

    def __init__(self, folder: str) -> None:
        self._folder = real_folder(folder)
        self.identity = f"ocsf:{self._folder}"

    def is_there(self) -> bool:
        return os.path.isdir(self._folder)

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        del again  # the name is the same
        found = [canonical(one) + b"\n" for item in batch.items for one in events(item)]
        try:
            made(self._folder)
            if found:
                with whole_file(self._folder, f"{batch.name}.jsonl") as file:
                    file.writelines(found)
        except OSError as e:
            raise folder_error(self._folder, e) from e
        return ()


def events(item: AnyItem) -> Iterator[Plain]:
    """The events that an item makes."""
    match item:
        case Call():
            yield _call(item)
        case Standing():
            yield _standing(item)
        case Happened(type="session.started" | "session.resumed"):
            yield _lifecycle(item, _START)
        case Happened(type="session.ended"):
            yield _lifecycle(item, _STOP)
        case Happened(type="log.erased"):
            yield _erased(item)
        case Happened(type="policy.locked"):
            yield _finding(item, "Required policy in force", str(item.fields.get("reason", "")))
        case _:
            pass


def _base(item: Item, class_uid: int, activity: int, code: str, profiles: list[str]) -> Plain:
    about = item.about
    metadata: Plain = {
        "version": VERSION,
        "product": _product(item),
        "uid": item.id,
        "original_event_uid": item.id,
        "correlation_uid": about.sid,
        "event_code": code,
        "sequence": item.seq,
        "log_name": "session",
        "original_time": datetime.fromtimestamp(item.ended / 1e6, UTC).isoformat(),
    }
    if profiles:
        metadata["profiles"] = profiles
    base: Plain = {
        "metadata": metadata,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "severity_id": _INFORMATIONAL,
        "time": item.ended // 1000,
        "unmapped": {"devagent": _own(item)},
    }
    if "ai_operation" in profiles:
        base["ai_model"] = {
            "ai_provider": names.provider_of(about.model),
            "name": about.model or "unknown",
        }
    if "trace" in profiles:
        base["trace"] = {"uid": trace_id(about.sid, item.trace).hex()}
    return base


def _product(item: Item) -> Plain:
    return {
        "name": "devagent",
        "vendor_name": "devagent",
        **({"version": item.about.version} if item.about.version else {}),
    }


def _own(item: Item) -> Plain:
    """What OCSF has no place for."""
    about = item.about
    found: Plain = {
        "principal": str(about.who),
        "team": about.team,
        "on_behalf_of": about.who.on_behalf_of,
        "ci": about.who.ci,
        "mode": about.mode,
        "agent": about.agent,
        "turn": item.turn or "",
        "dry_run": about.dry_run or "",
    }
    return {name: value for name, value in found.items() if value != ""}


def _actor(item: Item) -> Plain:
    about = item.about
    user: Plain = {"name": about.who.user or str(about.who)}
    if about.groups:
        user["groups"] = [{"name": group} for group in about.groups]
    return {"user": user, "session": {"uid": about.sid}, "app_name": "devagent"}


def _source(item: Item) -> Plain:
    return {"svc_name": "devagent", **({"uid": item.about.device} if item.about.device else {})}


def _call(item: Call) -> Plain:
    activity = {"read": _READ, "write": _UPDATE}.get(item.tool_class, _OTHER)
    profiles = ["ai_operation", "security_control", *(["trace"] if item.trace >= 0 else [])]
    event = _base(item, API_ACTIVITY, activity, "tool.called", profiles)
    action, disposition, severity = _ANSWERS[item.status]
    if item.withheld:
        action, disposition, severity = _DENIED, 2, _MEDIUM
    ran = item.outcome == "ok"
    failed = bool(item.outcome) and not ran
    service = {"name": item.extension or "unknown"}
    if item.extension_version:
        service["version"] = item.extension_version
    api: Plain = {
        "operation": item.tool or "unknown",
        "service": service,
        "request": {"uid": item.id_of_call},
    }
    if error := item.err or item.err_judging:
        api["response"] = {"error": error}
    event |= {
        "actor": _actor(item),
        "api": api,
        "src_endpoint": _source(item),
        "action_id": action,
        "disposition_id": disposition,
        "severity_id": severity,
        "status_id": _SUCCESS if ran else _FAILURE if failed or action == _DENIED else 0,
        "status_detail": item.outcome or item.status,
        "start_time": item.began // 1000,
        "end_time": item.ended // 1000,
        "duration": max(0, item.ended - item.began) // 1000,
        "message": f"{item.tool or 'unknown'}: {item.status}"
        + (f", {item.outcome}" if item.outcome else ""),
    }
    if activity == _OTHER:
        event["activity_name"] = item.tool_class or "unknown"
    if item.resources:
        event["resources"] = [
            {"uid": one.id, "name": one.id.partition(":")[2], "type": one.kind}
            | ({"labels": list(one.tags)} if one.tags else {})
            for one in item.resources
        ]
    own: Plain = event["unmapped"]["devagent"]
    own["call"] = item.id_of_call
    own["args_digest"] = item.args_digest
    own["rows"], own["bytes"] = item.rows, item.bytes
    if item.taint:
        own["taint"] = list(item.taint)
    if item.args is not None:
        own["args"] = canonical(item.args).decode()
    if item.result is not None:
        own["result"] = item.result
    if decision := item.withheld or item.decision:
        event["policy"] = {
            "uid": decision.policy or "unknown",
            "type": "devagent",
            "is_applied": True,
        }
        if decision.rules:
            event["authorizations"] = [
                {"decision": decision.effect, "policy": {"name": rule, "type": "rule"}}
                for rule in decision.rules
            ]
        own["decision"] = {
            "effect": decision.effect,
            "phase": "result" if item.withheld else "call",
            "event": f"{item.about.sid}/{item.closed if item.withheld else item.judged}",
        }
        if decision.reason:
            own["decision"]["reason"] = decision.reason
    if asked := item.asked:
        own["approval"] = {
            "answer": asked.answer,
            "by": asked.by,
            "method": asked.method,
            "scope": asked.scope,
            "latency_us": asked.latency_us,
            "event": f"{item.about.sid}/{asked.seq}",
        }
    return event


def _lifecycle(item: Happened, activity: int) -> Plain:
    event = _base(item, APPLICATION_LIFECYCLE, activity, item.type, ["host"])
    event |= {
        "app": _product(item),
        "actor": _actor(item),
        "device": {"type_id": 0, "uid": item.about.device or "unknown"},
        "message": item.type,
    }
    if item.type == "session.ended":
        stop = str(item.fields.get("stop", ""))
        event["status_id"] = _SUCCESS if stop == "done" else _FAILURE
        event["status_detail"] = stop
    else:
        event["status_id"] = _SUCCESS
    return event


def _erased(item: Happened) -> Plain:
    event = _base(item, API_ACTIVITY, _DELETE, item.type, [])
    who = item.fields.get("principal")
    user = who.get("user", "") if isinstance(who, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    event |= {
        "actor": _actor(item) | {"user": {"name": user or "unknown"}},
        "api": {"operation": "session.erase", "service": {"name": "devagent"}},
        "src_endpoint": _source(item),
        "resources": [{"uid": item.about.sid, "type": "session"}],
        "severity_id": _LOW,
        "status_id": _SUCCESS,
        "message": f"Content of session {item.about.sid} was erased",
    }
    event["unmapped"]["devagent"] |= {
        "range": item.fields.get("range", []),
        "reason": item.fields.get("reason", ""),
    }
    return event


def _standing(item: Standing) -> Plain:
    verdict = item.verdict
    event = _finding(item, "Session log verifies", verdict.problem if not verdict.ok else "")
    event["unmapped"]["devagent"] |= {
        "state": item.state,
        "stop": item.stop,
        "events": item.events,
        "verified_events": verdict.events,
        "signed_events": verdict.signed,
        "tree_root": verdict.root,
        "calls": item.calls,
        "denied": item.denied,
        "usd_micros": item.usd_micros,
    }
    return event


def _finding(item: Item, control: str, problem: str) -> Plain:
    """A finding that passes where there is no problem."""
    event = _base(item, COMPLIANCE_FINDING, _CREATE, "finding", ["host"])
    event |= {
        "severity_id": _HIGH if problem else _INFORMATIONAL,
        "status_id": _NEW,
        "compliance": {
            "control": control,
            "standards": ["devagent session log, format 1"],
            "status_id": _FAIL if problem else _PASS,
            **({"status_details": [problem]} if problem else {}),
        },
        "finding_info": {"uid": item.id, "title": f"{control}: {'no' if problem else 'yes'}"},
        "actor": _actor(item),
        "device": {"type_id": 0, "uid": item.about.device or "unknown"},
        "resources": [{"uid": item.about.sid, "type": "session"}],
        "message": problem or f"{control}: session {item.about.sid}",
    }
    return event
