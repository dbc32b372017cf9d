"""``devagent ext add``: look at a server that is not in the config yet, let it in, print what to write there."""

import json
import os
from typing import Any

import click

from devagent.cli.ext.approve import DECLINED
from devagent.cli.ext.shared import let_in, server_of
from devagent.core.errors import ConfigError, UsageError
from devagent.settings.config import load_config
from devagent.settings.places import places


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--cwd", default="", metavar="DIR", help="Where it runs; else the session's folder.")
@click.option(
    "--pass-env", multiple=True, metavar="VAR", help="A variable of yours that it is to get."
)
@click.option(
    "--class", "classes", multiple=True, metavar="TOOL=CLASS", help="Else a tool is exec."
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=HANDLE",
    help='For a URL: a header by where its value is, as "Authorization=Bearer env:TOKEN".',
)
@click.option("--yes", is_flag=True, help="Ask nothing; for scripts that have looked before.")
def add(
    name: str,
    command: tuple[str, ...],
    cwd: str,
    pass_env: tuple[str, ...],
    classes: tuple[str, ...],
    headers: tuple[str, ...],
    yes: bool,
) -> int:
    """Let an MCP server in under NAME: devagent ext add NAME -- COMMAND ARGS…, or devagent ext add NAME URL

    It writes tools.lock, and prints the lines for config.toml, which stays yours alone to write.
    """
    file = places().config
    if name in load_config(file).extensions:
        raise UsageError(
            f"{file} has an extension {name!r} already",
            hint=f"`devagent ext approve {name}` looks at it anew.",
        )
    if len(command) == 1 and command[0].startswith(("https://", "http://")):
        table = _remote(command[0], cwd, pass_env, headers)
    else:
        table = _program(command, cwd, pass_env, headers)
    if classes:
        table["classes"] = dict(_pair(one, "--class", "TOOL=CLASS") for one in classes)
    if not let_in(server_of(name, table, _fault), yes=yes):
        return DECLINED
    click.echo(f"Add this to {file}:\n")
    click.echo(f"[extensions.{name}]")
    for key, value in table.items():
        click.echo(f"{key} = {toml(value)}")
    return 0


def _program(
    command: tuple[str, ...], cwd: str, pass_env: tuple[str, ...], headers: tuple[str, ...]
) -> dict[str, Any]:
    if headers:
        raise UsageError("--header is for a server behind a URL")
    table: dict[str, Any] = {"type": "stdio", "command": command[0]}
    if command[1:]:
        table["args"] = list(command[1:])
    if cwd:
        table["cwd"] = os.path.abspath(cwd)
    if pass_env:
        table["pass_env"] = list(pass_env)
    return table


def _remote(
    url: str, cwd: str, pass_env: tuple[str, ...], headers: tuple[str, ...]
) -> dict[str, Any]:
    if cwd or pass_env:
        raise UsageError("--cwd and --pass-env are for a server that is started here")
    table: dict[str, Any] = {"type": "http", "url": url}
    if headers:
        table["headers"] = dict(_pair(one, "--header", "NAME=HANDLE") for one in headers)
    return table


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{option} must be {form}")  # not the text: it may be a secret
    return name, value


def _fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    del path
    return ConfigError(what, hint=hint)


def toml(value: Any) -> str:
    """A value as TOML on one line."""
    # JSON's texts and lists are TOML's too, but for DEL, which JSON does not escape.
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return f"{{ {inner} }}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value).replace("\x7f", "\\u007f")
