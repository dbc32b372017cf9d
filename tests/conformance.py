"""The official MCP conformance suite against devagent's client. Not part of the test command: it needs npm.

    python tests/conformance.py [--scenario NAME …] [--revision REV …]

Fetches the suite (pinned below) and, where ``node`` is older than 22, a Node 22 from npm, into ``--cache``. Each
revision's required scenarios are the suite's own frozen list, run one after another: in parallel the timed
ones fail on a small machine. A scenario without a verdict (a time-out, no check) is run once more; a failed
check is not. Exit 0: all required ones passed.
"""

import argparse
import json
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE, VERSION = "@modelcontextprotocol/conformance", "0.2.0-alpha.12"
REVISIONS = ("2025-11-25", "2026-07-28")
CLIENT = f"{shlex.quote(sys.executable)} -m devagent ext conformance"
LIMIT_S = 60


class Verdict(NamedTuple):
    """How one scenario went: ``failed`` are the checks that did not hold."""

    ok: bool
    checks: int
    failed: list[str]
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--revision", action="append", choices=REVISIONS)
    parser.add_argument("--scenario", action="append", help="only this one; may be repeated")
    parser.add_argument("--unscored", action="store_true", help="also what is reported only")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "mcp-suite"))
    parser.add_argument("--out", type=Path, help="keep each scenario's log and checks here")
    asked = parser.parse_args()
    suite = [node(asked.cache), installed(asked.cache)]
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        out: Path = asked.out or Path(folder)
        for revision in asked.revision or REVISIONS:
            scored, unscored = required(suite, revision)
            names = asked.scenario or [*scored, *(unscored if asked.unscored else ())]
            for name in names:
                verdict = judged(suite, name, revision, out)
                counts = name not in unscored
                passed += verdict.ok and counts
                failed += not verdict.ok and counts
                word = "ok" if verdict.ok else "FAIL" if counts else "fail (not scored)"
                about = f"({verdict.checks} checks, {verdict.seconds:.1f} s)"
                print(f"{word:18} {revision} {name} {about}", flush=True)
                for check in verdict.failed:
                    print(f"{'':19}{check}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def installed(cache: Path) -> str:
    """The suite's program, fetched where it is not there."""
    home = cache / VERSION
    program = home / "node_modules" / PACKAGE / "dist/index.js"
    if not program.exists():
        fetch(home, f"{PACKAGE}@{VERSION}")
    return str(program)


def node(cache: Path) -> str:
    """A Node that the suite runs on."""
    found = shutil.which("node")
    if found:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        if (major := re.match(r"v(\d+)", said.stdout)) and int(major[1]) >= 22:
            return found
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name = f"node-{'darwin' if sys.platform == 'darwin' else 'linux'}-{machine}"
    program = cache / "node/node_modules" / name / "bin/node"
    if not program.exists():
        fetch(cache / "node", f"{name}@22")
    return str(program)


def fetch(folder: Path, package: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
    subprocess.run([*command, package], check=True, timeout=600)


def required(suite: list[str], revision: str) -> tuple[list[str], list[str]]:
    """The client's scenarios that the suite scores for a revision, and those that it only reports."""
    command = [*suite, "list", "--requirements", revision]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    scored: list[str] = []
    unscored: list[str] = []
    part = ""
    for line in re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines():
        low = line.strip().lower()
        if low.startswith(("server scenarios", "client scenarios")):
            part = low.split()[0]
        elif "never scored" in low:
            part = "unscored"
        elif found := re.match(r"\s*-\s+(\S+)(.*)", line):
            if part == "client":
                scored.append(found[1])
            elif part == "unscored" and "[client]" in found[2]:
                unscored.append(found[1])
    return scored, unscored


def judged(suite: list[str], name: str, revision: str, out: Path) -> Verdict:
    verdict = once(suite, name, revision, out)
    return verdict if verdict.ok or verdict.failed else once(suite, name, revision, out)


def once(suite: list[str], name: str, revision: str, out: Path) -> Verdict:
    folder = out / revision / name.replace("/", "_")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    named = ["--scenario", name, "--spec-version", revision, "--timeout", str(LIMIT_S * 1000)]
    command = [*suite, "client", "--command", CLIENT, *named, "-o", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S + 60, check=False
        )
        code, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as e:
        code, said = 124, str(e)
    (folder / "log.txt").write_text(said)
    held = 0
    failed: list[str] = []
    for file in folder.rglob("checks.json"):
        checks: list[dict[str, Any]] = json.loads(file.read_text())
        held += sum(check["status"] == "SUCCESS" for check in checks)
        failed += [
            f"{check['id']}: {check.get('errorMessage') or check.get('description', '')}"[:300]
            for check in checks
            if check["status"] in ("FAILURE", "WARNING")
        ]
    ok = code == 0 and not failed and held > 0
    return Verdict(ok, held, failed, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
