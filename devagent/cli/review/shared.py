"""What the review commands share: the rules, the queue, and how a mark comes about."""

import os
import platform
import time
from collections.abc import Sequence

import click

from devagent import __version__
from devagent.audit.device import Device
from devagent.audit.flags import FLAGS, Flag, FlagRules, Spotted
from devagent.audit.layout import is_no_conversation, started_at
from devagent.audit.marks import Queue, Queued, Reviewer, queue
from devagent.audit.record import to_base64
from devagent.audit.verification import Verification
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.redacting import redactor_for
from devagent.core.errors import UsageError
from devagent.core.events.people import Mark, ReviewMarked
from devagent.core.text import one_line
from devagent.session.keeping import sealed_for
from devagent.settings.config import load_config
from devagent.settings.identity import principal
from devagent.settings.places import places

flag_option = click.option(
    "--flag",
    "flags",
    multiple=True,
    type=click.Choice(list(FLAGS)),
    help="Only sessions with this flag. May be repeated: any of them.",
)
escalated_option = click.option(
    "--escalated", is_flag=True, help="Those that were escalated, in the place of those that wait."
)


def rules() -> FlagRules:
    """What is flagged, by the configuration. Raises ConfigError."""
    standard = FlagRules()
    given = load_config(places().config).review
    return FlagRules(
        break_glass=tuple(given.get("break_glass", standard.break_glass)),
        production=tuple(given.get("production", standard.production)),
    )


def waiting(flags: Sequence[str], *, escalated: bool = False, every: bool = False) -> Queue:
    """The queue: those that wait for a reviewer, those that were escalated, or all that are flagged."""
    found = queue(places().sessions, rules())
    return Queue(
        [
            one
            for one in found.sessions
            if (every or (one.state == "escalated" if escalated else one.waits))
            and (not flags or not one.flags.keys().isdisjoint(flags))
        ],
        found.notes,
    )


def reviewer() -> Reviewer:
    """Who marks, with what their notes are redacted by. Raises PolicyError."""
    here = places()
    in_force = policy_in_force()
    policy = in_force.compiled
    return Reviewer(
        sessions=here.sessions,
        who=principal(),
        versions={"devagent": __version__, "python": platform.python_version(), "log": "1"},
        device=Device(here.data),
        policy=policy.digest,
        redact=redactor_for(policy.files),
        sealing=sealed_for(in_force, here, os.environ),
    )


def marked(
    found: Verification, flags: Sequence[str], mark: Mark, *, note: str = "", to: str = ""
) -> ReviewMarked:
    """The mark for what was verified. Raises UsageError where it says too little."""
    if mark == "noted" and not note.strip():
        raise UsageError("A note needs words.", hint="Give them with --note.")
    if mark == "escalated" and not (note.strip() and to.strip()):
        raise UsageError(
            "An escalation needs somebody and a reason.", hint="Give --to WHO and --note WHY."
        )
    if is_no_conversation(found.folder):
        raise UsageError(f"Session {found.sid} holds a reviewer's marks itself.")
    return ReviewMarked(
        reviewed=found.sid,
        size=found.tail.tree.size,
        root=to_base64(found.tail.tree.root()),
        mark=mark,
        verified="ok" if found.ok else "failed",
        flags=tuple(flags),
        to=to.strip(),
        note=note.strip(),
    )


def counted(flags: dict[Flag, Spotted]) -> str:
    """The flags, each with how often."""
    return ", ".join(
        flag if spotted.count == 1 else f"{flag} ×{spotted.count:,}"
        for flag, spotted in flags.items()
    )


def when(microseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(microseconds / 1_000_000))


def line_of(one: Queued, prompt: str) -> str:
    """A queued session in a line."""
    begun = when(started_at(one.sid) * 1000)
    return one_line(f"{one.sid}  {begun}  {one.state:<9}  {counted(one.flags)}  {prompt}", 200)


def tell(notes: Sequence[str]) -> None:
    """Say on stderr what is to be known of the index."""
    for note in notes:
        click.echo(f"devagent: {one_line(note, 400)}", err=True)
