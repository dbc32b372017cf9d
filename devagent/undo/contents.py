"""Reading many contents from a store by one process."""

import subprocess

from devagent.undo import git
from devagent.undo.errors import SnapshotError
from devagent.undo.store import Store


class Contents:
    """The store's contents, one after another; close it."""

    def __init__(self, store: Store) -> None:
        self._process = git.open_process(
            store.root.folder, ("cat-file", "--batch"), variables=store.variables
        )

    def of(self, name: str) -> bytes:
        """The content of this name. Raises SnapshotError unusable where the store does not have it whole."""
        put_in, out = self._process.stdin, self._process.stdout
        assert put_in is not None  # noqa: S101 - asked for as pipes
        assert out is not None  # noqa: S101
        try:
            put_in.write(name.encode() + b"\n")
            put_in.flush()
            head = out.readline().split()
            if len(head) == 3:
                size = int(head[2])
                data = out.read(size + 1)
                if len(data) == size + 1:
                    return data[:-1]
        except (OSError, ValueError):
            pass
        raise SnapshotError(
            f"the content {name[:12]} is not in the store any more", error="unusable"
        )

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
