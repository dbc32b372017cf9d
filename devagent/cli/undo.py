"""``devagent undo``: put a workspace back as it was before a call of the agent."""

import os
import platform
from datetime import datetime

import click

from devagent import __version__
from devagent.audit.device import Device
from devagent.audit.writer import SessionLog
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.redacting import redactor_for
from devagent.cli.workspace import workspace
from devagent.core.errors import Stop
from devagent.core.events.people import UndoDone
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.core.text import one_line
from devagent.session.keeping import sealed_for
from devagent.settings.identity import principal
from devagent.settings.places import places
from devagent.undo.names import told
from devagent.undo.places import root_of
from devagent.undo.restore import Undone, entries, event_of, preview
from devagent.undo.restore import undo as go_back
from devagent.undo.store import Entry

MOST_SHOWN = 50
LIMITS = (
    "Content comes back byte for byte, and whether a file is executable. In no snapshot: ignored files that no call named "
    "as written, empty folders, times, owners, other changes of modes, and files over 64 MB or unreadable (named above where there are any)."
)


@click.command()
@click.argument("snapshot", default="", metavar="[ID]")
@click.option("--list", "show_list", is_flag=True, help="Only list the snapshots, newest first.")
@click.option("--preview", "only_preview", is_flag=True, help="Only say what would change.")
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="The workspace.")
def undo(snapshot: str, show_list: bool, only_preview: bool, folder: str) -> int:
    """Put files, branches and stashes back as they were before the agent's last call that changed something,
    or before the one that ID names. What is there now is kept as a snapshot first, so the same command again
    takes the undo back. What no snapshot has (most ignored files, empty folders, times, files over 64 MB) stays as it is:
    see --preview."""
    root = root_of(os.path.realpath(workspace(folder)))
    data = places().data
    if show_list:
        click.echo("\n".join(listed(entries(data, root))) or "no snapshots of this workspace")
        return 0
    if only_preview:
        click.echo("\n".join(previewed(preview(data, root, snapshot))))
        return 0
    event, session = undo_on_record(root.folder, snapshot)
    click.echo("\n".join(said(event.files, event.snapshot, event.repository, event.left)))
    click.echo(f"on record in session {session}; `devagent undo {event.kept}` takes it back")
    return 1 if event.left else 0


def undo_on_record(folder: str, wanted: str = "") -> tuple[UndoDone, str]:
    """Go back to a snapshot outside of any conversation, as a session of its own in the log.

    The event, and the session's id. Raises SnapshotError, PolicyError, LogError.
    """
    here, who = places(), principal()
    folder = os.path.realpath(folder)
    device = Device(here.data)
    policy = policy_in_force()
    log = SessionLog.create(
        here.sessions,
        device=device,
        redact=redactor_for(policy.compiled.files),
        sealing=sealed_for(policy, here, os.environ),
    )
    try:
        count, previous = device.begin(here.sessions, log.sid)
        versions = {"devagent": __version__, "python": platform.python_version(), "log": "1"}
        started = SessionStarted(
            principal=who,
            agent=who.agent,
            mode="undo",
            model="",
            versions=versions,
            policy=policy.compiled.digest,
            folder=folder,
            count=count,
            previous=previous,
        )
        log.write(started)
        stop: Stop = "failed"
        try:
            event = event_of(go_back(here.data, root_of(folder), wanted, session=log.sid), who)
            log.write(event)
            stop = "done"
        finally:
            log.write(SessionEnded(stop=stop, exit_code=0 if stop == "done" else 1))
    finally:
        log.close()
    return event, log.sid


def listed(found: list[Entry]) -> list[str]:
    """A line a snapshot."""
    return [
        f"{one.id}  {datetime.fromtimestamp(one.time):%Y-%m-%d %H:%M:%S}  before {'an undo' if one.undo else one.tool or 'a call'}"
        f"  {one.files} changed{f'  session {one.session}' if one.session else ''}"
        f"{f'  without {_few(one.left_out)}' if one.left_out else ''}"
        for one in found
    ]


def previewed(would: Undone) -> list[str]:
    """What an undo would do, a line a file."""
    lines = [f"back to {would.entry.id}, before {would.entry.tool or 'a call'}:"]
    lines += [f"  {one.what:12} {one_line(told(one.path))}" for one in would.changes[:MOST_SHOWN]]
    if len(would.changes) > MOST_SHOWN:
        lines.append(f"  and {len(would.changes) - MOST_SHOWN} more files")
    lines += [f"  repository   {one_line(told(one))}" for one in would.repository]
    if would.entry.left_out:
        lines.append(f"  not in it    {_few(would.entry.left_out)}")
    return [*lines, LIMITS]


def said(
    files: int, snapshot: str, repository: tuple[str, ...], left: tuple[str, ...]
) -> list[str]:
    """What an undo did."""
    lines = [f"{files} file{'' if files == 1 else 's'} as in snapshot {snapshot}"]
    lines += [f"  repository: {one_line(one)}" for one in repository]
    return [*lines, *(f"  left alone: {one_line(one)}" for one in left)]


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return one_line(", ".join(names[:5])) + more
