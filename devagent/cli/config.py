"""``devagent config``: what is configured, and where each thing lies."""

import os

import click

from devagent.core.codec import to_plain
from devagent.settings.config import load_config
from devagent.settings.places import places
from devagent.settings.policies import org_file
from devagent_policies import path_of


@click.group()
def config() -> None:
    """Show the configuration and where it lies."""


@config.command()
def show() -> None:
    """The values in force, with the defaults."""
    values = to_plain(load_config(places().config))
    for name in ("model", "base_url", "max_tokens", "stall_s", "give_up_s"):
        click.echo(f"{name} = {values[name]!r}")
    if table := values["model_table"]:
        click.echo(f"[model] {', '.join(table)}")
    for name, settings in values["platforms"].items():
        click.echo(f"[platforms.{name}] {', '.join(settings)}")
    for name, settings in values["extensions"].items():
        click.echo(f"[extensions.{name}] {', '.join(settings) or 'defaults'}")


@config.command()
def path() -> None:
    """Where your files lie, the organisation's policy, and the ready-made policies.

    "data" holds this computer's signing key and your approvals.
    """
    here = places()
    rows = [
        ("config", here.config),
        ("policy", here.policy),
        ("sessions", here.sessions),
        ("data", here.data),
        ("cache", here.cache),
        ("organisation", org_file()),
        ("ready-made", os.path.dirname(path_of("baseline"))),
    ]
    for name, place in rows:
        click.echo(f"{name:12} {place}{'' if os.path.exists(place) else '  (not there)'}")
