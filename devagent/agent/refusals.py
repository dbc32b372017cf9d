"""What the model reads of a call that is refused: why, and that trying again is no use."""

from collections.abc import Sequence

from devagent.core.tools import ToolCall, ToolSpec
from devagent.core.verdicts import NOT_ALLOWED, Decision

MAX_NAMED = 40
"""Tools that the answer to a call of one that is none names."""


def told(decision: Decision) -> str:
    """What it reads where policy denies; empty where it does not."""
    if decision.effect != "deny":
        return ""
    return f"{NOT_ALLOWED}: {decision.reason}.{to_be_granted(decision)} Do not try to get around this; say so to the person."


def to_be_granted(decision: Decision) -> str:
    """How it can be granted, as one more sentence; empty where nobody says."""
    return f" To be granted: {decision.grant.rstrip('.')}." if decision.grant else ""


def no_such_tool(call: ToolCall, offered: Sequence[ToolSpec]) -> Decision:
    """The deny of a call of a tool that is none, with the names of those that are."""
    names = ", ".join(t.api_name for t in offered[:MAX_NAMED])
    if len(offered) > MAX_NAMED:
        names += f", and {len(offered) - MAX_NAMED} more: look for them by what they do"
    return Decision(
        effect="deny",
        reason=f"There is no tool {call.name!r}. The tools are: {names}",
        error="no_such_tool",
    )
