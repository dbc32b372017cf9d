"""Lint, format, import floors and types, side by side: ``python tests/check.py``.

Prints the output of those that found something; exit code 1 then, else 0.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent
LIMIT_S = 300

CHECKS: Mapping[str, tuple[str, ...]] = {
    "types": ("basedpyright", "--pythonpath", sys.executable),
    "imports": ("lint-imports", "--no-cache"),
    "lint": ("ruff", "check", "--quiet"),
    "format": ("ruff", "format", "--check", "--diff", "--quiet"),
}


def run(name: str) -> tuple[str, str, float]:
    """(name, its output where it found something, seconds). A tool that is missing is a finding."""
    program, *arguments = CHECKS[name]
    # import-linter imports nothing, but has to find the packages of the other two source roots.
    roots = os.pathsep.join(str(ROOT / folder) for folder in (".", "extensions", "policies"))
    start = time.monotonic()
    try:
        done = subprocess.run(
            [SCRIPTS / program, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": roots},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
        output = "" if done.returncode == 0 else done.stdout or f"exit code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        output = f"{program} did not run: {error}"
    return name, output, time.monotonic() - start


def main() -> int:
    with ThreadPoolExecutor() as threads:
        results = list(threads.map(run, CHECKS))
    for name, output, _ in results:
        if output:
            print(f"--- {name}: {' '.join(CHECKS[name])}\n{output.strip()}\n")
    for name, output, seconds in results:
        print(f"{name:8} {'FAULTS' if output else 'ok':6} {seconds:5.1f} s")
    return 1 if any(output for _, output, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
