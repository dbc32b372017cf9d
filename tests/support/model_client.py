"""A model for tests: time is told, waits are recorded instead of waited."""

from typing import Any

from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta, ThinkingDelta
from devagent.core.ports import Model, ModelEvent, ModelRequest
from devagent.core.tools import ToolSpec
from devagent.models import Credential
from devagent.models.attempts import Pace
from devagent.models.http_model import HttpModel
from devagent.models.messages import fixed, messages_model

KEY = "sk-ant-test-0123456789abcdef"


class ToldTime:
    """A clock that only ``sleep`` moves."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def pace_of(time: ToldTime, **changed: Any) -> Pace:
    """Told time and short patience."""
    arguments: dict[str, Any] = {
        "stall_s": 5.0,
        "clock": time.clock,
        "now": lambda: 1_800_000_000.0,
        "sleep": time.sleep,
        "chance": lambda: 0.0,
        **changed,
    }
    return Pace(**arguments)


def client(base_url: str, time: ToldTime | None = None, **changed: Any) -> HttpModel:
    """A model of the Messages API at ``base_url``; ``changed`` are fields of Pace, or other arguments."""
    credential = changed.pop("credential", Credential("api_key", KEY))
    patience = {name: changed.pop(name) for name in Pace.__struct_fields__ if name in changed}
    arguments: dict[str, Any] = {
        "name": "claude-sonnet-5-5",
        "keys": fixed(credential),
        "environment": {},
        "pace": pace_of(time or ToldTime(), **patience),
        **changed,
    }
    return messages_model(base_url=base_url, **arguments)


def ask(text: str = "Hello", *, tools: tuple[ToolSpec, ...] = (), **changed: Any) -> ModelRequest:
    arguments: dict[str, Any] = {
        "turn": 1,
        "system": "You are a developer agent.",
        "messages": [{"role": "user", "content": text}],
        "tools": tools,
        **changed,
    }
    return ModelRequest(**arguments)


def tool(name: str = "git.log") -> ToolSpec:
    extension, _, short = name.partition(".")
    schema = {"type": "object", "properties": {"limit": {"type": "integer"}}}
    return ToolSpec(extension, short, "read", f"What {name} does.", schema)


async def events(model: Model, request: ModelRequest | None = None) -> list[ModelEvent]:
    """All events of one reply."""
    return [event async for event in model.reply(request or ask())]


def replied(seen: list[ModelEvent]) -> ModelReplied:
    """The reply among the events: the last one, and the only one of its kind."""
    last = seen[-1]
    assert isinstance(last, ModelReplied)
    assert sum(isinstance(event, ModelReplied) for event in seen) == 1
    return last


def failures(seen: list[ModelEvent]) -> list[ModelFailed]:
    return [event for event in seen if isinstance(event, ModelFailed)]


def shown(seen: list[ModelEvent]) -> str:
    """The text that a screen would show in the end: what a failed attempt brought is void."""
    text = ""
    for event in seen:
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, ModelFailed):
            text = ""
    return text


def thought(seen: list[ModelEvent]) -> str:
    return "".join(event.text for event in seen if isinstance(event, ThinkingDelta))
