"""``devagent org sync``: what is new of the organisation's policy."""

from contextlib import closing

import click

from devagent.cli.org.shared import client, in_words
from devagent.core.errors import ConfigError
from devagent.org.sources import source_for
from devagent.session.enrolled import synced_event
from devagent.settings.places import places


@click.command()
@click.option("--quiet", is_flag=True, help="Say nothing where it went well.")
def sync(*, quiet: bool) -> int:
    """Fetch the organisation's newest policy, check it, and bring it into force.

    What is refused changes nothing; it is told, and on record. Sessions do this in the background.
    """
    here = places()
    found = client(here)
    with closing(source_for(found.pin.url)) as source:
        done = found.sync(source)
    if done.code == "busy":
        raise ConfigError(done.reason)
    if done.outcome != "unchanged":
        from devagent.cli.org.recording import record  # noqa: PLC0415  (the record's libraries: nothing new writes none)

        record(here, found, done)
    line = in_words(synced_event(found.pin, done))
    if done.outcome == "refused":
        click.echo(f"devagent: {line}", err=True)
        click.echo(f"  {done.hint}", err=True)
        return 78
    documents = _indexed() if done.outcome == "updated" else []
    if not quiet:
        click.echo(line)
        for one in documents:
            click.echo(f"  {one}")
        if done.unkept:
            click.echo(
                f"  Which versions were seen is remembered in this machine's files alone: {done.unkept}",
                err=True,
            )
    return 0


def _indexed() -> list[str]:
    from devagent.cli.org.documents import indexed  # noqa: PLC0415  (30 ms, where documentation may have come)

    return list(indexed())
