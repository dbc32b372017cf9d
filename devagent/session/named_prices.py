"""Which price table costs and limits in dollars go by."""

import os

from devagent.core.errors import ConfigError
from devagent.models import prices as price_tables
from devagent.models.prices import PriceTable
from devagent.policy.bounds import has_dollar_budget, price_file
from devagent.policy.decide import CompiledPolicy
from devagent.session.enrolled import Enrolled
from devagent.settings.config import Config
from devagent.settings.trusted_file import read_trusted


def named_prices(
    config: Config,
    policy: CompiledPolicy,
    *,
    governed: bool,
    enrolled: Enrolled | None = None,
) -> PriceTable | None:
    """The price table that the org's policy names (of an enrolled machine: its bundle's, verified), else the config's; None for the shipped one. Raises ConfigError
    where it cannot be used, or where the config's would make the org's budgets in dollars mean something else."""
    org = policy.files[0]
    named = price_file(policy.files)
    if enrolled is not None and enrolled.in_force is not None:
        from devagent.org.equipment import price_table  # noqa: PLC0415  (only on an enrolled machine)

        if found := price_table(enrolled.in_force, named):
            return price_tables.parse(*found)
    elif named:
        return _price_table(os.path.join(os.path.dirname(os.path.abspath(org.file)), named))
    if not config.prices:
        return None
    if governed and has_dollar_budget(org):
        raise config.fault(
            ("prices",),
            "prices: the organisation's budgets are in dollars, so its policy alone can name a price table",
            "Leave `prices` out, or ask for [budget] prices in the organisation's policy.",
        )
    return _price_table(
        os.path.join(os.path.dirname(config.file), os.path.expanduser(config.prices))
    )


def _price_table(path: str) -> PriceTable:
    """A table that limits depend on: only where nobody else could have written it."""
    try:
        return price_tables.parse(read_trusted(path, error=ConfigError), path)
    except (FileNotFoundError, NotADirectoryError) as e:
        raise ConfigError("there is no such price table", file=path) from e
