"""The port of the loop: before each call that may change something, a snapshot, on record."""

import asyncio
import os.path
import time
from collections.abc import Sequence

from devagent.core.events.calls import SnapshotFailed, SnapshotMade


class SnapshotGuard:
    """Takes the snapshots of one session (``core.ports.Snapshots``).

    ``required``: a call of which no snapshot can be taken is refused. ``when-possible``: it runs, and the
    record and the person are told. ``off``: none are taken.
    """

    def __init__(self, data: str, folder: str, mode: str) -> None:
        self._data = data
        self._folder = folder
        self._mode = mode
        self.session = ""

    async def before(
        self, turn: int, call: str, tool: str, written: Sequence[str] = ()
    ) -> SnapshotMade | SnapshotFailed | None:
        """A snapshot of what is there before a call runs."""
        if self._mode == "off":
            return None
        from devagent.undo.errors import SnapshotError  # noqa: PLC0415  (only where something is to change)
        from devagent.undo.places import root_of  # noqa: PLC0415
        from devagent.undo.snapshot import take  # noqa: PLC0415

        began = time.monotonic_ns()
        try:
            root = root_of(self._folder)
            taken = await asyncio.to_thread(
                take,
                self._data,
                root,
                session=self.session,
                call=call,
                tool=tool,
                written=[os.path.join(self._folder, one) for one in written],
            )
        except (SnapshotError, OSError) as e:
            what = e.what if isinstance(e, SnapshotError) else str(e)
            hint = f" {e.hint}" if isinstance(e, SnapshotError) and e.hint else ""
            return SnapshotFailed(
                turn=turn,
                call=call,
                err=e.error if isinstance(e, SnapshotError) else "unusable",
                refused=self._mode == "required",
                reason=f"{what}.{hint}",
            )
        return SnapshotMade(
            turn=turn,
            call=call,
            snapshot=taken.entry.id,
            files=taken.entry.files if taken.new else 0,
            left_out=taken.entry.left_out,
            dur_us=(time.monotonic_ns() - began) // 1000,
        )
