"""What a reply's stop reason means for the turn (design, section 8, "Settled cases")."""

from devagent.core.errors import ModelError, Stop
from devagent.core.events.model import ModelReplied

OVERFLOW = "model_context_window_exceeded"
TOO_LONG: tuple[Stop, str] = (
    "failed",
    "the conversation no longer fits the model's context window",
)
ENDED_WELL = frozenset({"end_turn", "stop_sequence"})
BROKEN_OFF = frozenset({"max_tokens", OVERFLOW, "refusal"})
"""Stop reasons of a reply that may end inside a call, or that was taken back: none of its calls runs."""


def too_long(refused: ModelError | None) -> tuple[Stop, str]:
    """How a turn ends whose conversation no longer fits; ``refused``: what the service said of the request."""
    stop, reason = TOO_LONG
    return stop, f"{reason} ({refused.what})" if refused else reason


def last_word(reply: ModelReplied) -> tuple[Stop, str]:
    """How a turn ends with this reply, and why where that is not plain."""
    match reply.stop:
        case "end_turn" | "stop_sequence" | "tool_use" | "pause_turn":
            return "done", ""
        case "max_tokens":
            return ("done" if reply.text else "failed"), "the reply was cut off at max_tokens"
        case "refusal":
            why = f" ({reply.detail})" if reply.detail else ""
            return "failed", f"the model refused to answer{why}"
        case "model_context_window_exceeded":
            return TOO_LONG
        case unknown:
            return "done", f"the reply ended with the unknown stop reason {unknown!r}"
