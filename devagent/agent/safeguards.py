"""What stands around a granted call: the workspace is kept before it, devagent's own files are looked at after."""

from msgspec import Struct

from devagent.agent.own_files import OwnFiles
from devagent.core.events.calls import SnapshotFailed, ToolFinished
from devagent.core.ports import Snapshots


class Safeguards(Struct, frozen=True):
    """The safeguards of one session."""

    own_files: OwnFiles
    snapshots: Snapshots | None = None


def not_kept(failed: SnapshotFailed) -> ToolFinished:
    """The end of a granted call that did not run, because what it may destroy could not be kept."""
    text = (
        f"Not run: no snapshot of the workspace could be taken, so nothing of it could be undone. {failed.reason}"
        " Say so to the person; `undo` in their config.toml decides about this."
    )
    return ToolFinished(
        turn=failed.turn, call=failed.call, outcome="failed", err="no_snapshot", text=text
    )
