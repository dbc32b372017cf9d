"""``devagent bundle verify``: a published tree, looked at as a machine looks at it."""

import os
import tempfile
import time
from contextlib import closing

import click

from devagent import __version__
from devagent.cli.bundle.shared import Workplace, in_folder
from devagent.core.errors import DevagentError
from devagent.org.client import Client
from devagent.org.in_force import Machine
from devagent.org.pin import Pin
from devagent.org.sources import source_for
from devagent.org.times import told


@click.command()
@in_folder
@click.option("--url", default="", metavar="URL", help="The server [the tree in published/].")
@click.option(
    "--environment",
    metavar="NAME",
    default="",
    help="One of the environments [all that have a bundle].",
)
def verify(folder: str, url: str, environment: str) -> None:
    """Fetch the published tree from nothing, check every signature, and say what a machine would get and until when."""
    workplace = Workplace(folder)
    where = url or os.path.dirname(workplace.repository.metadata)
    names = [environment] if environment else list(workplace.repository.environments())
    failed = 0
    for name in names:
        pin = Pin(
            schema=1,
            org=workplace.settings.org,
            url=where,
            root_sha256=workplace.root_sha256(),
            environment=name,
        )
        with tempfile.TemporaryDirectory(prefix="devagent-verify-") as place:
            client = Client(
                pin,
                cache=place,
                data=place,
                read=_read,
                machine=Machine("", frozenset(), __version__),
                clock=time.time,
            )
            with closing(source_for(where)) as source:
                done = client.sync(source)
        if done.in_force is None:
            never = done.code == "missing" and not environment
            failed += not never
            click.echo(
                f"{name}: {'nothing is promoted there yet' if never else f'{done.code}: {done.reason}'}"
            )
            continue
        stands = done.in_force.standing
        click.echo(
            f"{name}: revision {done.after} {done.in_force.digest[:12]}, approved by {', '.join(done.in_force.approved.by)}; "
            f"fresh until {told(stands.fresh_until)}, usable until {told(stands.usable_until)}"
        )
    if failed:
        raise DevagentError("a machine would refuse this")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
