"""What exports cost: ``python -m tests.bench.bench_exports [EVENTS] [SESSIONS]`` prints seconds of CPU time and memory.

One session of so many events (200,000), then so many small ones (2,000), to each of the file targets; every export in a
process of its own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.exported import a_turn, ended_session, who

ROOT = Path(__file__).parents[2]
PROBE = """
import resource, sys
from devagent.cli.entry import run_command_line
code = run_command_line(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(code, f"{used.ru_utime + used.ru_stime:.1f}", used.ru_maxrss // 1024)
"""


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    small = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    with tempfile.TemporaryDirectory() as folder:
        for name, count, each in (("one long", 1, events), (f"{small:,} small", small, 60)):
            home = Path(folder, name)
            turns = max(1, each // len(a_turn()))
            for number in range(count):
                told = (event for turn in range(1, turns + 1) for event in a_turn(turn))
                ended_session(home / "sessions", [who("ana", "eng"), *told], at_us=1_800_000_000_000_000 + number * 10_000_000)  # fmt: skip
            for kind in ("parquet", "delta", "ocsf"):
                for when in ("first", "again"):
                    code, seconds, memory = _export(home, kind)
                    print(f"{name:14} {kind:8} {when:6} {seconds:>6} s {memory:>5} MB", "" if code == "0" else f"exit code {code}")  # fmt: skip


def _export(home: Path, kind: str) -> tuple[str, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "session", "export", "--to", kind, "--all", "-o", str(home / kind)],
        env={**os.environ, "DEVAGENT_HOME": str(home)}, cwd=ROOT, capture_output=True, text=True, check=True, timeout=3600,
    )  # fmt: skip
    code, seconds, memory = done.stdout.splitlines()[-1].split()
    return code, seconds, memory


if __name__ == "__main__":
    main()
