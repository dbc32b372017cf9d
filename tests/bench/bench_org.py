"""What an organisation's policy costs: a session's start, a look with nothing new, a fleet on one server.

    python tests/bench/bench_org.py

The fleet is simulated: so many clients, each with its own moment and jitter, for a day, with a publication in it. What one look
costs is measured before, over real files and signatures.
"""

import heapq
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions"), str(ROOT / "policies")]

from tests.support.org_machine import enrolled_here, sync_here  # noqa: E402
from tests.support.org_repository import Organisation, Server  # noqa: E402

CLIENTS, HOURS = 20_000, 24
CONDITIONAL = 183 + 196
"""Bytes of one conditional request and of its 304 in an open TLS connection, counted on the wire."""
TLS = 3_300
"""Bytes of a whole TLS 1.3 handshake more, both ways, with a chain of two RSA certificates (two on P-256: 2,300)."""
PAIRS = 20


def cpu_ms(work: object, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()  # pyright: ignore[reportCallIssue]
    return 1000 * (time.process_time() - began) / times


def measured() -> tuple[int, int]:
    """Prints what one machine spends; the bytes and files of a whole update."""
    with tempfile.TemporaryDirectory() as folder:
        org = Organisation(Path(folder))
        machine = org.machine(Path(folder) / "m")
        server: Server = org.server()
        began = time.process_time()
        machine.client.sync(server)
        first = 1000 * (time.process_time() - began)
        print(
            f"first fetch, python-tuf loaded                {first:8.1f} ms CPU {server.bytes:8,} bytes {len(server.fetched):3} files"
        )
        print(
            f"a session's verification, from the pin up     {cpu_ms(machine.client.in_force, 50):8.1f} ms CPU"
        )
        server.bytes = 0
        ms = cpu_ms(lambda: machine.client.sync(server), 50)
        print(
            f"`org sync` with nothing new, in process       {ms:8.1f} ms CPU {server.bytes // 50:8,} bytes of files"
        )
        org.after(hours=1).rolled_out("second")
        server = org.server()
        ms = cpu_ms(lambda: machine.client.sync(server), 1)
        update = server.bytes
        print(
            f"an update, python-tuf loaded                  {ms:8.1f} ms CPU {update:8,} bytes {len(server.fetched):3} files"
        )
        return update, len(server.fetched)


START = """
import os, runpy, sys
from devagent.settings import places
places.ORG_FOLDER, places.OWN_ORG_FOLDER = os.environ["BENCH_ORG"], os.environ["BENCH_ORG"] + "-own"
sys.argv = ["devagent", "run", "--model", os.environ["BENCH_MODEL"], "Hi"]
runpy.run_module("devagent", run_name="__main__", alter_sys=True)
"""


def started() -> None:
    """Whole runs with a rehearsed model, on an enrolled machine and on one that is not, in pairs: the CPU that the first spends more."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        work = Path(folder)
        patched.setenv("DEVAGENT_HOME", str(work / "home"))
        (work / "home").mkdir(mode=0o700)
        (work / "script.toml").write_text('name = "bench"\n[[reply]]\ntext = "Done."\n')
        sync_here(enrolled_here(Organisation(work), work, patched))

        def run(org: str) -> float:
            environment = {
                **os.environ,
                "BENCH_ORG": str(work / org),
                "BENCH_MODEL": f"rehearsal:{work / 'script.toml'}",
                "PYTHONPATH": os.pathsep.join(sys.path[:3]),
                "PYTHONPYCACHEPREFIX": str(work / "compiled"),
            }
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", START], env=environment, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

        for org in ("etc", "none"):  # compiles, and writes the first of everything
            run(org)
        pairs = [(run("etc"), run("none")) for _ in range(PAIRS)]
    more = statistics.median(enrolled - alone for enrolled, alone in pairs)
    print(
        f"a run on an enrolled machine, more than on another {more:3.1f} ms CPU (median of {PAIRS} pairs)"
    )


def imports() -> None:
    for what in ("devagent.org.in_force", "tuf.ngclient"):
        done = subprocess.run(
            [sys.executable, "-c", f"import time; t=time.process_time(); import {what}; print(1000*(time.process_time()-t))"],
            cwd=ROOT, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        print(f"import {what:38} {float(done.stdout):8.1f} ms CPU")


def simulated(poll_s: int, update_bytes: int, update_files: int) -> None:
    """A day of all clients, second by second; half of the machines sleep at night, and wake within half an hour."""
    numbers = random.Random(1)
    per_second: Counter[int] = Counter()
    bytes_, requests, updates = 0, 0, 0
    published = 11 * 3_600
    queue = [(9 * 3_600 + numbers.uniform(0, 1_800) if n % 2 else numbers.uniform(0, poll_s), n) for n in range(CLIENTS)]  # fmt: skip
    heapq.heapify(queue)
    has = [0] * CLIENTS
    seen: list[float] = []
    while queue:
        at, client = heapq.heappop(queue)
        if at >= HOURS * 3_600:
            continue
        requests += 1
        per_second[int(at)] += 1
        bytes_ += CONDITIONAL + (TLS if poll_s > 60 else 0)
        if at >= published and not has[client]:
            has[client] = 1
            updates += 1
            requests += update_files
            per_second[int(at)] += update_files
            bytes_ += update_bytes + update_files * 400
            seen.append(at - published)
        heapq.heappush(queue, (at + poll_s * numbers.uniform(0.8, 1.2), client))
    seen.sort()
    busiest = max(per_second.values())
    print(
        f"poll {poll_s:4} s: {requests / HOURS / 3_600:6.0f} requests/s in the mean, {busiest:6,} in the busiest second; "
        f"{bytes_ / 1e9:6.1f} GB a day; an update is everywhere after {seen[-1]:5.0f} s (half: {seen[len(seen) // 2]:4.0f} s)"
    )


def main() -> None:
    imports()
    started()
    update = measured()
    print(f"\n{CLIENTS:,} clients, a day, one publication:")
    for poll_s in (300, 3_600) if "--quick" in sys.argv else (60, 300, 3_600):
        simulated(poll_s, *update)


if __name__ == "__main__":
    main()
