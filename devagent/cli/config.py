"""``devagent config``: what is configured, where each thing lies, and the file in the person's editor."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import click

from devagent.cli.formats import formats
from devagent.cli.lazy import Group
from devagent.core.codec import canonical, to_plain
from devagent.policy.toml_text import toml_value
from devagent.settings.config import Config, load_config, parse_config
from devagent.settings.places import places
from devagent.settings.policies import org_file
from devagent_policies import path_of

VALUES = (
    "model",
    "base_url",
    "max_tokens",
    "stall_s",
    "give_up_s",
    "undo",
    "ticket_pattern",
    "ticket_form",
    "prices",
)
TABLES = ("review", "terminal")
OF_OTHERS = {"model_table": "model", "platforms": "platforms", "extensions": "extensions"}
"""Tables that others read, and that somebody may have put a secret into: their names are shown, and no values."""

STARTER = """\
# devagent's configuration. Every line may be left out, and nothing in it can
# loosen policy. What it may hold stands in docs/config.md and docs/models.md.

# model = "claude-sonnet-5-5"
# max_tokens = 16000

# [terminal]
# theme = "auto"        # or light, dark
# editing = "emacs"     # or vi

# [extensions.sql.sources.shop]
# type = "sqlite"
# path = "shop.db"
"""


@click.group(cls=Group)
def config() -> None:
    """Show and edit the configuration, and say where it lies."""


@config.command()
@formats("text", "json")
def show(output_format: Literal["text", "json"] = "text") -> None:
    """The values in force, with the defaults.

    Of platforms, extensions and the model's table only what is set is named, not to what.
    """
    found = load_config(places().config)
    values = to_plain(found)
    if output_format == "json":
        shown = {name: values[name] for name in (*VALUES, *TABLES)}
        named = {name: _named(values[name]) for name in OF_OTHERS}
        click.echo(canonical({"file": found.file, **shown, **named}))
        return
    click.echo(f"# {found.file or f'{places().config} is not there: these are the defaults'}")
    for line in _lines(values):
        click.echo(line)


def _lines(values: dict[str, Any]) -> Iterator[str]:
    for name in VALUES:
        yield f"{name} = {toml_value(values[name])}"
    for table in TABLES:
        if values[table]:
            yield f"\n[{table}]"
        for name, value in values[table].items():
            yield f"{name} = {toml_value(value)}"
    for name, table in OF_OTHERS.items():
        named = _named(values[name])
        if name == "model_table" and named:
            yield f"\n[{table}]  # {', '.join(named)}"
        elif isinstance(named, dict):
            for one, settings in named.items():
                yield f"\n[{table}.{one}]  # {', '.join(settings) or 'defaults'}"


def _named(table: dict[str, Any]) -> dict[str, list[str]] | list[str]:
    """The names of what is set, by the tables that it is set in."""
    if all(isinstance(entry, dict) for entry in table.values()):
        return {name: list(entry) for name, entry in table.items()}
    return list(table)


@config.command()
def edit() -> int:
    """Open config.toml in your editor (VISUAL or EDITOR), and put it in force only where it is right.

    What cannot be used is told with its line, and may be edited again; until then the file stays as it was.
    """
    from devagent.cli.editing import edit as edited  # noqa: PLC0415  (starts processes; for this alone)

    return edited(places().config, STARTER, _check)


def _check(content: bytes) -> Sequence[str]:
    from devagent.host.configured import configured  # noqa: PLC0415  (all of them only for a file that was edited)
    from devagent.host.extension import is_server  # noqa: PLC0415
    from devagent.host.mcp.config import parse_server  # noqa: PLC0415
    from devagent.models.configured import configured_choices  # noqa: PLC0415

    found: Config = parse_config(content, places().config)
    configured(found.extensions, folder=os.getcwd(), only=(), file=found.file, fault=found.fault)
    for name, table in found.extensions.items():
        if is_server(table):
            parse_server(name, table, found.fault)
    if found.model_table or found.platforms:
        configured_choices(
            found.model_table, found.platforms, found.fault, max_tokens=found.max_tokens
        )
    return ()


@config.command()
@formats("text", "json")
def path(output_format: Literal["text", "json"] = "text") -> None:
    """Where your files lie, the organisation's policy, and the ready-made policies.

    "data" holds this computer's signing key and your approvals.
    """
    here = places()
    rows = {
        "config": here.config,
        "policy": here.policy,
        "sessions": here.sessions,
        "data": here.data,
        "cache": here.cache,
        "organisation": org_file(),
        "ready-made": os.path.dirname(path_of("baseline")),
    }
    if output_format == "json":
        click.echo(canonical(rows))
        return
    for name, place in rows.items():
        click.echo(f"{name:12} {place}{'' if os.path.exists(place) else '  (not there)'}")
