"""How replies are asked for: what the config chooses and policy bounds."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.limits import SamplingBounds

Thinking = Literal["", "off", "adaptive", "between_tools"]
Effort = Literal["", "low", "medium", "high", "xhigh", "max"]
CacheLife = Literal["off", "5m", "1h"]

THINKING: tuple[Thinking, ...] = ("off", "adaptive", "between_tools")
EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
CACHE_LIVES: tuple[CacheLife, ...] = ("off", "5m", "1h")
LEAST_THINKING = 1024
"""The service takes no smaller budget of thinking."""

BETAS = {
    "compaction": "compact-2026-09-04",
    "context_editing": "context-management-2025-06-27",
    "context_1m": "context-1m-2025-08-07",
    "interleaved_thinking": "interleaved-thinking-2025-05-14",
    "output_300k": "output-300k-2026-03-24",
    "window_exceeded": "model-context-window-exceeded-2025-08-26",
}
"""Feature → the ``anthropic-beta`` that older models or gateways want to hear for it."""
FEATURES = (*(name for name in BETAS if name != "compaction"), "strict_tools", "structured_output")
"""What the config may ask for; what is no beta needs no header. ``compaction`` has an entry of its own there."""
_LONG_CACHE = "extended-cache-ttl-2025-04-11"


class Sampling(Struct, frozen=True):
    """``thinking_tokens`` over 0 is an extended-thinking budget. Empty or None: as the model does by itself.
    ``images``: whether the model takes any."""

    max_tokens: int = 16_000
    thinking: Thinking = ""
    thinking_tokens: int = 0
    effort: Effort = ""
    temperature: float | None = None
    cache: CacheLife = "5m"
    features: tuple[str, ...] = ()
    images: bool = True

    @property
    def thinks(self) -> bool:
        """Whether thinking is asked for (the service then takes no temperature but 1)."""
        return bool(self.thinking_tokens) or self.thinking in ("adaptive", "between_tools")

    @property
    def betas(self) -> tuple[str, ...]:
        """The values of ``anthropic-beta``, sorted: only those of features that are in use."""
        found = {BETAS[name] for name in self.features if name in BETAS}
        if self.cache == "1h":
            found.add(_LONG_CACHE)
        return tuple(sorted(found))


def within(sampling: Sampling, bounds: SamplingBounds) -> Sampling:
    """The same, no further than the bounds.

    A bound on thinking turns adaptive thinking, which has no budget, into one with that budget, or off
    where it is under the least that the service takes. A bound on temperature below 1 ends thinking.
    """
    if bounds.max_tokens is not None:
        sampling = replace(sampling, max_tokens=min(sampling.max_tokens, bounds.max_tokens))
    most = bounds.thinking_tokens
    cool = bounds.temperature is not None and bounds.temperature < 1
    if cool or (most is not None and most < LEAST_THINKING):
        sampling = replace(sampling, thinking="off", thinking_tokens=0)
    elif most is not None and sampling.thinking != "off":
        if sampling.thinking_tokens:
            budget = min(sampling.thinking_tokens, most)
        elif sampling.thinking:
            budget = most
        else:
            budget = 0  # the model's own habit, and a habit has no bound: it is ended
        sampling = replace(sampling, thinking="" if budget else "off", thinking_tokens=budget)
    if sampling.thinking_tokens >= sampling.max_tokens:
        # The service wants room for the answer beside the thinking.
        room = sampling.max_tokens // 2
        fits = room >= LEAST_THINKING
        sampling = replace(
            sampling, thinking="" if fits else "off", thinking_tokens=room if fits else 0
        )
    if bounds.temperature is not None:
        asked = 1.0 if sampling.temperature is None else sampling.temperature
        if asked > bounds.temperature:
            sampling = replace(sampling, temperature=bounds.temperature)
    return sampling
