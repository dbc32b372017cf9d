"""The official MCP conformance suite against devagent's client and its gateway. It needs npm.

    python tests/conformance.py [client|server|fetch] [--sample] [--scenario NAME …] [--revision REV …]

Fetches the suite (pinned below) and, where ``node`` is older than 22, a Node 22 from npm, into ``--cache``. Each
revision's required scenarios are the suite's own frozen list. ``fetch`` only fetches these, and the protocol's inspector for
``tests/contract/test_inspector.py``.

The server leg is one run of the suite for each revision against one ``devagent mcp serve --profile conformance``: all
required scenarios, about ten seconds. In the client leg every scenario starts devagent anew, as the suite wants it (two
core-seconds each, most of it the import of ``mcp``): all of them take minutes, run one after another, because in parallel the
timed ones fail on a small machine. ``--sample`` runs ``SAMPLE`` of them, one for each kind. A scenario of that leg without
a verdict (a time-out, no check) is run once more; a failed check is not. Exit 0: all required ones that ran passed.
"""

import argparse
import json
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE, VERSION = "@modelcontextprotocol/conformance", "0.2.0-alpha.12"
INSPECTOR, INSPECTOR_VERSION = "@modelcontextprotocol/inspector", "2.12.0"
REVISIONS = ("2025-11-25", "2026-07-28")
SAMPLE = {
    "2025-11-25": ("initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"),
    "2026-07-28": (
        "request-metadata",
        "sep-2322-client-request-state",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "auth/metadata-default",
        "auth/iss-wrong-issuer",
    ),
}
"""Of the client's scenarios: the handshake, calls, forms and broken streams of the older era; metadata, rounds, headers and
signing in of the newer."""
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
    parser.add_argument(
        "leg", nargs="?", choices=["client", "server", "fetch"], help="only this one"
    )
    parser.add_argument("--sample", action="store_true", help="of the client's, one of each kind")
    parser.add_argument("--revision", action="append", choices=REVISIONS)
    parser.add_argument("--scenario", action="append", help="only this one; may be repeated")
    parser.add_argument("--unscored", action="store_true", help="also what is reported only")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "mcp-suite"))
    parser.add_argument("--out", type=Path, help="keep each scenario's log and checks here")
    asked = parser.parse_args()
    suite = [node(asked.cache), installed(asked.cache)]
    if asked.leg == "fetch":
        print(inspector(asked.cache))
        return 0
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        out: Path = asked.out or Path(folder)
        for revision in asked.revision or REVISIONS:
            verdicts: list[tuple[str, bool, Verdict]] = []
            if asked.leg != "client" and not asked.scenario:
                verdicts += server_leg(suite, revision, out)
            if asked.leg != "server":
                verdicts += client_leg(suite, revision, out, asked)
            for _, counts, verdict in verdicts:
                passed += verdict.ok and counts
                failed += not verdict.ok and counts
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def told(name: str, revision: str, verdict: Verdict, *, counts: bool) -> tuple[str, bool, Verdict]:
    """Print one verdict, and give it back."""
    word = "ok" if verdict.ok else "FAIL" if counts else "fail (not scored)"
    print(
        f"{word:18} {revision} {name} ({verdict.checks} checks, {verdict.seconds:.1f} s)",
        flush=True,
    )
    for check in verdict.failed:
        print(f"{'':19}{check}")
    return name, counts, verdict


def client_leg(
    suite: list[str], revision: str, out: Path, asked: argparse.Namespace
) -> list[tuple[str, bool, Verdict]]:
    scored, unscored = required(suite, revision, "client")
    names = asked.scenario or [*scored, *(unscored if asked.unscored else ())]
    if asked.sample:
        if missing := set(SAMPLE[revision]) - set(scored):
            raise SystemExit(f"no longer required for {revision}: {', '.join(sorted(missing))}")
        names = [name for name in names if name in SAMPLE[revision]]
    return [
        told(
            f"client {name}",
            revision,
            judged(suite, name, revision, out),
            counts=name not in unscored,
        )
        for name in names
    ]


def server_leg(suite: list[str], revision: str, out: Path) -> list[tuple[str, bool, Verdict]]:
    """All required scenarios against one gateway with the suite's fixture behind it."""
    scored, _ = required(suite, revision, "server")
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "devagent", "mcp", "serve", "--profile", "conformance"]
    folder = out / "server" / revision
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*serve, "--http", f"127.0.0.1:{port}"], stderr=log, stdout=log)
        try:
            listening(server, port)
            named = ["--requirements", revision, "--timeout", str(LIMIT_S * 1000)]
            url = ["--url", f"http://127.0.0.1:{port}/mcp"]
            command = [*suite, "server", *url, *named, "-o", str(folder)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=10 * LIMIT_S, check=False
            )
        finally:
            server.terminate()
            server.wait(timeout=30)
    (folder / "log.txt").write_text(done.stdout + done.stderr)
    seconds = (time.monotonic() - began) / max(len(scored), 1)
    return [
        told(f"server {name}", revision, kept(folder, name, seconds), counts=True)
        for name in scored
    ]


def listening(server: subprocess.Popen[bytes], port: int) -> None:
    """Until the gateway takes connections. Raises SystemExit where it does not."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the gateway does not listen on port {port}")


def kept(folder: Path, name: str, seconds: float) -> Verdict:
    """The verdict on one scenario of the server leg: the suite's folders are named by scenario and time."""
    stem = re.compile(rf"server-{re.escape(name.replace('/', '-'))}-\d{{4}}-\d\d-\d\dT")
    found = [one for one in folder.iterdir() if stem.match(one.name)]
    return verdict_of(found[-1], 0, seconds) if found else Verdict(False, 0, ["did not run"], 0.0)


def installed(cache: Path) -> str:
    """The suite's program, fetched where it is not there."""
    home = cache / VERSION
    program = home / "node_modules" / PACKAGE / "dist/index.js"
    if not program.exists():
        fetch(home, f"{PACKAGE}@{VERSION}")
    return str(program)


def inspector(cache: Path) -> str:
    """The inspector's program, fetched where it is not there; it needs the same Node."""
    home = cache / f"inspector-{INSPECTOR_VERSION}"
    program = home / "node_modules" / INSPECTOR / "clients/launcher/build/index.js"
    if not program.exists():
        fetch(home, f"{INSPECTOR}@{INSPECTOR_VERSION}", "--ignore-scripts", "--omit=optional")
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


def fetch(folder: Path, package: str, *how: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--silent",
        *how,
        "--prefix",
        str(folder),
    ]
    subprocess.run([*command, package], check=True, timeout=600)


def required(suite: list[str], revision: str, leg: str) -> tuple[list[str], list[str]]:
    """A leg's scenarios that the suite scores for a revision, and those that it only reports."""
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
            if part == leg:
                scored.append(found[1])
            elif part == "unscored" and f"[{leg}]" in found[2]:
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
    return verdict_of(folder, code, time.monotonic() - began)


def verdict_of(folder: Path, code: int, seconds: float) -> Verdict:
    """What the checks in a folder come to."""
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
    return Verdict(ok, held, failed, seconds)


if __name__ == "__main__":
    sys.exit(main())
