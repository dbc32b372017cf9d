"""``devagent ext list``: the extensions, and their state."""

from collections.abc import Iterator, Mapping
from typing import Any

import click
from msgspec import Struct

from devagent.cli.ext.shared import configured_server, tools_lock
from devagent.cli.formats import formats
from devagent.cli.governed import config_here
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import ConfigError
from devagent.core.text import one_line
from devagent.host.extension import is_server
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.host.mcp.extension import McpExtension


class Listed(Struct, frozen=True, kw_only=True):
    """One extension: its state is told in words, ``tools`` is how many it offers."""

    name: str
    kind: str
    state: str
    tools: int
    digest: str = ""


@click.command()
@click.option(
    "--digests",
    is_flag=True,
    help="With the digests that a policy's [extensions.digests] may name.",
)
@formats("text", "json")
def list_extensions(digests: bool, output_format: str) -> None:
    """Each extension: its kind, its state, how many tools it offers.

    With --format json: one object a line, always with the digest where there is one.
    """
    for one in _listed():
        if output_format == "json":
            click.echo(canonical(to_plain(one)))
            continue
        state = one_line(one.state, 400)
        click.echo(f"{one.name:16} {one.kind:6} {one.tools:3} tools  {state}")
        if digests and one.digest:
            click.echo(f"  {one.digest}")


def _listed() -> Iterator[Listed]:
    tables = config_here().extensions
    for name, module in FIRST_PARTY.items():
        manifest = read_manifest(package_folder(module))
        missing = [need for need in manifest.needs if not tables.get(name, {}).get(need)]
        state = f"needs {', '.join(missing)}" if missing else "ready"
        yield Listed(
            name=name,
            kind="own",
            state=state if _on(tables.get(name, {})) else "off",
            tools=len(manifest.tools),
            digest=manifest.reference.digest,
        )
    servers = {name: table for name, table in tables.items() if is_server(table)}
    for name, table in servers.items():
        state, tools = _state(name, table)
        kind = str(table.get("type", "?"))
        yield Listed(name=name, kind=kind, state=state, tools=tools, digest=_digest(name))
    for name, pinned in tools_lock().servers().items():
        if name not in servers:
            yield Listed(
                name=name,
                kind="http" if pinned.url else "stdio",
                state="let in, but not in the config",
                tools=len(pinned.tools),
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
