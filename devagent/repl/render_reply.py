"""What the model said, how its service did and how the turn ended, as lines for a person. See ``render``."""

from devagent.core.citations import sources
from devagent.core.events.model import Compacted, ModelFailed, ModelReplied
from devagent.core.events.turns import TurnEnded
from devagent.core.text import visible
from devagent.core.usage import Usage
from devagent.repl.words import Signs, counted, plain, time_text, usage_text


def reply_text(event: ModelReplied, s: Signs) -> str:
    return "\n".join(
        part for part in (visible(event.text).strip("\n"), sources_text(event, s)) if part
    )


def sources_text(event: ModelReplied, s: Signs) -> str:
    """What the reply says that it rests on, a line each; empty where it cites nothing."""
    return "\n".join(plain(f"  {s.result} source: {one}") for one in sources(event.content))


def model_failed_text(event: ModelFailed, s: Signs) -> str:
    status = f", {event.status}" if event.status else ""
    again = f"; {again_text(event).lstrip()}" if event.retry_in_ms is not None else ""
    reason = f": {event.reason}" if event.reason else ""
    return plain(f"{s.alert} the model service failed ({event.err}{status}){reason}{again}")


def same_failure(before: ModelFailed, event: ModelFailed) -> bool:
    """Whether it failed as before, and is tried again: all but the attempt was told already."""
    told = (before.err, before.status, before.reason)
    return (event.err, event.status, event.reason) == told and event.retry_in_ms is not None


def again_text(event: ModelFailed) -> str:
    """Which attempt comes when."""
    return f"  attempt {event.attempt + 1} in {(event.retry_in_ms or 0) / 1000:.1f} s"


def compacted_text(event: Compacted, s: Signs) -> str:
    why = {
        "window": "its window was filling",
        "overflow": "it no longer fitted the window",
        "asked": "as asked",
    }
    own = " of the service's own" if event.block else ""
    by = f"a summary{own} by {event.model}" if event.model else "a list of what was done"
    return plain(
        f"{s.alert} conversation compacted ({why[event.why]}): {counted(event.gone, 'message')} now stand in {by}, "
        f"{event.kept} stay as they were; from about {event.before:,} to {event.after:,} tokens. "
        "Prompts and refusals stay word for word, the log keeps everything; /compact undo brings it back"
    )


def turn_ended_text(event: TurnEnded, s: Signs) -> str:
    parts = [event.stop + (f": {event.reason}" if event.reason else "")]
    if event.usage != Usage():
        parts.append(usage_text(event.usage))
    if event.cost_usd_micros:
        parts.append(f"${event.cost_usd_micros / 1e6:.4f}")
    if event.dur_us >= 1000:
        parts.append(time_text(event.dur_us))
    return plain(f" {s.dot} ".join(parts))
