"""What goes wrong with snapshots."""

from devagent.core.errors import DevagentError


class SnapshotError(DevagentError):
    """A snapshot cannot be taken, found or gone back to. ``error``: no_git, too_large, no_space, busy, timeout,
    not_found, unusable, failed."""

    def __init__(self, what: str, *, error: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.error = error
