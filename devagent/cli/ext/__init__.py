"""``devagent ext``: extensions, ours and third parties' MCP servers."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "list": Entry(
        "devagent.cli.ext.listing", "list_extensions", "The extensions, and their state."
    ),
    "add": Entry(
        "devagent.cli.ext.add", "add", "Look at an MCP server, let it in, print its config."
    ),
    "import": Entry(
        "devagent.cli.ext.import_",
        "import_servers",
        "Servers from other programs' files, as lines for the config.",
    ),
    "approve": Entry(
        "devagent.cli.ext.approve",
        "approve",
        "Look at a configured server as it is now, let it in.",
    ),
    "inspect": Entry(
        "devagent.cli.ext.inspect", "inspect", "What is on record of a server's tools."
    ),
    "remove": Entry("devagent.cli.ext.remove", "remove", "Forget a server that was let in."),
    "route": Entry(
        "devagent.cli.ext.route", "route", "Which tools a question finds, and by which words."
    ),
    "login": Entry("devagent.cli.ext.login", "login", "Sign in to a server behind HTTP."),
    "logout": Entry("devagent.cli.ext.login", "logout", "Forget the tokens of a sign-in."),
    "conformance": Entry("devagent.cli.ext.conformance", "conformance", ""),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def ext() -> None:
    """See which extensions there are, and decide which MCP servers are let in."""
