"""Time of the workspace tools, beside what they stand on.

    python tests/bench/bench_workspace.py [FILES]

Prints the least and the median wall time in milliseconds; the marks are those of the extension's page.
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

LINES = [
    "git status --short", "cd src && pytest -q tests/unit 2>&1 | tail -n 20", "rg -n 'class \\w+' src | head -20",
    'for f in src/*.py; do wc -l "$f"; done', "find . -name '*.py' -exec grep -l main {} +", "git add -A && git commit -m 'Fix it'",
    "sed -n '1,20p' src/a.py | awk '{print $1}' | sort | uniq -c", "cat > out.txt <<'EOF'\nhello\nEOF", "timeout 60 npm test -- --watch=false",
    'git commit -m "$(cat <<\'EOF\'\nFix the parser\n\nIt lost a line.\nEOF\n)"',
]  # fmt: skip


def main(files: int) -> None:
    """Build a tree, run everything, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(files):
            place = Path(folder, f"d{number % 50}", f"e{number % 7}")
            place.mkdir(parents=True, exist_ok=True)
            text = "".join(f"line {line} of file {number}\n" for line in range(80))
            (place / f"f{number}.py").write_text(text)
        table(os.path.realpath(folder))


def table(folder: str) -> None:
    """Time the tools and print one line each."""
    began = time.perf_counter()
    from devagent_workspace import tools

    print(f"{'import of the tools':44}{(time.perf_counter() - began) * 1000:8.1f} ms")
    from devagent_workspace import sandbox
    from devagent_workspace.environment import environment
    from devagent_workspace.grammar import parsed
    from devagent_workspace.judging import touched_by
    from devagent_workspace.sandbox import bubblewrap, landlock
    from devagent_workspace.state import state_of
    from tests.support.workspaces import Place

    began = time.perf_counter()
    parsed("true")
    print(f"{'first parse (loads tree-sitter)':44}{(time.perf_counter() - began) * 1000:8.1f} ms")
    here, variables = Place(folder), environment({})
    counter = iter(range(10**9))

    def edit() -> None:
        args = {"path": "d0/e0/f0.py"}
        tools.resources("read", args, here)
        tools.read(here, path="d0/e0/f0.py", limit=20)
        line = Path(folder, "d0/e0/f0.py").read_text().split("\n")[3]
        edits = [{"old": line, "new": f"changed {next(counter)}"}]
        tools.resources("edit", {**args, "edits": edits}, here)
        tools.edit(here, path="d0/e0/f0.py", edits=edits)

    def judge_lines() -> None:
        for line in LINES:
            touched_by(line, folder=folder, cwd=folder, variables=variables)

    def ripgrep(pattern: str) -> Callable[[], object]:
        argv = ["rg", "-n", "--hidden", "--no-config", pattern, "./"]
        return lambda: subprocess.run(
            argv, cwd=folder, capture_output=True, check=False, timeout=60
        )

    def grep(pattern: str) -> Callable[[], object]:
        def run() -> object:
            state_of(folder).searches.clear()
            return tools.grep(here, pattern=pattern)

        return run

    def asked(pattern: str) -> Callable[[], object]:
        def run() -> object:
            state_of(folder).searches.clear()
            tools.resources("grep", {"pattern": pattern}, here)
            return tools.grep(here, pattern=pattern)

        return run

    def bash(*argv: str) -> Callable[[], object]:
        return lambda: subprocess.run(
            ["/bin/bash", "--norc", "--noprofile", "-c", *argv], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=60,
        )  # fmt: skip

    probes = {"bubblewrap": bubblewrap.probe, "landlock": landlock.probe}
    kinds = ["none", *(kind for kind, probe in probes.items() if not probe())]

    def shell(kind: str, command: str, hosts: str = "") -> Callable[[], object]:
        def run() -> object:
            sandbox.available = lambda: sandbox.Sandbox(kind, "")  # pyright: ignore[reportArgumentType]
            return tools.shell(here, command=command, hosts=hosts)

        return run

    rows: list[tuple[str, Callable[[], object], float, int]] = [
        ("read", lambda: tools.read(here, path="d0/e0/f0.py"), 1, 50),
        ("judge, read, judge, edit", edit, 1, 50),
        ("resources of a command line", judge_lines, len(LINES), 50),
        ("bash -c true", bash("true"), 1, 50),
        *((f"shell true, {kind}", shell(kind, "true"), 1, 50) for kind in kinds),
        *(
            (f"shell true with a host, {kind}", shell(kind, "true", "example.com"), 1, 50)
            for kind in kinds
            if kind == "bubblewrap"
        ),
        ("shell: cd that lasts", shell("none", "cd ."), 1, 50),
        ("rg alone, few hits", ripgrep("line 79 of file 7$"), 1, 10),
        ("grep, few hits", grep("line 79 of file 7$"), 1, 10),
        ("rg alone, a hit in each file", ripgrep("line 79 "), 1, 10),
        ("grep, a hit in each file", grep("line 79 "), 1, 10),
        ("grep, a hit in each file, and its resources", asked("line 79 "), 1, 10),
        ("glob **/*.py", lambda: tools.glob(here, pattern="**/*.py"), 1, 10),
        ("list, 3 deep", lambda: tools.list(here, depth=3), 1, 10),
    ]
    print(f"{'':44}{'least':>8}{'median':>8}")
    for name, run, divisor, times in rows:
        least, median = timed(run, times)
        print(f"{name:44}{least / divisor:8.2f}{median / divisor:8.2f} ms")


def timed(run: Callable[[], object], times: int) -> tuple[float, float]:
    """Least and median milliseconds of some runs, after one that warms up."""
    run()
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append((time.perf_counter() - began) * 1000)
    return min(found), statistics.median(found)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
