"""How a call ended, as the protocol's result of a tool."""

from collections.abc import Mapping
from typing import Any

from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.turns import BudgetStopped
from devagent.gateway.calling import Ended


def result_of(end: Ended) -> dict[str, Any]:
    """The result of ``tools/call``: a refusal is one too, with the reason as its text."""
    if not isinstance(end, ToolFinished):
        text, error, rules = why(end)
        return _failed(
            text, {"devagent/error": error, **({"devagent/rules": rules} if rules else {})}
        )
    content = end.content or [{"type": "text", "text": end.text}]
    if end.outcome != "ok":
        meta = {"_meta": {"devagent/error": end.err}} if end.err else {}
        return {"content": content, "isError": True, **meta}
    structured = {"structuredContent": end.structured} if end.structured else {}
    return {"content": content, "isError": False, **structured}


def why(end: Ended) -> tuple[str, str, list[str]]:
    """Why there is no result: in words, as a class, by which rules."""
    match end:
        case ToolFinished():
            return end.text, end.err or "failed", []
        case ToolJudged():
            return end.reply, end.err or "denied", list(end.decision.rules)
        case ApprovalAnswered():
            return end.reply, "not_approved", []
        case BudgetStopped():
            return f"Stopped: {end.reason}", end.limit, []


def _failed(text: str, meta: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": dict(meta)}
