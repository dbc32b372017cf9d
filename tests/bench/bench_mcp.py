"""A third party's tool over stdio: through gate and log, beside the bare SDK client; and what a start costs.

    python -m tests.bench.bench_mcp [--calls 300]

Prints a table of microseconds per call; nothing here passes or fails by the clock. ``paired``: a call of the bare client
after each governed one, so that a busy machine troubles both alike; their ratio is by the lower quartiles and the medians.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from mcp import Client, StdioServerParameters

from devagent.agent.asking import Asking, Terms
from devagent.agent.evidence import Circumstances
from devagent.agent.floor import Floor
from devagent.agent.gate import Gate
from devagent.agent.loop import Agent
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.audit.tap import tapped
from devagent.audit.writer import SessionLog
from devagent.core.approvals import ApprovalBounds
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.limits import Limits
from devagent.host.mcp.config import parse_server
from devagent.host.mcp.extension import McpExtension
from devagent.host.toolbox import Extensions
from devagent.policy import compile_policy, parse
from tests.support.agent_parts import ANA, FakeApprovals, FakeApprover, FakeModel, reply, said, use
from tests.support.mcp_servers import HOSTILE, fault, hostile, lock_in

POLICY = b"""\
version = 1
name = "bench"
layer = "org"
default = "deny"
[[rule]]
id = "echo"
effect = "allow"
tools = ["odd.*"]
"""


async def timed(calls: int, call: Callable[[], Awaitable[object]]) -> list[float]:
    """Microseconds of each call, after three that are not counted."""
    for _ in range(3):
        await call()
    took: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1e6)
    return took


SDK_SERVER = """
from mcp.server import MCPServer
app = MCPServer("sdk")
@app.tool(structured_output=False)
def echo(text: str) -> str:
    return text
app.run("stdio")
"""
SERVERS = {"plain": ["-S", HOSTILE, "ok"], "on the SDK": ["-c", SDK_SERVER]}


async def bare(server: str, calls: int) -> list[float]:
    """The SDK's own client over its own transport."""
    parameters = StdioServerParameters(command=sys.executable, args=SERVERS[server])
    async with Client(parameters) as client:
        return await timed(calls, lambda: client.call_tool("echo", {"text": "hi"}))


async def extension(folder: Path, server: str, tool_class: str) -> McpExtension:
    table = {**hostile("ok", classes={"echo": tool_class}), "args": SERVERS[server]}
    made = McpExtension(parse_server("odd", table, fault), lock_in(folder), folder=str(folder))
    made.pin(await made.look(), how="approved", on="2026-11-20")
    return made


async def alone(folder: Path, server: str, calls: int) -> list[float]:
    """The extension without gate and log: our transport, our cleaning."""
    made = await extension(folder, server, "read")
    try:
        return await timed(calls, lambda: made.run("echo", {"text": "hi"}, {}))
    finally:
        await made.aclose()


Beside = Callable[[], Awaitable[object]]


async def paired(
    folder: Path, server: str, calls: int, tool_class: str
) -> tuple[list[float], list[float]]:
    """Governed calls, and a bare one after each."""
    parameters = StdioServerParameters(command=sys.executable, args=SERVERS[server])
    bare: list[float] = []
    async with Client(parameters) as client:

        async def beside() -> None:
            began = time.perf_counter()
            await client.call_tool("echo", {"text": "hi"})
            bare.append((time.perf_counter() - began) * 1e6)

        took = await governed(folder, server, calls, tool_class, beside)
    return took, bare[3:]


async def governed(
    folder: Path, server: str, calls: int, tool_class: str, beside: Beside | None = None
) -> list[float]:
    """Judged, logged, run, judged again, logged: from the call's first event to its last. ``beside`` is done after each."""
    made = await extension(folder, server, tool_class)
    toolbox = Extensions([made])
    judge = compile_policy([parse(POLICY, "bench.toml", org=True)])
    same = Circumstances(principal=ANA, mode="run", interactive=False, today=lambda: "2026-11-20")
    terms = Terms(str(folder), same.today, ApprovalBounds())
    gate = Gate(
        judge,
        toolbox,
        Asking(FakeApprover(), FakeApprovals(), terms),
        same,
        Floor(str(folder), ()),
        lambda _, text: text,
    )
    replies = [
        reply(*(use(f"t{n}", "odd__echo", text="hi") for n in range(calls + 3))), reply(said("Done.")),
    ]  # fmt: skip
    agent = Agent(
        FakeModel(*replies),
        gate,
        toolbox,
        system="",
        limits=Limits(),
        safeguards=Safeguards(OwnFiles(())),
    )
    log = SessionLog.create(str(folder / "sessions"))
    took: list[float] = []
    try:
        began = 0.0
        turn: AsyncGenerator[Event, None] = tapped(agent.turn("go"), log)
        async with aclosing(turn) as events:
            async for event in events:
                if event.__struct_config__.tag == "tool.called":
                    began = time.perf_counter()
                elif isinstance(event, ToolFinished):
                    took.append((time.perf_counter() - began) * 1e6)
                    if beside is not None:
                        await beside()
    finally:
        log.close()
        await toolbox.aclose()
    return took[3:]


async def start(folder: Path) -> float:
    """Milliseconds from nothing to a listing, the SDK being imported already."""
    made = McpExtension(
        parse_server("odd", hostile("ok"), fault), lock_in(folder), folder=str(folder)
    )
    began = time.perf_counter()
    await made.look()
    took = (time.perf_counter() - began) * 1e3
    await made.aclose()
    return took


async def cold(folder: Path, server: str) -> tuple[float, float]:
    """Milliseconds of a first call, the server's start in it, and of that start alone: until it answers ``initialize``."""
    made = await extension(folder, server, "read")
    await made.running.rest()
    began = time.perf_counter()
    result = await made.run("echo", {"text": "hi"}, {})
    took = (time.perf_counter() - began) * 1e3
    await made.aclose()
    if result.failed:
        raise SystemExit(result.text)
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *SERVERS[server],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    about = {"clientInfo": {"name": "bench", "version": "1"}, "capabilities": {}}
    params = {"protocolVersion": "2025-11-25", **about}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    if process.stdin is None or process.stdout is None:
        raise SystemExit("no pipes")
    process.stdin.write(json.dumps(request).encode() + b"\n")
    await process.stdout.readline()
    alone_ms = (time.perf_counter() - began) * 1e3
    process.kill()
    await process.wait()
    return took, alone_ms


def tell(server: str, rows: dict[str, list[float]]) -> None:
    base = statistics.median(rows["bare SDK client, SDK transport"])
    for name, took in rows.items():
        middle, high = statistics.median(took), statistics.quantiles(took, n=10)[-1]
        row = f"server {server}: {name}"
        print(f"{row:50} {min(took):8.0f} {middle:8.0f} {high:8.0f} {middle / base:6.2f}")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=300)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir(mode=0o700)
        print(f"{'one echo call over stdio, µs':50} {'min':>8} {'p50':>8} {'p90':>8} {'ratio':>6}")
        for server in SERVERS:
            rows = {
                "bare SDK client, SDK transport": await bare(server, calls),
                "extension alone (own transport)": await alone(folder, server, calls),
                "gate and log, class read": await governed(folder, server, calls, "read"),
                "gate and log, class exec": await governed(folder, server, calls, "exec"),
            }
            tell(server, rows)
            for tool_class in ("read", "exec"):
                ours, bare_ones = await paired(folder, server, calls, tool_class)
                low, middle = (
                    statistics.quantiles(ours, n=4)[n] / statistics.quantiles(bare_ones, n=4)[n]
                    for n in (0, 1)
                )
                name = f"server {server}: paired, class {tool_class}"
                print(f"{name:50} lower quartile x {low:.2f}, median x {middle:.2f}")
        for server in SERVERS:
            pairs = [await cold(folder, server) for _ in range(5)]
            ours, own = min(took for took, _ in pairs), min(alone_ms for _, alone_ms in pairs)
            print(
                f"server {server}: first call cold {ours:.0f} ms, its own start alone {own:.0f} ms"
            )
        first = [await start(folder) for _ in range(5)]
    print(f"start and listing of a small server: {min(first):.0f}–{max(first):.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
