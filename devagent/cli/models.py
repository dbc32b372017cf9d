"""``devagent models``: which models may be asked here, and what is known of each."""

import os
from typing import Any

import click

from devagent.cli.formats import formats
from devagent.cli.governed import enrolled_here
from devagent.cli.policy.shared import policy_in_force
from devagent.core.codec import canonical, to_plain
from devagent.core.text import visible
from devagent.session.model_access import ModelAccess, Offer
from devagent.session.named_prices import named_prices
from devagent.settings.config import load_config
from devagent.settings.identity import principal
from devagent.settings.places import places
from devagent.settings.policies import is_enrolled


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that policy does not allow, and why.")  # fmt: skip
@formats("text", "json")
@click.option("--json", "as_json", is_flag=True, hidden=True)  # as --format json
def models(everything: bool = False, output_format: str = "text", as_json: bool = False) -> int:
    """List the models that you may use: roles, prices, windows, where they are asked.

    Prices are USD per million tokens, in and out. With --format json: one object a line. Exit code 1 where policy allows
    none.
    """
    policy = policy_in_force()
    config = load_config(places().config)
    prices = named_prices(config, policy.compiled, governed=is_enrolled(), enrolled=enrolled_here())
    access = ModelAccess(config, os.environ, policy.compiled, principal(), prices=prices)
    offers = access.offers()
    allowed = [offer for offer in offers if not offer.forbidden]
    shown = offers if everything else allowed
    if as_json or output_format == "json":
        for offer in shown:
            click.echo(canonical(to_plain(offer)).decode())
    else:
        for line in _table([_row(offer) for offer in shown]):
            click.echo(line)
        if hidden := len(offers) - len(shown):
            click.echo(f"{hidden} more are not allowed by policy: `devagent models --all`")
    return 0 if allowed else 1


def _row(offer: Offer) -> list[str]:
    rates = offer.rates
    price = f"{rates.input:g} / {rates.output:g}" if rates else "not known"
    where = offer.host or "here"
    retention = "keeps nothing, says policy" if offer.zero_retention else ""
    about: list[Any] = [
        ", ".join(offer.roles),
        offer.name,
        price + (" (assumed)" if rates and rates.assumed else ""),
        f"{offer.context:,}" if offer.context else "not known",
        f"{where} {offer.region}".strip(),
        f"not allowed by {offer.forbidden}" if offer.forbidden else retention,
    ]
    return [visible(cell).replace("\n", " ") for cell in about]


def _table(rows: list[list[str]]) -> list[str]:
    head = ["role", "model", "price", "window", "asked at", ""]
    every = [head, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]
