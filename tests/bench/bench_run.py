"""What one run costs, beside the smallest programs that could do it: ``python -m tests.bench.bench_run``.

First request (wall from the process's start until the service has read it, and CPU to the end of a
run that says one word), a tool round through gate, log and an in-process extension, 1,000 streamed
deltas, peak memory. The programs take turns; figures are medians, ratios are to ``http.client``.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from tests.support.messages_server import Call, MessagesServer, Recorded, Step
from tests.support.shop import build_shop

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60
ROUNDS, FEW = 40, 3
"""Rounds of a run, and of one that only pays what is paid once: the extension and its parser are loaded."""
DELTAS = 20_000

FLOOR = """
import http.client, json, os, sys
host, _, port = os.environ["ANTHROPIC_BASE_URL"].removeprefix("http://").partition(":")
connection = http.client.HTTPConnection(host, int(port))
messages = [{"role": "user", "content": "go"}]
while True:
    body = json.dumps({"model": "m", "max_tokens": 9, "stream": True, "messages": messages})
    connection.request("POST", "/v1/messages", body, {"x-api-key": "k", "content-type": "application/json"})
    answer, call = connection.getresponse(), None
    for line in answer:
        if line.startswith(b"data: "):
            event = json.loads(line[6:])
            if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
                call = event["content_block"]["id"]
    if call is None:
        break
    messages.append({"role": "assistant", "content": [{"type": "tool_use", "id": call, "name": "t", "input": {}}]})
    messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "1"}]})
"""


PEAK = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""A small program between: a process's peak counts what it inherited from the one that started it."""


class Run(Struct):
    """One run, in seconds."""

    wall: float
    first: float
    cpu: float
    rounds: list[float]


async def once(
    command: list[str], environment: Mapping[str, str], folder: str, steps: list[Step]
) -> Run:
    """Run a program against a service with these steps."""
    seen: list[float] = []

    def noted(_: Recorded) -> None:
        seen.append(time.perf_counter())

    async with MessagesServer(steps) as server:
        server.on_request.append(noted)
        began = time.perf_counter()
        environment = {**environment, "ANTHROPIC_BASE_URL": server.base_url}
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        waited = asyncio.to_thread(os.wait4, process.pid, 0)
        _, status, usage = await asyncio.wait_for(waited, LIMIT_S)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    rounds = [after - before for before, after in itertools.pairwise(seen)]
    return Run(wall, seen[0] - began, usage.ru_utime + usage.ru_stime, rounds)


async def peak_mib(
    command: list[str], environment: Mapping[str, str], folder: str, steps: list[Step]
) -> float:
    """The peak memory of one run, in MiB."""
    async with MessagesServer(steps) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", PEAK),
            *command,
            cwd=folder,
            env={**environment, "ANTHROPIC_BASE_URL": server.base_url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    return int(said) / (1024 * 1024 if sys.platform == "darwin" else 1024)


def prepared(folder: str) -> dict[str, str]:
    """A home with a shop that its owner lets the agent read; the environment of a run there."""
    build_shop(os.path.join(folder, "shop.db"))
    home = os.path.join(folder, "devagent")
    os.mkdir(home, 0o700)
    files = {
        "config.toml": '[extensions.sql.sources.shop]\ntype = "sqlite"\npath = "shop.db"\n',
        "policy.toml": '[[rule]]\nid = "shop"\neffect = "allow"\ntools = ["sql.*"]\n',
    }
    for name, text in files.items():
        Path(home, name).write_text(text, encoding="utf-8")
        os.chmod(os.path.join(home, name), 0o600)
    roots = os.pathsep.join(str(ROOT / part) for part in (".", "extensions", "policies"))
    return {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "DEVAGENT_HOME": home,
        "ANTHROPIC_API_KEY": "bench",
        "PYTHONPATH": roots,
    }


def scenarios() -> dict[str, list[Step]]:
    """Name → what the service answers."""
    # Never three equal calls in a row: that is going in circles, and ends the turn.
    other = Call("sql__describe", {"source": "shop"})
    light = [other if n % 3 == 2 else Call("sql__sources") for n in range(ROUNDS)]
    query = [
        Call("sql__query", {"source": "shop", "sql": f"SELECT count(*) + {n} FROM orders"})
        for n in range(ROUNDS)
    ]
    return {
        "hello": [Step(text="Hello.")],
        "few": [*(Step(calls=[call]) for call in light[:FEW]), Step(text="Done.")],
        "light": [*(Step(calls=[call]) for call in light), Step(text="Done.")],
        "query": [*(Step(calls=[call]) for call in query), Step(text="Done.")],
        "long": [Step(text=["four tokens of it "] * DELTAS)],
    }


def middle(seconds: list[float]) -> float:
    """The median in milliseconds."""
    return statistics.median(seconds) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="What one run costs.")
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--devagent", default="", help="An installed command; else this checkout.")
    options = parser.parse_args()
    own = [options.devagent] if options.devagent else [sys.executable, "-m", "devagent"]
    programs = {
        "http.client": [sys.executable, "-I", "-c", FLOOR],
        "devagent run": [*own, "run", "go"],
    }
    found: dict[tuple[str, str], list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = prepared(folder)
        for number in range(options.passes + 1):  # the first, with cold caches, is not counted
            for scenario, steps in scenarios().items():
                for program, command in programs.items():
                    run = asyncio.run(once(command, environment, folder, steps))
                    if number:
                        found.setdefault((program, scenario), []).append(run)
        peaks = {
            scenario: [
                asyncio.run(peak_mib(command, environment, folder, scenarios()[scenario]))
                for command in programs.values()
            ]
            for scenario in ("hello", "long")
        }
    print(
        f"medians of {options.passes} runs, {os.cpu_count()} cores, Python {sys.version.split()[0]}\n"
    )
    print(f"{'':56}" + "".join(f"{name:>14}" for name in programs) + f"{'ratio':>8}")
    rows: dict[str, tuple[str, Callable[[Run, Run], float]]] = {
        "first request, wall ms": ("hello", lambda r, _: r.first * 1e3),
        "hello, wall ms": ("hello", lambda r, _: r.wall * 1e3),
        "hello, CPU ms": ("hello", lambda r, _: r.cpu * 1e3),
        "tool round (a list in memory), wall ms": ("light", lambda r, _: middle(r.rounds)),
        "tool round (a list in memory), CPU ms": (
            "light",
            lambda r, f: (r.cpu - f.cpu) / (ROUNDS - FEW) * 1e3,
        ),
        f"the first {FEW} rounds (the extension is loaded), CPU ms": (
            "few",
            lambda r, h: (r.cpu - h.cpu) * 1e3,
        ),
        "tool round (an SQL query), wall ms": ("query", lambda r, _: middle(r.rounds)),
        "tool round (an SQL query), CPU ms": ("query", lambda r, h: (r.cpu - h.cpu) / ROUNDS * 1e3),
        "1,000 deltas, CPU ms": ("long", lambda r, h: (r.cpu - h.cpu) / DELTAS * 1e6),
    }
    for name, (scenario, figure) in rows.items():
        values: list[float] = []
        for program in programs:
            base = "few" if name.startswith("tool round (a list in memory), CPU") else "hello"
            least = min(found[program, base], key=lambda r: r.cpu)
            values.append(statistics.median(figure(r, least) for r in found[program, scenario]))
        print(row(name, values))
    for scenario, values in peaks.items():
        print(row(f"peak memory of {scenario}, MiB", values))


def row(name: str, values: list[float]) -> str:
    """One line of the table: the figures, and the second's ratio to the first."""
    return f"{name:56}" + "".join(f"{v:14.2f}" for v in values) + f"{values[1] / values[0]:8.2f}"


if __name__ == "__main__":
    main()
