"""Hard limits of one turn."""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """None = no limit. ``max_turns`` counts the model's replies."""

    max_turns: int | None = None
    max_cost_micros: int | None = None
