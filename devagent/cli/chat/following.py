"""What is under way, by the events of a turn."""

import time

from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ToolFinished,
    ToolJudged,
    ToolProgress,
    ToolStarted,
)
from devagent.core.events.model import (
    ModelFailed,
    ModelReplied,
    ModelRequested,
    TextDelta,
    ThinkingDelta,
)
from devagent.core.text import one_line
from devagent.repl.folded import touched
from devagent.repl.messages import tr
from devagent.repl.region import Doing


def tells_how_far(event: Event) -> bool:
    """Whether a tool under way says how far it is: that is another soon, so it stands in the line alone."""
    return isinstance(event, ToolProgress) and not event.level and bool(event.done or event.total)


def follow(doing: Doing, event: Event) -> None:
    """Tell of this event in the line about what is under way."""
    streams = isinstance(event, TextDelta | ThinkingDelta)
    doing.heard = time.monotonic() if streams else 0.0
    match event:
        case ModelRequested(purpose=purpose):
            doing.what = tr("putting the conversation in short") if purpose else tr("thinking")
        case TextDelta(text=text) | ThinkingDelta(text=text):
            doing.what = tr("writing") if isinstance(event, TextDelta) else tr("thinking")
            doing.tokens += max(1, len(text) // 4)
        case ModelFailed(retry_in_ms=int()):
            doing.what = tr("waiting to try again")
        case ModelReplied(cost=cost):
            doing.usd_micros += cost.usd_micros if cost else 0
        case ToolJudged():
            doing.what = f"{event.full_name} {one_line(touched(event), 60)}".rstrip()
        case ApprovalAnswered() | ToolStarted():
            doing.tail, doing.how_far = (), ""
        case ToolProgress() if tells_how_far(event):
            of = f" of {event.total:g}" if event.total else ""
            doing.how_far = one_line(f"{event.done:g}{of} {event.text}")
        case ToolFinished():
            doing.tail, doing.how_far = (), ""
            doing.what = tr("thinking")
        case _:
            pass
