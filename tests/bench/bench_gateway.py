"""The gateway over HTTP: many clients at once, reads through an in-process extension.

Prints calls a second, the server's CPU for a call, and the time a call takes, beside the SDK's own server
with one tool that does nothing. The clients are plain sockets (the 2026-07-28 revision: one request a call), so that
their own cost stays small; it is printed, as they run on the same cores. The machine's load is printed with it: on a busy one
only the processor time means something.

    python tests/bench/bench_gateway.py [CLIENTS] [CALLS]
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
_BARE = """
import asyncio, socket, sys, uvicorn
from mcp.server import Server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool
async def tools(context, params):
    return ListToolsResult(tools=[Tool(name="workspace__read", input_schema={"type": "object"})])
async def call(context, params):
    return CallToolResult(content=[TextContent(text="one")])
server = Server("bare", on_list_tools=tools, on_call_tool=call)
listening = socket.create_server(("127.0.0.1", 0))
print(f"serving http://127.0.0.1:{listening.getsockname()[1]}/mcp", file=sys.stderr, flush=True)
config = uvicorn.Config(server.streamable_http_app(), log_level="warning", access_log=False)
asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
"""


READS: dict[str, dict[str, str]] = {"workspace__read": {"path": "a.txt"}, "docs__collections": {}}
"""A read that resolves a path and opens a file, and one that answers from memory."""


def request(token: str, port: int, tool: str) -> bytes:
    params: dict[str, Any] = {"name": tool, "arguments": READS[tool], "_meta": _META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body.encode()


async def client(port: int, data: bytes, calls: int, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(calls):
        began = time.perf_counter()
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        length = [h for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")]
        if length:
            body = await reader.readexactly(int(length[0].split(b":")[1]))
        else:
            body = await reader.readuntil(b"0\r\n\r\n")
        if b'"isError":false' not in body:
            raise SystemExit(body.decode())
        took.append(time.perf_counter() - began)
    writer.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    name: str,
    command: list[str],
    token: str,
    clients: int,
    calls: int,
    tool: str = "workspace__read",
) -> None:
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            port = int(server.stderr.readline().rpartition(":")[2].partition("/")[0])
            data = request(token, port, tool)
            await client(port, data, 20, [])
            took: list[float] = []
            before, own, began = cpu_s(server.pid), time.process_time(), time.perf_counter()
            each = calls // clients
            await asyncio.gather(*(client(port, data, each, took) for _ in range(clients)))
            wall, cpu = time.perf_counter() - began, cpu_s(server.pid) - before
            own = time.process_time() - own
            done = len(took)
            p95 = statistics.quantiles(took, n=20)[-1]
            print(
                f"{name:28} {clients:7} {done:7} {done / wall:9.0f} {cpu / done * 1e6:13.0f} {done / cpu:11.0f}"
                f" {own / done * 1e6:13.0f} {statistics.median(took) * 1e3:10.1f} {p95 * 1e3:8.1f}"
            )
        finally:
            server.terminate()


async def main() -> None:
    """Print the table."""
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 4_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DEVAGENT_HOME"] = f"{folder}/home"
        work, home = Path(folder, "work"), Path(folder, "home")
        work.mkdir()
        home.mkdir(0o700)
        config = home / "config.toml"
        config.write_text(f'[extensions.docs.collections.work]\npath = "{work}"\n')
        config.chmod(0o600)
        (work / "a.txt").write_text("one\n")
        program = [sys.executable, "-m", "devagent", "mcp"]
        added = [*program, "token", "add", "bench"]
        token = subprocess.run(added, check=True, capture_output=True, text=True).stdout.strip()
        print(f"load {os.getloadavg()[0]:.1f}")
        print(
            "server                       clients   calls   calls/s  server µs CPU  calls/CPU s  client µs CPU    p50 ms   p95 ms"
        )
        bare = [sys.executable, "-c", _BARE]
        served = [*program, "serve", "--http", "127.0.0.1:0", "--extension", "workspace", "--extension", "docs", "-C", str(work)]  # fmt: skip
        for count in sorted({1, clients}):
            # One client alone waits for each answer: of the SDK's own server 44 ms, so fewer do.
            some = calls if count > 1 else calls // 10
            await measure("SDK, bare", bare, token, count, some)
            for tool in READS:
                await measure(f"devagent, {tool}", served, token, count, some, tool)


if __name__ == "__main__":
    asyncio.run(main())
