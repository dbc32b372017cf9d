"""``devagent ext inspect``: what is on record of a server's tools."""

import click

from devagent.cli.ext.definition_text import changes, tool_lines
from devagent.cli.ext.shared import configured_server
from devagent.core.codec import canonical
from devagent.core.errors import UsageError
from devagent.host.mcp.extension import shown_command


@click.command()
@click.argument("name")
@click.option("--schemas", is_flag=True, help="The whole schemas, too.")
def inspect(name: str, schemas: bool) -> None:
    """The recorded tools of the server NAME, and what has changed since. Nothing is started."""
    extension = configured_server(name)
    pinned = extension.pinned
    if pinned is None:
        raise UsageError(
            f"the server {name!r} was never let in", hint=f"Run `devagent ext approve {name}`."
        )
    kind = "url    " if extension.settings.kind == "http" else "command"
    click.echo(f"{kind}    {shown_command(extension.settings)}")
    click.echo(f"let in     {pinned.on}, {pinned.how}; it calls itself {pinned.calls_itself}")
    click.echo(f"digest     {pinned.definition}")
    if extension.state == "other":
        click.echo("It is another server now: nothing below is offered until it is approved.")
    for tool in pinned.tools:
        mark = "WITHHELD" if tool.name in pinned.pending else ""
        for line in tool_lines(tool, extension.class_of(tool.name), pinned.tools, mark):
            click.echo(line)
        if schemas:
            click.echo(f"    schema     {canonical(tool.input_schema).decode()}")
        now = pinned.pending.get(tool.name)
        if now is not None:
            for line in changes(tool, now):
                click.echo(f"      {line}")
    for waiting in sorted(set(pinned.pending) - {tool.name for tool in pinned.tools}):
        click.echo(f"  {waiting}  NEW, not offered")
    for left in pinned.left_out:
        click.echo(f"  left out: {left.name!r}: {left.why}")
