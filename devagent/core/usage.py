"""What a reply used and what that costs."""

from msgspec import Struct


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one reply, as the service counted them, and how often it used those of its own tools that cost."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    web_searches: int = 0
    code_runs: int = 0

    @property
    def cache_hit_percent(self) -> int:
        """How much of what was read came from the service's prompt cache, 0 to 100."""
        read = self.input + self.cache_read + self.cache_write
        return 100 * self.cache_read // read if read else 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.web_searches + other.web_searches,
            self.code_runs + other.code_runs,
        )


class Cost(Struct, frozen=True, omit_defaults=True):
    """Micro-dollars by a dated price table; ``prices`` is that table's digest."""

    usd_micros: int
    prices: str
