"""CPU of reading a streamed reply, and of importing what does it: ``python tests/bench/bench_models.py``.

A server in another process sends text deltas over loopback, one HTTP chunk per event, some events per
write. Each reader below is measured in this process by CPU time, best of several passes; the small
ones do the least that can be called reading a reply. Prints two tables; asserts nothing.
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import httptools  # noqa: E402
import msgspec  # noqa: E402

from devagent.core.events.model import ModelReplied, TextDelta  # noqa: E402
from devagent.models import Credential, open_model  # noqa: E402
from tests.support.model_client import ask  # noqa: E402

try:
    import h11
except ImportError:
    h11 = None

REQUEST = b"POST /%d HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"
WORDS = [
    "time",
    "year",
    "way",
    "day",
    "thing",
    "man",
    "world",
    "life",
    "hand",
    "part",
    "child",
    "eye",
    "place",
    "work",
    "week",
    "case",
]


def wire(deltas: int, batch: int) -> list[bytes]:
    """The response as the pieces that are written."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"content": [], "model": "m", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    for n in range(deltas):
        text = " ".join(WORDS[(n * 7 + k * (n % 5 + 1)) % len(WORDS)] for k in range(4)) + " "
        delta = {"type": "text_delta", "text": text}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    chunks: list[bytes] = []
    for event in events:
        data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        chunks.append(b"%x\r\n%b\r\n" % (len(data), data))
    chunks.append(b"0\r\n\r\n")
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return [head, *(b"".join(chunks[at : at + batch]) for at in range(0, len(chunks), batch))]


async def serve(deltas: int, batch: int) -> None:
    pieces = wire(deltas, batch)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Least:
    """The least reading of events: lines, JSON, the text joined."""

    def __init__(self, loads: Callable[[bytes], Any]) -> None:
        self.loads, self.texts, self.rest, self.over = loads, list[str](), b"", False

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                event = self.loads(line[5:])
                if event["type"] == "content_block_delta":
                    self.texts.append(event["delta"]["text"])
                elif event["type"] == "message_stop":
                    self.over = True


class Chunked:
    """Own parser of a chunked body: as little as works."""

    def __init__(self) -> None:
        self.raw, self.over = b"", False

    def feed(self, data: bytes) -> bytes:
        raw, at, parts = self.raw + data, 0, list[bytes]()
        while (end := raw.find(b"\r\n", at)) >= 0:
            size = int(raw[at:end], 16)
            if len(raw) < end + size + 4:
                break
            if not size:
                self.over = True
                break
            parts.append(raw[end + 2 : end + 2 + size])
            at = end + size + 4
        self.raw = raw[at:]
        return b"".join(parts)


async def by_socket(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(REQUEST % 1)
        raw, least, chunked = b"", Least(json.loads), Chunked()
        while b"\r\n\r\n" not in raw:
            raw += sock.recv(65536)
        data = raw.partition(b"\r\n\r\n")[2]
        while True:
            least.feed(chunked.feed(data))
            if chunked.over:
                return len(least.texts)
            data = sock.recv(262144)


async def by_streams(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(REQUEST % 1)
    await reader.readuntil(b"\r\n\r\n")
    least = Least(json.loads)
    while size := int(await reader.readuntil(b"\r\n"), 16):
        least.feed((await reader.readexactly(size + 2))[:-2])
    writer.close()
    return len(least.texts)


async def by_h11(port: int) -> int:
    assert h11 is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(REQUEST % 1)
    connection = h11.Connection(h11.CLIENT)
    connection.send(
        h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")])
    )
    connection.send(h11.EndOfMessage())
    least = Least(msgspec.json.decode)
    while True:
        connection.receive_data(await reader.read(262144))
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Data):
                least.feed(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                writer.close()
                return len(least.texts)


class Parsing(asyncio.Protocol):
    """A protocol that reads with ``parse``: own chunk reading, or httptools."""

    def __init__(self, own: bool) -> None:
        self.least = Least(msgspec.json.decode)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.head: bytes | None = b""
        self.chunked = Chunked()
        self.bodies: list[bytes] = []
        self.parser = None if own else httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        if self.parser is not None:
            self.parser.feed_data(data)
            self.least.feed(b"".join(self.bodies))
            self.bodies.clear()
        else:
            if self.head is not None:
                self.head += data
                if b"\r\n\r\n" not in self.head:
                    return
                data = self.head.partition(b"\r\n\r\n")[2]
                self.head = None
            self.least.feed(self.chunked.feed(data))
            if self.chunked.over:
                self.done.set_result(None)

    def on_body(self, body: bytes) -> None:
        self.bodies.append(body)

    def on_message_complete(self) -> None:
        self.done.set_result(None)


async def by_protocol(port: int, own: bool) -> int:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(lambda: Parsing(own), "127.0.0.1", port)
    transport.write(REQUEST % 1)
    await protocol.done
    transport.close()
    return len(protocol.least.texts)


async def by_devagent(port: int) -> int:
    model = open_model(
        "claude-sonnet-5-5",
        environment={},
        credential=Credential("api_key", "sk-ant-bench"),
        base_url=f"http://127.0.0.1:{port}",
    )
    bursts, text, reply = 0, 0, None
    async for event in model.reply(ask()):
        if isinstance(event, TextDelta):
            bursts += 1
            text += len(event.text)
        elif isinstance(event, ModelReplied):
            reply = event
    await model.aclose()
    assert reply is not None
    assert len(reply.text) == text
    return bursts


Reader = Callable[[int], Awaitable[int]]
READERS: dict[str, Reader] = {
    "socket, own HTTP, json": by_socket,
    "asyncio streams, own HTTP, json": by_streams,
    "asyncio streams, h11, msgspec": by_h11,
    "asyncio protocol, own HTTP, msgspec": lambda port: by_protocol(port, True),
    "asyncio protocol, httptools, msgspec": lambda port: by_protocol(port, False),
    "devagent: the whole of reply()": by_devagent,
}

IMPORTS = {
    "asyncio": "import asyncio",
    "asyncio, msgspec": "import asyncio, msgspec",
    "asyncio, msgspec, httptools": "import asyncio, msgspec, httptools",
    "asyncio, msgspec, h11": "import asyncio, msgspec, h11",
    "devagent: the messages path": "import devagent.models.messages",
    "devagent: a rehearsal": "import devagent.models.rehearsal",
}


def cpu_ms(reader: Reader, port: int, deltas: int, passes: int) -> float:
    """CPU milliseconds per 1,000 deltas, best of ``passes``."""

    async def once() -> float:
        await reader(port)  # connections, caches, first imports
        began = time.process_time()
        await reader(port)
        return time.process_time() - began

    return min(asyncio.run(once()) for _ in range(passes)) * 1e6 / deltas


def import_ms(statement: str, passes: int) -> float:
    """CPU milliseconds of an import in a new process, best of ``passes``."""
    program = f"import time; b = time.process_time(); {statement}; print(time.process_time() - b)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for _ in range(passes)
    ]
    return min(float(done.stdout) for done in runs) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="What reading a streamed reply costs.")
    parser.add_argument("--deltas", type=int, default=20_000)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--serve", type=int, metavar="EVENTS_PER_WRITE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.deltas, options.serve))
        return
    readers = {name: r for name, r in READERS.items() if h11 is not None or "h11" not in name}
    batches = (64, 1)
    figures: dict[str, list[float]] = {name: [] for name in readers}
    for batch in batches:
        command = [sys.executable, __file__, "--deltas", str(options.deltas), "--serve", str(batch)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdin is not None
            port = int(server.stdout.readline())
            for name, reader in readers.items():
                figures[name].append(cpu_ms(reader, port, options.deltas, options.passes))
            server.stdin.close()
    floors = list(figures.values())[:2]
    print(f"CPU ms per 1,000 deltas ({options.deltas} in one reply, best of {options.passes})\n")
    print(
        f"{'reader':38} {'64 a write':>10} {'to socket':>10} {'to streams':>10} {'1 a write':>10}"
    )
    for name, (many, one) in figures.items():
        ratios = " ".join(f"{many / floor[0]:10.2f}" for floor in floors)
        print(f"{name:38} {many:10.2f} {ratios} {one:10.2f}")
    print(f"\nCPU ms of an import, best of {options.passes}\n")
    for name, statement in IMPORTS.items():
        if h11 is not None or "h11" not in statement:
            print(f"{name:38} {import_ms(statement, options.passes):10.1f}")


if __name__ == "__main__":
    main()
