"""``devagent org status``: which policy is in force here, by whose word, and until when."""

import time

import click

from devagent.cli.formats import formats
from devagent.cli.org.shared import enrolment, term
from devagent.core.codec import canonical, to_plain
from devagent.core.text import visible
from devagent.org.in_force import InForce
from devagent.org.times import days
from devagent.session.enrolled import enrolled, in_force_event
from devagent.settings.identity import principal
from devagent.settings.places import places


@click.command()
@formats("text", "json")
def status(output_format: str) -> int:
    """Say which policy is in force, and how long it holds without the server. Exit code 78 where this machine is locked."""
    file = enrolment()
    found = enrolled(places(), principal())
    locked = found is None or found.in_force is None
    reason = found.refused if found else ""
    if output_format == "json":
        event = to_plain(in_force_event(found.in_force)) if found and found.in_force else None
        click.echo(canonical({"version": 1, "file": file, "locked": reason, "in_force": event}))
    elif found is not None and found.in_force is not None:
        for line in _told(file, found.in_force):
            click.echo(visible(line))
    else:
        click.echo(f"LOCKED, reading only: {visible(reason)}")
        click.echo(f"enrolled in {file}; `devagent org sync` asks the server again")
    return 78 if locked else 0


def _told(file: str, found: InForce) -> list[str]:
    now, stands, pin = time.time(), found.standing, found.pin
    trusted = found.chosen.trusted
    back = (
        f", the content of {found.manifest.rollback_of} again" if found.manifest.rollback_of else ""
    )
    state = (
        "fresh"
        if not stands.why
        else f"STALE: {stands.why}; reading goes on, the rest is asked about"
    )
    lines = [
        f"{pin.org} {found.manifest.revision}{back}: {pin.environment}, ring {found.chosen.ring.name}, {state}",
        f"  bundle {found.digest}",
        f"  written by {found.manifest.author}, approved by {', '.join(found.approved.by)}",
        f"  signed {days(stands.age_s)} ago; fresh until {term(stands.fresh_until, now)}, usable until {term(stands.usable_until, now)}",
        "  " + ", ".join(f"{role} {version}" for role, version in trusted.versions().items()),
        f"  enrolled in {file}, from {pin.url}",
    ]
    if found.chosen.shadow is not None:
        lines.append(f"  judged beside it, not enforced: {found.chosen.shadow.sha256}")
    return lines
