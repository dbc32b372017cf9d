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
@click.option("--yes", is_flag=True, help="Ask nothing; for scripts that have looked before.")
def add(
    name: str,
    command: tuple[str, ...],
    cwd: str,
    pass_env: tuple[str, ...],
    classes: tuple[str, ...],
    yes: bool,
) -> int:
    """Let the MCP server in that COMMAND starts, under NAME: devagent ext add NAME -- COMMAND ARGS…

    It writes tools.lock, and prints the lines for config.toml, which stays yours alone to write.
    """
    file = places().config
    if name in load_config(file).extensions:
        raise UsageError(
            f"{file} has an extension {name!r} already",
            hint=f"`devagent ext approve {name}` looks at it anew.",
        )
    table: dict[str, Any] = {"type": "stdio", "command": command[0]}
    if command[1:]:
        table["args"] = list(command[1:])
    if cwd:
        table["cwd"] = os.path.abspath(cwd)
    if pass_env:
        table["pass_env"] = list(pass_env)
    if classes:
        table["classes"] = dict(_pair(one) for one in classes)
    if not let_in(server_of(name, table, _fault), yes=yes):
        return DECLINED
    click.echo(f"Add this to {file}:\n")
    click.echo(f"[extensions.{name}]")
    for key, value in table.items():
        click.echo(f"{key} = {_toml(value)}")
    return 0


def _pair(text: str) -> tuple[str, str]:
    tool, equals, tool_class = text.partition("=")
    if not equals:
        raise UsageError(f"--class {text!r} must be TOOL=CLASS")
    return tool, tool_class


def _fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    del path
    return ConfigError(what, hint=hint)


def _toml(value: Any) -> str:
    # JSON's texts and lists are TOML's too, but for DEL, which JSON does not escape.
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return f"{{ {inner} }}"
    return json.dumps(value).replace("\x7f", "\\u007f")
