"""``devagent policy approvals export|check|key``: approvals in a signed file, for where nobody can be asked.

What is signed was approved by a person: earlier and kept on file, or now, call by call, at a terminal.
"""

import os
import sys
from collections.abc import Iterator
from datetime import date, timedelta

import click
from msgspec.structs import replace

from devagent.audit.approval_file import Approvals, PrivateKey, SignedFile, read, write
from devagent.audit.device import Device
from devagent.audit.layout import find_session
from devagent.audit.reader import read_events
from devagent.cli.formats import formats
from devagent.cli.policy.shared import policy_in_force
from devagent.core.approvals import ApprovalBounds, StandingApproval, shown, standing_approval
from devagent.core.codec import canonical, sha256, to_plain
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.session import SessionStarted
from devagent.core.text import one_line, visible
from devagent.policy.bounds import approval_bounds, approval_keys
from devagent.settings.approvals import ApprovalsOnFile
from devagent.settings.day import today
from devagent.settings.identity import principal
from devagent.settings.places import places

DAYS = 7
"""How long a file holds where nobody says otherwise."""


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "-o", "--output", "--out", "out", required=True, metavar="FILE", help="Write it here."
)
@click.option(
    "--from-session",
    "session",
    default="",
    metavar="ID",
    help="Go through what was asked about in this session (`last`, a dry run), at a terminal.",
)
@click.option("--days", type=click.IntRange(1), metavar="N", help=f"It holds so long; {DAYS} unless policy says less.")  # fmt: skip
@click.option("--for", "user", default="", metavar="USER", help="Who may rely on it; with --key.")
@click.option("--key", "key_file", default="", metavar="FILE", help="Sign with this Ed25519 key (PEM), not this computer's.")  # fmt: skip
@click.option("--name", default="", metavar="NAME", help="What that key signs as; with --key.")
def export(
    ids: tuple[str, ...],
    out: str,
    session: str,
    days: int | None,
    user: str,
    key_file: str,
    name: str,
) -> None:
    """Put approvals into a signed file, for `devagent run --approvals FILE`.

    Those on file (all, or the IDs), or with --from-session what you approve now, call by call. The file is
    bound to who may rely on it, the tools' definitions, the rules that ask, and the resources or arguments.
    """
    if bool(key_file) != bool(name):
        raise UsageError("--key and --name go together", hint="Give both, or neither.")
    if user and not key_file:
        raise UsageError(
            "what this computer signs holds for you alone, so --for needs --key",
            hint="The key must be one that the organisation's policy names.",
        )
    bounds = approval_bounds(policy_in_force().compiled.files)
    life = min(days or DAYS, bounds.days)
    given = list(_asked(session, bounds) if session else _chosen(ids))
    if not given:
        raise UsageError("there is nothing to sign", hint="Nothing was approved.")
    day = today()
    content = Approvals(
        issued=day,
        expires=(date.fromisoformat(day) + timedelta(days=life)).isoformat(),
        approvals=tuple(replace(one, user=user) if user else one for one in given),
    )
    signer = PrivateKey(key_file, name) if key_file else Device(places().data)
    _write(out, write(content, signer))
    many = "1 approval" if len(given) == 1 else f"{len(given)} approvals"
    click.echo(f"{many} in {visible(out)}, until {content.expires}.")


@click.command()
@click.argument("file")
@formats("text", "json")
def check(file: str, output_format: str) -> None:
    """Whether a signed file would be taken here, and what is in it."""
    signed = read_here(file)
    content, event = signed.content, signed.event
    if output_format == "json":
        click.echo(canonical({**to_plain(event), "approvals": to_plain(content.approvals)}))
        return
    click.echo(f"signed by {event.key}, from {content.issued} until {event.expires}")
    for one in content.approvals:
        touched = ", ".join(r.id for r in one.resources) or "exactly the approved arguments"
        click.echo(one_line(f"{one.id}  {one.tool}  {touched}  for user:{one.user}, by {one.by}"))


@click.command()
@click.option("--key", "key_file", default="", metavar="FILE", help="Of this Ed25519 key (PEM).")
@click.option("--name", default="", metavar="NAME", help="What that key signs as; with --key.")
def key(key_file: str, name: str) -> None:
    """The verifier key for `[modes.approvals] keys` in the organisation's policy."""
    if bool(key_file) != bool(name):
        raise UsageError("--key and --name go together", hint="Give both, or neither.")
    click.echo(PrivateKey(key_file, name).vkey if key_file else Device(places().data).vkey)


def read_here(file: str) -> SignedFile:
    """The file as a session here would take it. Raises ConfigError."""
    keys = approval_keys(policy_in_force().compiled.files)
    return read(file, device=Device(places().data), user=principal().user, keys=keys, today=today())


def _chosen(ids: tuple[str, ...]) -> Iterator[StandingApproval]:
    kept = {one.id: one for one in ApprovalsOnFile.load(places().approvals).standing()}
    for id in ids:
        if id not in kept:
            raise UsageError(
                f"there is no approval {id!r}",
                hint="`devagent policy approvals list` shows them.",
            )
    for id in ids or kept:
        yield kept[id]


def _asked(session: str, bounds: ApprovalBounds) -> Iterator[StandingApproval]:
    """What the person at the terminal says yes to, of what was asked about in the session."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "approvals are given by a person at a terminal", hint="Export those on file instead."
        )
    if bounds.scope in ("once", "session"):
        raise ConfigError(f"policy lets no approval reach beyond its {bounds.scope}")
    folder, seen = "", set[str]()
    for event in read_events(find_session(places().sessions, session)):
        if isinstance(event, SessionStarted):
            folder = event.folder
        if not isinstance(event, ToolJudged) or event.decision.effect != "ask":
            continue
        text = shown(event)
        if (
            event.decision.sticky
            or event.decision.obligations.get("require_reason")
            or text in seen
        ):
            continue  # asked about each time, or asked about above
        seen.add(text)
        click.echo(visible(text))
        if click.confirm("Approve this wherever the file is used?", default=False):
            yield standing_approval(
                event,
                by=f"user:{principal().user}",
                scope="always" if bounds.scope == "always" else "project",
                given=today(),
                days=bounds.days,
                folder=folder,
                shown=sha256(text.encode()),
            )


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise DevagentError(f"{path} cannot be written: {e.strerror}") from e
