"""``devagent org leave``: an enrolment of one's own ends."""

import os

import click

from devagent.cli.org.shared import enrolment
from devagent.core.errors import ConfigError
from devagent.settings.places import enrolments


@click.command()
def leave() -> None:
    """End an enrolment that you made yourself. One of the whole machine only its administrator ends."""
    file = enrolment()
    if file == enrolments()[0] and os.geteuid() != 0:
        raise ConfigError("whoever manages this machine enrolled it", file=file, hint="Ask them.")
    try:
        os.unlink(file)
    except OSError as e:
        raise ConfigError(f"cannot be removed ({e.strerror})", file=file) from e
    click.echo(f"removed {file}; what was fetched and the record stay")
