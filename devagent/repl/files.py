"""The workspace's files by name, for ``@``: listed in the background, matched without a pause.

``git ls-files`` where there is a repository (tracked, and untracked ones that are not ignored), else a walk. A
letter more looks only through what the letters before had left.
"""

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MOST = 200_000
SHOWN = 50
_LEFT_OUT = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__"})


class _Listed(NamedTuple):
    """Paths, and the same in lower case."""

    paths: list[str]
    lower: list[str]


class Files:
    """The paths, relative to the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._listed = _Listed([], [])
        self._last: tuple[str, list[int]] = ("", [])
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
        self._listed = _Listed(shown, [one.lower() for one in shown])
        self._last = ("", [])

    def _tracked(self) -> list[str]:
        command = ["git", "-c", "core.fsmonitor=", "ls-files", "-z", "-co", "--exclude-standard"]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command
                command, cwd=self._folder, capture_output=True, timeout=20, check=False,
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
            folders[:] = sorted(one for one in folders if one not in _LEFT_OUT)
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), self._folder)
                count += 1
                if count >= MOST:
                    return

    def found(self, typed: str) -> Sequence[str]:
        """The paths that fit best: whose letters stand in this order, in the name rather than in the folder,
        together rather than apart."""
        wanted = typed.lower()
        paths, lower = self._listed
        if not wanted:
            return paths[:SHOWN]
        before, left = self._last
        among = left if before and wanted.startswith(before) else range(len(paths))
        kept = [n for n in among if _holds(lower[n], wanted)]
        self._last = (wanted, kept)
        if len(kept) > 5_000:  # ranking all would take longer than a keypress
            near = [n for n in kept if wanted in lower[n]]
            kept = (near or kept)[:5_000]
        kept = sorted(kept, key=lambda n: _rank(lower[n], wanted))
        return [paths[n] for n in kept[:SHOWN]]


def _holds(path: str, wanted: str) -> bool:
    at = 0
    for letter in wanted:
        at = path.find(letter, at) + 1
        if not at:
            return False
    return True


def _rank(path: str, wanted: str) -> tuple[int, int, str]:
    name = path.rpartition("/")[2]
    if name.startswith(wanted):
        order = 0
    elif wanted in name:
        order = 1
    elif wanted in path:
        order = 2
    else:
        order = 3 if _holds(name, wanted) else 4
    return order, len(path), path
