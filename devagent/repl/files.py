"""The workspace's files by name, for ``@``: listed in the background, matched without a pause.

``git ls-files`` where there is a repository (tracked, and untracked ones that are not ignored), else a walk.
"""

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence

from devagent.repl.fuzzy import Fuzzy

MOST = 200_000
LEFT_OUT = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__"})
LIMIT_S = 20
GIT = ("git", "-c", "core.fsmonitor=", "--no-pager")
"""Nothing that a repository's own configuration names is run."""


class Files:
    """The paths, relative to the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._listed: tuple[Sequence[str], Fuzzy] = ((), Fuzzy())
        self._thread: threading.Thread | None = None
        self.ready = threading.Event()

    def look(self) -> None:
        """List them (again), in a thread of its own."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._list, name="files", daemon=True)
        self._thread.start()

    def _list(self) -> None:
        self.use(self._tracked() or list(self._walked()))
        self.ready.set()

    def use(self, paths: Sequence[str]) -> None:
        """From now on these are the files."""
        # A name with a line break or an escape in it is not put into what is typed.
        shown = [one for one in paths if one.isprintable()]
        self._listed = (shown, Fuzzy(shown))

    def _tracked(self) -> list[str]:
        command = [*GIT, "ls-files", "-z", "-co", "--exclude-standard"]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command
                command, cwd=self._folder, capture_output=True, timeout=LIMIT_S, check=False,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return []
        if done.returncode != 0:
            return []
        names = done.stdout.decode(errors="replace").split("\0")
        return [one for one in dict.fromkeys(names) if one][:MOST]

    def _walked(self) -> Iterator[str]:
        count = 0
        for folder, folders, names in os.walk(self._folder):
            folders[:] = sorted(one for one in folders if one not in LEFT_OUT)
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), self._folder)
                count += 1
                if count >= MOST:
                    return

    def found(self, typed: str) -> Sequence[str]:
        """The paths that fit best."""
        paths, fuzzy = self._listed
        return [paths[n] for n in fuzzy.found(typed)]
