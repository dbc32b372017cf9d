"""What a reply cost, by a dated table that anyone can replace.

USD per million tokens is micro-dollars per token, so a cost is one multiplication. A model that the
table does not know has no cost: an unknown price is never taken for nothing, nor is that of a tool which the service
carries out itself (``service_tools``: USD a use). An entry marked
``assumed`` is the published price of its nearest relative, not its own.
"""

import os.path

import msgspec
from msgspec import Struct

from devagent.core import codec
from devagent.core.errors import ConfigError
from devagent.core.usage import Cost, Usage


class Rates(Struct, frozen=True, forbid_unknown_fields=True):
    """USD per million tokens. ``long`` stands in their place above its prompt length."""

    input: float
    output: float
    cache_write: float
    cache_read: float
    assumed: bool = False
    long: "LongRates | None" = None


class LongRates(Struct, frozen=True, forbid_unknown_fields=True):
    """The rates of a request whose prompt (cached tokens counted too) has over ``above`` tokens."""

    above: int
    input: float
    output: float
    cache_write: float
    cache_read: float


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    dated: str
    models: dict[str, Rates]
    unit: str = ""
    service_tools: dict[str, float] = {}


class PriceTable(Struct, frozen=True):
    """Model id → rates, and the service's own tools → USD a use. ``digest`` names the file's content that a cost was
    taken from."""

    dated: str
    models: dict[str, Rates]
    digest: str
    service_tools: dict[str, float] = {}

    def rates(self, model: str) -> Rates | None:
        """The model's rates; a dated id (``claude-haiku-4-5-20251001``) has those of its family."""
        found = self.models.get(model)
        if found is None:
            stem, _, date = model.rpartition("-")
            if len(date) == 8 and date.isdecimal():
                return self.models.get(stem)
        return found

    def cost(self, model: str, usage: Usage) -> Cost | None:
        """The cost in micro-dollars, rounded to the nearest; None where the price is not known."""
        rates = self.rates(model)
        if rates is None:
            return None
        prompt = usage.input + usage.cache_read + usage.cache_write
        tier = rates.long if rates.long is not None and prompt > rates.long.above else rates
        total = (
            usage.input * tier.input
            + usage.output * tier.output
            + usage.cache_write * tier.cache_write
            + usage.cache_read * tier.cache_read
        )
        for tool, uses in (("web_search", usage.web_searches), ("code_execution", usage.code_runs)):
            if uses:
                if tool not in self.service_tools:
                    return None
                total += uses * self.service_tools[tool] * 1e6
        return Cost(usd_micros=round(total), prices=self.digest)


def load(path: str = "") -> PriceTable:
    """The table in ``path``, or the one that devagent ships. Raises ConfigError."""
    file = path or os.path.join(os.path.dirname(__file__), "prices.json")
    try:
        with open(file, "rb") as source:
            data = source.read()
    except OSError as error:
        raise ConfigError(f"the price table cannot be read: {error.strerror}", file=file) from error
    return parse(data, file)


def parse(data: bytes, file: str) -> PriceTable:
    """The table in these bytes. Raises ConfigError, which names the file."""
    try:
        table = msgspec.json.decode(data, type=_File)
        return PriceTable(
            table.dated, table.models, codec.digest(codec.parse(data)), table.service_tools
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the price table is not as it must be: {error}",
            file=file,
            hint='Each model needs "input", "output", "cache_write" and "cache_read" in USD per million tokens.',
        ) from error
