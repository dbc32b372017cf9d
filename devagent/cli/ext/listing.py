"""``devagent ext list``: the extensions, and their state."""

from collections.abc import Mapping
from typing import Any

import click

from devagent.cli.ext.shared import configured_server, tools_lock
from devagent.cli.governed import config_here
from devagent.core.errors import ConfigError
from devagent.core.text import one_line
from devagent.host.extension import is_server
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.host.mcp.extension import McpExtension


@click.command()
@click.option(
    "--digests",
    is_flag=True,
    help="With the digests that a policy's [extensions.digests] may name.",
)
def list_extensions(digests: bool) -> None:
    """Each extension: its kind, its state, how many tools it offers."""
    tables = config_here().extensions
    for name, module in FIRST_PARTY.items():
        manifest = read_manifest(package_folder(module))
        missing = [need for need in manifest.needs if not tables.get(name, {}).get(need)]
        state = f"needs {', '.join(missing)}" if missing else "ready"
        _row(name, "own", state if _on(tables.get(name, {})) else "off", len(manifest.tools))
        if digests:
            click.echo(f"  {manifest.reference.digest}")
    servers = {name: table for name, table in tables.items() if is_server(table)}
    for name, table in servers.items():
        _row(name, str(table.get("type", "?")), *_state(name, table))
        if digests and (digest := _digest(name)):
            click.echo(f"  {digest}")
    for name, pinned in tools_lock().servers().items():
        if name not in servers:
            _row(
                name,
                "http" if pinned.url else "stdio",
                "let in, but not in the config",
                len(pinned.tools),
            )


def _state(name: str, table: Mapping[str, Any]) -> tuple[str, int]:
    if not _on(table):
        return "off", 0
    try:
        extension = configured_server(name)
    except ConfigError as error:
        return f"not usable: {error.what}", 0
    pinned = extension.pinned
    if extension.pinned_by_org:
        return _of_the_org(extension)
    if pinned is None:
        return f"never let in; `devagent ext approve {name}`", 0
    if extension.state == "other":
        return f"another server than was let in; `devagent ext approve {name}`", 0
    state = f"let in on {pinned.on} ({pinned.how})"
    if pinned.pending:
        waiting = ", ".join(sorted(pinned.pending))
        state += f"; changed: {waiting}; `devagent ext approve {name}`"
    return state, len(extension.tools)


def _of_the_org(extension: McpExtension) -> tuple[str, int]:
    pinned = extension.pinned
    if pinned is None:
        return "brought by your organisation, which does not pin its tools", 0
    if extension.state == "other":
        return "not the server that your organisation pins", 0
    changed = f"; withheld, because it changed: {', '.join(sorted(pinned.pending))}" if pinned.pending else ""  # fmt: skip
    return f"pinned by your organisation{changed}", len(extension.tools)


def _digest(name: str) -> str:
    try:
        return configured_server(name).reference.digest
    except ConfigError:
        return ""  # the row says what is wrong with it


def _on(table: Mapping[str, Any]) -> bool:
    return table.get("enabled", True) is True


def _row(name: str, kind: str, state: str, tools: int) -> None:
    click.echo(f"{name:16} {kind:6} {tools:3} tools  {one_line(state, 400)}")
