"""A turn under way: what its steps hand to each other."""

import time
from typing import Any

from msgspec import Struct, field

from devagent.agent.carrying_out import us_since
from devagent.core.errors import Stop
from devagent.core.events import Event
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import TurnEnded
from devagent.core.tools import ToolSpec
from devagent.core.usage import Usage


class Reading(Struct, frozen=True):
    """What the person wants read before the model is asked: a call of a tool, their own."""

    tool: ToolSpec
    args: dict[str, Any]


class Turn(Struct):
    """``reply``: the one to act on; ``fits``: the conversation was made to fit since the last whole reply; ``paused``:
    the service stopped within its own tools; ``end``: how the turn ended, once it has."""

    number: int
    fits: bool = False
    schema: dict[str, Any] | None = None
    paused: bool = False
    container: str = ""
    usage: Usage = field(default_factory=Usage)
    pauses: int = 0
    reply: ModelReplied | None = None
    end: tuple[Stop, str] | None = None
    began: int = field(default_factory=time.monotonic_ns)

    def ended(self, usd_micros: int) -> TurnEnded:
        """For the record, with what it has cost."""
        stop, reason = self.end or ("failed", "")
        return TurnEnded(
            turn=self.number,
            stop=stop,
            reason=reason,
            usage=self.usage,
            cost_usd_micros=usd_micros,
            dur_us=us_since(self.began),
        )


def used_besides(event: Event) -> Usage:
    """What a summary, a sub-agent or a server took: the conversation's own replies are counted where they are read."""
    return event.usage if isinstance(event, ModelReplied) and event.purpose else Usage()
