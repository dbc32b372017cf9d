"""``devagent mcp``: devagent's extensions for any MCP client."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "serve": Entry(
        "devagent.cli.mcp.serve", "serve", "Serve the extensions, behind policy and on record."
    ),
    "token": Entry("devagent.cli.mcp.token", "token", "Let clients in over HTTP, by a token each."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def mcp() -> None:
    """Give any MCP client devagent's extensions, through devagent's policy and log."""
