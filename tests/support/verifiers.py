"""The second verifier, docs/verify_log.py, run on many logs in one process."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import runpy, sys
verify = runpy.run_path(sys.argv[1])["main"]
from pathlib import Path
for folder in sys.stdin.read().split("\\n"):
    try:
        verify(Path(folder))
    except SystemExit:
        pass  # it has said why
"""


def second(folders: list[Path]) -> list[str]:
    """What the second verifier says of each: a line each, in their order."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN, ROOT / "docs/verify_log.py"],
        input="\n".join(map(str, folders)),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    return done.stdout.splitlines()
