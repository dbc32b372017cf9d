"""Time of a snapshot, beside ``git status`` on the same tree.

    python tests/bench/bench_undo.py [FILES [BYTES]]

BYTES of random content in each file; ``50000 20000`` is a tree of 1 GB. Prints milliseconds: the first snapshot, then the least and the median of some.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions")]


def main(files: int, size: int = 0) -> None:
    """Build a repository, and print the table."""
    from devagent.undo.places import root_of
    from devagent.undo.restore import undo
    from devagent.undo.snapshot import take

    with tempfile.TemporaryDirectory() as top:
        folder, data = os.path.join(os.path.realpath(top), "work"), os.path.join(top, "data")
        for number in range(files):
            place = Path(folder, f"d{number % 200}", f"e{number % 7}")
            place.mkdir(parents=True, exist_ok=True)
            text = os.urandom(size) if size else f"line of file {number}\n".encode() * 10
            (place / f"f{number}.py").write_bytes(text)
        git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0"]  # fmt: skip
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["repack", "-adq"]):
            subprocess.run([*git, *words], check=True)
        root = root_of(folder)
        counter = iter(range(10**9))

        def change() -> None:
            Path(folder, "d0", "e0", "f0.py").write_text(f"changed {next(counter)}\n")
            Path(folder, f"new{next(counter)}").write_text("new\n")

        print(
            f"{f'{files:,} files of {size or 200:,} bytes':40}{'first':>8}{'least':>8}{'median':>8}"
        )
        row("git status", lambda: None, lambda: subprocess.run([*git, "status", "-s"], capture_output=True, check=True))  # fmt: skip
        row("snapshot, nothing changed", lambda: None, lambda: take(data, root))
        row("snapshot, two files changed", change, lambda: take(data, root))
        row("undo of two files, and its snapshot", change, lambda: undo(data, root))


def row(name: str, before: Callable[[], None], run: Callable[[], object]) -> None:
    """Time something eight times, with what must be done before each time."""
    took: list[float] = []
    for _ in range(8):
        before()
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) * 1000)
    print(f"{name:40}{took[0]:8.0f}{min(took[1:]):8.0f}{statistics.median(took[1:]):8.0f} ms")


if __name__ == "__main__":
    main(*[int(one) for one in sys.argv[1:]] or [50_000])
