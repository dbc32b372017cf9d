"""``devagent bundle publish``: what is signed goes out, with a new snapshot and timestamp."""

import click

from devagent.cli.bundle.shared import Workplace, in_folder, told_pending
from devagent.org import publishing


@click.command()
@in_folder
def publish(folder: str) -> None:
    """Bring out what enough people have signed, and renew the timestamp; CI does this, at least once a day.

    Signs with the keys of snapshot and timestamp, which are CI's.
    """
    workplace = Workplace(folder)
    done = publishing.publish(workplace.repository, workplace.online())
    timestamp = workplace.repository.current("timestamp").signed
    what = ", ".join(done) or "nothing new"
    click.echo(
        f"published {what}; timestamp {timestamp.version}, until {timestamp.expires:%Y-%m-%dT%H:%M:%SZ}"
    )
    told_pending(workplace, lambda line: click.echo(line, err=True))
