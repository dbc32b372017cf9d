"""``devagent ext import``: MCP servers from other programs' files, as lines for ``config.toml``; nothing is started.

``devagent ext add`` and a session's first use are what let a server in; this only translates. What looks like a secret is never
printed: the config gets a handle in its place, and the person is told where to put the value.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import click
from msgspec import Struct, field

from devagent.cli.ext.add import toml
from devagent.cli.ext.registry import of_registry
from devagent.core.errors import ConfigError, UsageError
from devagent.core.text import one_line
from devagent.host.mcp.config import MAX_START_S, RESERVED, SECRET, check_names, parse_server
from devagent.host.mcp.names import skeleton
from devagent.policy.plain import is_list, is_table
from devagent.settings.config import load_config
from devagent.settings.keyring_secrets import KeyringSecrets
from devagent.settings.places import places

MAX_BYTES = 4 << 20
_REFERENCE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}|\$([A-Za-z_]\w*)")
_VALUE = re.compile(
    r"(?i)^(?:sk-|gh[pousr]_|github_pat_|xox[abprs]-|glpat-|AKIA|eyJ)|^[A-Za-z0-9_+/=-]{32,}$"
)
_HARMLESS_HEADERS = frozenset({"accept", "content-type", "user-agent", "x-client"})


_TAKEN = frozenset(
    {
        *(
            "command",
            "cmd",
            "args",
            "cwd",
            "env",
            "envs",
            "env_keys",
            "env_vars",
            "type",
            "transport",
        ),
        *("url", "uri", "serverUrl", "httpUrl", "headers", "http_headers", "env_http_headers"),
        *("bearer_token_env_var", "disabled", "enabled", "timeout", "tool_timeout_sec"),
        *("startup_timeout_sec", "notes", "name", "display_name", "description", "bundled"),
    }
)
"""Keys of other programs' tables that mean something here, or nothing anywhere but there."""


class Found(Struct):
    """One server of a file: its table for ``config.toml``, the secrets that were taken out of it (where each goes →
    its value), and what a person should know."""

    table: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    enabled: bool = True


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--name", "only", multiple=True, metavar="NAME", help="Only this server.")
@click.option(
    "--keyring",
    is_flag=True,
    help="Put the secrets that are found into the keyring, in place of variables.",
)
def import_servers(file: str, only: tuple[str, ...], keyring: bool) -> int:
    """Translate the MCP servers of FILE into lines for config.toml. Nothing is started, and nothing let in.

    FILE is a .mcp.json, Claude Desktop's configuration, goose's config.yaml, Codex's config.toml, or a registry's
    server.json.
    """
    servers = read(file)
    unknown = [name for name in only if name not in servers]
    if unknown:
        raise UsageError(
            f"{file} has no server {unknown[0]!r}", hint=f"It has: {', '.join(servers) or 'none'}."
        )
    if not servers:
        raise UsageError(f"{file} names no MCP server")
    known = load_config(places().config).extensions
    taken = set(known)
    lines: list[str] = []
    skipped = 0
    for original, raw in servers.items():
        if only and original not in only:
            continue
        name = _name(original, taken)
        try:
            found = translated(name, raw, keyring=keyring)
            check_names([*taken - set(known), name], _fault)
            parse_server(name, {k: v for k, v in found.table.items() if k != "enabled"}, _fault)
        except (ValueError, ConfigError) as e:
            what = e.what if isinstance(e, ConfigError) else str(e)
            click.echo(f"left out {one_line(original, 60)!r}: {what}", err=True)
            skipped += 1
            continue
        taken.add(name)
        if name != original:
            found.notes.append(f"its name was {one_line(original, 60)!r}")
        lines += _shown(name, found)
        _settle(name, found, keyring=keyring)
    if lines:
        click.echo("\n".join(lines))
        click.echo(
            f"Nothing was started. Add this to {places().config}; `devagent ext approve NAME` shows a server and lets it in.",
            err=True,
        )
    return 1 if skipped else 0


def read(path: str) -> dict[str, Any]:
    """The servers of a file by name, as they stand there. Raises UsageError for a file that cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
        text = data.decode("utf-8-sig")
        content: Any = _parsed(path, text)
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror}") from e
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{path} cannot be understood: {one_line(str(e), 200)}") from e
    if not is_table(content):
        raise UsageError(f"{path} is no configuration")
    return dict(_servers(content))


def _parsed(path: str, text: str) -> Any:
    if path.endswith(".toml"):
        return tomllib.loads(text)
    if path.endswith((".yaml", ".yml")):
        import yaml  # noqa: PLC0415  (only for goose's files)

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise ValueError("it is no YAML") from e
    return json.loads(text)


def _servers(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if is_list(content.get("packages")) or is_list(content.get("remotes")):
        yield str(content.get("name", "server")).rpartition("/")[2], content
        return
    # Claude and most others; VS Code; Codex; goose.
    for key in ("mcpServers", "servers", "mcp_servers", "extensions"):
        table = content.get(key)
        if is_table(table):
            for name, raw in table.items():
                if key != "extensions" or _is_of_goose(raw):
                    yield name, raw
            return
    projects = content.get("projects")
    if is_table(projects):
        raise UsageError(
            "this file has servers by project; give the file of one project (.mcp.json) instead"
        )


def _is_of_goose(raw: Any) -> bool:
    return is_table(raw) and raw.get("type") not in (
        "builtin",
        "platform",
        "frontend",
        "inline_python",
    )


def translated(name: str, raw: Any, *, keyring: bool) -> Found:
    """One server's table. Raises ValueError for what is not supported, without repeating a value of it."""
    if not is_table(raw):
        raise ValueError("it is no table")
    if is_list(raw.get("packages")) or is_list(raw.get("remotes")):
        raw = of_registry(raw)
    url = raw.get("url") or raw.get("uri") or raw.get("serverUrl") or raw.get("httpUrl")
    found = _remote(name, str(url), raw, keyring) if url else _program(name, raw, keyring)
    if raw.get("disabled") is True or raw.get("enabled") is False:
        found.table["enabled"] = False
    seconds = raw.get("timeout") or raw.get("tool_timeout_sec")
    if isinstance(seconds, (int, float)) and 0 < seconds <= 3600:
        found.table["call_s"] = seconds
    start_s = raw.get("startup_timeout_sec")
    if isinstance(start_s, (int, float)) and 0 < start_s <= MAX_START_S:
        found.table["start_s"] = start_s
    notes = raw.get("notes")
    found.notes += [str(note) for note in notes] if is_list(notes) else []
    found.notes += [f"{one_line(key, 60)} was not taken over" for key in raw if key not in _TAKEN]
    return found


def _program(name: str, raw: Mapping[str, Any], keyring: bool) -> Found:
    command = raw.get("command") or raw.get("cmd")
    if not isinstance(command, str) or not command:
        raise ValueError("it has neither a command nor a URL")
    found = Found({"type": "stdio", "command": os.path.expanduser(command)})
    args = raw.get("args", [])
    if not is_list(args) or not all(isinstance(one, str) for one in args):
        raise ValueError("its args are no list of texts")
    for one in args:
        if _VALUE.search(one.rpartition("=")[2]) and not one.startswith(("/", "@", "http")):
            raise ValueError(
                "an argument looks like a secret, which everybody on this machine could read in the list of processes; "
                "give it to the server in a variable"
            )
    if args:
        found.table["args"] = list(args)
    for one in args:
        if _REFERENCE.search(one):
            found.notes.append(
                f"{one_line(one, 200)}: nothing is filled in here; write what it stands for"
            )
    if raw.get("cwd"):
        found.table["cwd"] = str(raw["cwd"])
    env = _table_of(raw, "env", "envs")
    plain: dict[str, str] = {}
    named = raw.get("env_keys") or raw.get("env_vars")
    passed = [str(one) for one in named] if is_list(named) else []
    for key, value in env.items():
        reference = _REFERENCE.fullmatch(str(value))
        if reference:
            passed.append(key)
            variable = reference[1] or reference[2]
            if variable != key:
                found.notes.append(f"it had {key} from {variable}: set {key} in your environment")
        elif SECRET.search(key) or _VALUE.search(str(value)):
            passed.append(key)
            found.secrets[key] = str(value)
            found.notes.append(
                f"{key} looked like a secret and is not here: set it in your environment"
            )
        else:
            plain[key] = str(value)
    if plain:
        found.table["env"] = plain
    if passed:
        found.table["pass_env"] = sorted(set(passed))
    if found.secrets and keyring:
        found.notes.append("a program gets its secrets from the environment alone")
        found.secrets.clear()
    return found


def _remote(name: str, url: str, raw: Mapping[str, Any], keyring: bool) -> Found:
    if raw.get("type") == "sse" or raw.get("transport") == "sse":
        raise ValueError("it speaks the older HTTP+SSE transport, which is not supported")
    found = Found({"type": "http", "url": url})
    headers: dict[str, str] = {}
    for key, value in _table_of(raw, "headers", "http_headers").items():
        text = str(value)
        word, _, rest = text.rpartition(" ")
        reference = _REFERENCE.fullmatch(rest)
        prefix = f"{word} " if word and re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", word) else ""
        variable = re.sub(r"\W", "_", f"{name}_{key}").upper()
        if reference:
            headers[key] = f"{prefix}env:{reference[1] or reference[2]}"
        elif key.lower() in _HARMLESS_HEADERS:
            found.notes.append(f"the header {key} was not taken over")
        elif keyring:
            headers[key] = f"{prefix}keyring:{variable}"
            found.secrets[variable] = rest if prefix else text
        else:
            headers[key] = f"{prefix}env:{variable}"
            found.secrets[variable] = rest if prefix else text
            found.notes.append(
                f"the value of {key} is not here: set {variable} in your environment"
            )
    if isinstance(raw.get("bearer_token_env_var"), str):
        headers["Authorization"] = f"Bearer env:{raw['bearer_token_env_var']}"
    for key, variable in _table_of(raw, "env_http_headers").items():
        headers[key] = f"env:{variable}"
    if headers:
        found.table["headers"] = headers
    return found


def _table_of(raw: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The first of these that is there and a table."""
    for key in keys:
        if is_table(table := raw.get(key)):
            return table
    return {}


def _name(original: str, taken: set[str]) -> str:
    """A name that an extension here may have, like the one it had."""
    plain = re.sub(r"[^a-z0-9]+", "-", original.lower()).strip("-")[:28] or "server"
    plain = plain if plain[0].isalpha() else f"s{plain}"
    if skeleton(plain) in {skeleton(one) for one in RESERVED}:
        plain = f"{plain[:21]}-server"  # one of devagent's own has that name, or looks like it
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def _shown(name: str, found: Found) -> Iterator[str]:
    yield f"[extensions.{name}]"
    for note in found.notes:
        yield f"# {one_line(note, 300)}"
    for key, value in found.table.items():
        yield f"{key} = {toml(value)}"
    yield ""


def _settle(name: str, found: Found, *, keyring: bool) -> None:
    """Put the secrets into the keyring where that was asked for; else say that they stay where they were."""
    if not found.secrets:
        return
    if not keyring:
        named = ", ".join(found.secrets)
        click.echo(
            f"{name}: {named} still stand in the file that was imported; take them out there once they are set.",
            err=True,
        )
        return
    store = KeyringSecrets()
    for key, value in found.secrets.items():
        store.keep(key, value)
        click.echo(
            f"{name}: {key} is in the keyring now; take it out of the imported file.", err=True
        )


def _fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    del path
    return ConfigError(what, hint=hint)
