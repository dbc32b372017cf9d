"""Time of each git tool on a repository of some size, beside GitPython where that can do the same.

    python tests/bench/bench_git.py [COMMITS] [FILES]

Prints the least and the median wall time in milliseconds of ten runs; the first import is timed apart.
"""

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devagent_git.contract import Surroundings

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions")]
RUNS = 10


def main(commits: int, files: int) -> None:
    """Build the repository, run everything, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.environ["HOME"] = str(home)
        (home / ".gitconfig").write_text("[user]\n\tname = Ana Roe\n\temail = ana@example.com\n")
        table(build(Path(folder) / "work", commits, files))


def build(work: Path, commits: int, files: int) -> Path:
    """A repository made by fast-import, each commit changing one of the files."""
    work.mkdir()
    git = ["git", "-C", str(work)]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True, timeout=60)
    stream: list[str] = []
    for number in range(commits):
        stream.append(
            f"commit refs/heads/main\ncommitter Ana Roe <ana@example.com> {1_700_000_000 + number} +0000\n"
            f"data <<END\nChange {number}\nEND\n"
        )
        names = range(files) if number == 0 else [number % files]
        for name in names:
            text = "".join(
                f"line {line} of {number if line % 7 == 0 else 0}\n" for line in range(60)
            )
            stream.append(f"M 100644 inline d{name % 20}/f{name}.txt\ndata {len(text)}\n{text}\n")
    subprocess.run(
        [*git, "fast-import", "--quiet"], input="".join(stream).encode(), check=True, timeout=300
    )
    subprocess.run([*git, "reset", "--quiet", "--hard", "main"], check=True, timeout=60)
    (work / "d0/f0.txt").write_text("changed\n")
    return work


def table(work: Path) -> None:
    """Time the tools and print one line each."""
    from devagent_git import tools
    from tests.support.repositories import Place

    here = Place(str(work))
    began = time.perf_counter()
    import git

    print(f"import git (GitPython): {(time.perf_counter() - began) * 1000:.0f} ms")
    repo = git.Repo(str(work))
    path = "d1/f1.txt"
    rows: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        ("status", lambda: tools.status(here), None),
        (
            "log",
            lambda: tools.log(here),
            lambda: [(c.hexsha, c.author.name, c.summary) for c in repo.iter_commits(max_count=20)],
        ),
        (
            "show commit",
            lambda: tools.show(here),
            lambda: len(repo.head.commit.parents[0].diff(repo.head.commit, create_patch=True)),
        ),
        (
            "show file",
            lambda: tools.show(here, path=path),
            lambda: (repo.head.commit.tree / path).stream_data(io.BytesIO()),
        ),
        ("diff", lambda: tools.diff(here), lambda: str(repo.git.diff())),
        ("blame", lambda: tools.blame(here, path=path), lambda: bool(repo.blame("HEAD", path))),
        (
            "list",
            lambda: tools.list(here),
            lambda: [(b.name, b.commit) for b in repo.branches],
        ),
        ("search (-S)", lambda: tools.log(here, search="1"), None),
        ("summary", lambda: tools.summary(here, base="HEAD~5"), None),
        ("stash and pop", lambda: (tools.stash(here), tools.stash(here, action="pop")), None),
        ("scan of what a commit adds", lambda: scanned(here), None),
        ("resources of status", lambda: tools.resources("status", {}, here), None),
        ("resources of show", lambda: tools.resources("show", {}, here), None),
        ("resources of add .", lambda: tools.resources("add", {"paths": ["."]}, here), None),
    ]
    print(f"{'':22}{'least':>8}{'median':>8}   {'GitPython least':>16}{'median':>8}")
    for name, ours, theirs in rows:
        least, median = timed(ours)
        line = f"{name:22}{least:8.1f}{median:8.1f}"
        if theirs is not None:
            other = timed(theirs)
            line += f"   {other[0]:16.1f}{other[1]:8.1f}"
        print(line)
    repo.close()


def scanned(here: "Surroundings") -> object:
    """What a commit of all tracked changes looks through, with the finding of the repository."""
    from devagent_git.repository import Repository
    from devagent_git.scanning import scan_staged

    repository = Repository(here, "write", work_tree=True)
    return scan_staged(repository, amend=False, message="x", work_tree=True)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Least and median milliseconds of some runs, after one that warms up."""
    run()
    times: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1000)
    return min(times), statistics.median(times)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 2000,
        int(sys.argv[2]) if len(sys.argv) > 2 else 2000,
    )
