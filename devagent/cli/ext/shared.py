"""What the ``ext`` commands share: the config and the lock, showing a server, letting it in."""

import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import click

from devagent.cli.asynchronous import run_until_done
from devagent.cli.ext.definition_text import changes, tool_lines
from devagent.cli.governed import config_here, enrolled_here
from devagent.core.errors import ConfigError, UsageError
from devagent.core.ports import ToolFailure
from devagent.host.extension import Fault, is_server
from devagent.host.mcp.config import check_names, parse_server
from devagent.host.mcp.extension import McpExtension, shown_command
from devagent.host.mcp.lock import PinnedServer, ToolsLock
from devagent.host.org_pins import OrgPins
from devagent.settings.day import today
from devagent.settings.keyring_secrets import KeyringSecrets
from devagent.settings.places import places
from devagent.settings.policies import is_enrolled
from devagent.settings.trusted_file import read_trusted

_FIRST = {"stdio": "Start it to see its tools?", "http": "Connect to it to see its tools?"}


def tools_lock() -> ToolsLock:
    """The person's lock."""
    return ToolsLock(places().data, partial(read_trusted, error=ConfigError))


def server_of(name: str, table: Mapping[str, Any], fault: Fault) -> McpExtension:
    """The server that a table of the config describes. Raises ConfigError."""
    check_names([name], fault)
    settings = parse_server(name, table, fault)
    return McpExtension(
        settings,
        tools_lock(),
        folder=os.getcwd(),
        governed=is_enrolled(),
        secrets=KeyringSecrets(),
        org=_org_pins(),
    )


def _org_pins() -> OrgPins | None:
    """What the organisation pins, where one governs."""
    if not is_enrolled():
        return None
    from devagent.session.equipped import brought_by, pins_of  # noqa: PLC0415  (only where an organisation governs)

    return pins_of(brought_by(enrolled_here()))


def configured_server(name: str) -> McpExtension:
    """The server of this name in the config. Raises UsageError where there is none."""
    config = config_here()
    table = config.extensions.get(name)
    if table is None or not is_server(table):
        known = [n for n, t in config.extensions.items() if is_server(t)]
        raise UsageError(
            f"there is no MCP server {name!r} in {config.file or places().config}",
            hint=f"There are: {', '.join(known) or 'none'}. `devagent ext add {name} -- COMMAND` or `devagent ext add {name} URL` tells what to write there.",
        )
    return server_of(name, table, config.fault)


def let_in(extension: McpExtension, *, yes: bool) -> bool:
    """Show the server, start it, show its tools, ask, record it; whether it was let in.

    A server that was never seen is not started before its command has been shown and a person has said yes.
    Raises ConfigError where it does not start, UsageError where nobody can be asked.
    """
    if extension.pinned_by_org:
        raise UsageError(
            f"your organisation says what {extension.settings.name} is, and lets it in",
            hint="A new version of it has to be pinned anew: ask whoever keeps the policy.",
        )
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "letting a server in is for a person to decide, and nobody can be asked here",
            hint="Look at what it would start, then repeat this with --yes.",
        )
    known = extension.pinned
    _show_command(extension)
    if extension.state != "pinned" and not _agreed(_FIRST[extension.settings.kind], yes):
        return False
    seen = run_until_done(_look(extension))
    _show_tools(extension, seen, known)
    if not _agreed(f"Let {extension.settings.name} in with these tools?", yes):
        return False
    extension.pin(seen, how="approved", on=today())
    click.echo(
        f"{extension.settings.name} is let in as it is now. Any change will have to be approved."
    )
    return True


def _agreed(question: str, yes: bool) -> bool:
    return yes or click.confirm(question, default=False)


async def _look(extension: McpExtension) -> PinnedServer:
    async with attended(extension) as present:
        try:
            return await present.look()
        except ToolFailure as failure:
            tail = "\n  ".join(getattr(failure, "tail", ())[-20:])
            raise ConfigError(failure.text, hint=tail) from failure


@asynccontextmanager
async def attended(extension: McpExtension) -> AsyncGenerator[McpExtension]:
    """The server with the person at this terminal before a browser, where there is one; closed at the end."""
    async with AsyncExitStack() as stack:
        if extension.settings.kind == "http" and sys.stdin.isatty():
            from devagent.cli.ext.browser import ANSWER_S, TerminalBrowser  # noqa: PLC0415  (imports mcp)

            browser = await stack.enter_async_context(TerminalBrowser(extension.settings.name))
            extension = extension.attended(browser, ANSWER_S + 60)
        stack.push_async_callback(extension.aclose)
        yield extension


def _show_command(extension: McpExtension) -> None:
    settings, program = extension.settings, extension.program
    if program is None:
        click.echo(
            f"The MCP server {settings.name} is on the network; what a call says goes there:\n"
        )
        click.echo(f"  url        {shown_command(settings)}")
        for name, handle in settings.headers.items():
            click.echo(f"  header     {name}: {handle}")
    else:
        click.echo(f"The MCP server {settings.name} is a program that runs with your rights:\n")
        click.echo(f"  command    {shown_command(settings)}")
        click.echo(f"  which is   {program.path}")
        click.echo(f"  sha256     {program.sha256}")
        click.echo(f"  folder     {settings.cwd or 'the one where devagent is opened'}")
        click.echo(f"  variables  {', '.join(settings.variables) or 'none beside the usual ones'}")
    if extension.state == "other":
        click.echo("\n  It is not the server that was let in under this name before.")
    click.echo()


def _show_tools(extension: McpExtension, seen: PinnedServer, known: PinnedServer | None) -> None:
    click.echo(
        f"It calls itself {seen.calls_itself or 'nothing'} and has {len(seen.tools)} tools:\n"
    )
    before = {tool.name: tool for tool in known.tools} if known else {}
    for tool in seen.tools:
        old = before.pop(tool.name, None)
        mark = "" if known is None else "NEW" if old is None else ""
        mark = "CHANGED" if old is not None and old.digest != tool.digest else mark
        for line in tool_lines(tool, extension.class_of(tool.name), seen.tools, mark):
            click.echo(line)
        if old is not None and mark:
            for line in changes(old, tool):
                click.echo(f"      {line}")
    for name in before:
        click.echo(f"  {extension.settings.name}.{name}  GONE")
    for left in seen.left_out:
        click.echo(f"  left out: {left.name!r}: {left.why}")
    unknown = {*extension.settings.classes, *extension.settings.resources} - {
        *(t.name for t in seen.tools), *(left.name for left in seen.left_out),
    }  # fmt: skip
    for name in sorted(unknown):
        click.echo(f"  the config names {name!r}, and the server has no such tool")
    click.echo()
