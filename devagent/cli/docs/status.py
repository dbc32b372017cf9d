"""``devagent docs status``: the collections, and what is stale."""

import click

from devagent.cli.docs.shared import commands, failures, surroundings
from devagent.core.text import one_line


@click.command()
def status() -> None:
    """Each collection: version, size, when it was indexed, and how many documents changed since."""
    with failures():
        found = commands().status(surroundings())
    for one in found:
        name = one.collection.name
        if one.fault:
            click.echo(f"{name}: {one_line(one.fault, 300)}")
        elif one.current is None:
            click.echo(f"{name}: not indexed; run `devagent docs index {name}`")
        else:
            now = one.current
            stale = (
                f"{one.stale} changed since; run `devagent docs index {name}`"
                if one.stale
                else "up to date"
            )
            skipped = f", {len(now.skipped)} not read" if now.skipped else ""
            click.echo(
                f"{name}@{one_line(now.version, 80)}: {now.documents} documents{skipped}, {now.chunks} chunks, "
                f"indexed {now.indexed_at}, {stale}"
            )
