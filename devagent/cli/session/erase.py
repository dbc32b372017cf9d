"""``devagent session erase``: content is gone, the record stays whole and says who did it and why."""

import os
import re
import sys

import click

from devagent.audit.device import Device
from devagent.audit.erasure import Range
from devagent.audit.erasure import erase as erase_content
from devagent.audit.layout import find_session
from devagent.audit.search import forget_what_is_gone
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.redacting import redactor_for
from devagent.core.errors import LogError, UsageError
from devagent.core.text import one_line
from devagent.policy.bounds import keeping
from devagent.settings.identity import principal
from devagent.settings.places import places

reason_option = click.option(
    "--reason", required=True, metavar="TEXT", help="Why; it is put on record."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")


@click.command()
@click.argument("name", metavar="[ID|last]")
@reason_option
@click.option(
    "--events",
    default="",
    metavar="FIRST-LAST",
    help="Only the content of these events (`session show --numbers`); of all without it.",
)
@yes_option
def erase(name: str, reason: str, events: str, yes: bool) -> None:
    """Erase what was said and done in a session: prompts, arguments, replies, results.

    The headers stay (who, when, which tool, which resources, which rules), with the event that says who erased
    the content and why, and the log still verifies. What was exported from it before is out of reach.
    """
    here = places()
    folder = find_session(here.sessions, name)
    policy = policy_in_force()
    if keeper := keeping(policy.compiled.files).hold:
        raise LogError(
            f"Nothing may be erased: {keeper} holds all sessions ([log] hold).",
            hint="Ask whoever keeps that policy.",
        )
    meant = reason_of(reason)
    sid = os.path.basename(folder)
    wanted = _range(events)
    what = f"events {wanted[0]} to {wanted[1]}" if wanted else "all events"
    confirm(f"Erase the content of {what} of session {sid}? It cannot be had back.", yes)
    done = erase_content(
        folder,
        wanted,
        who=principal(),
        reason=meant,
        device=Device(here.data),
        redact=redactor_for(policy.compiled.files),
    )
    forget_what_is_gone(here.sessions)
    if not done.bodies:
        click.echo(f"{sid}: there is no content left in {what}.")
        return
    click.echo(f"{sid}: erased the content of {_count(done.bodies)}, as event {done.event} says.")


def reason_of(text: str) -> str:
    """A reason as it may be put on record: a line. Raises UsageError for an empty one."""
    line = one_line(text, 500)
    if not line:
        raise UsageError("A reason must say something.", hint="Give one with --reason.")
    return line


def confirm(question: str, yes: bool) -> None:
    """Go on only where it is meant. Raises UsageError where nobody can be asked."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("Nobody can be asked here whether it is meant.", hint="Say so with --yes.")
    if not click.confirm(question):
        raise click.exceptions.Exit(1)


def _count(events: int) -> str:
    return "one event" if events == 1 else f"{events} events"


def _range(text: str) -> Range | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
    if not found:
        raise UsageError(f"--events: {one_line(text)} is no range.", hint="Write it as 3-7, or 3.")
    first = int(found[1])
    return first, int(found[2] or first)
