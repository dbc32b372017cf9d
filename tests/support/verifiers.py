"""The second verifier, docs/verify_log.py: run on many logs in one process, or held against the first on one."""

import io
import runpy
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any

from devagent.audit.layout import EVENTS
from devagent.audit.verify import verify_session

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


@cache
def _main() -> Any:
    return runpy.run_path(str(ROOT / "docs/verify_log.py"))["main"]


def said_by_second(folder: Path) -> str:
    """What the second verifier says of one log, run here."""
    said = io.StringIO()
    with redirect_stdout(said), suppress(SystemExit):
        _main()(folder)
    return said.getvalue().strip()


def disagreements(sessions: Path) -> list[str]:
    """The logs below a folder of sessions that the two verifiers judge differently, with what each says."""
    found: list[str] = []
    for events in sessions.glob(f"*/*/{EVENTS}"):
        folder = events.parent
        first, other = verify_session(str(folder)).headline, said_by_second(folder)
        if first.startswith("verify: ok") != other.startswith("verify: ok"):
            found.append(f"{folder}: {first!r} against {other!r}")
    return found
