"""What the chat's screen costs, on a real pseudo-terminal: ``python -m tests.bench.bench_terminal``.

First prompt (wall, from the process's start), bytes written to the terminal and CPU time per streamed token,
opening a session of 10,000 messages, and memory while turn follows turn. The service is on loopback and streams at
a given pace; a token is four characters of Markdown.
"""

import argparse
import asyncio
import fcntl
import json
import os
import pty
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
NOTHING: dict[str, str] = {}
LIMIT_S = 900
WORK = "work"
READY = "policy org/"
"""Stands there once a session is open."""
TICKS = os.sysconf("SC_CLK_TCK")
TEXT = """## A heading, and what follows

Some **bold words** in a paragraph that is long enough to be wrapped, with `code` and a [link](https://example.com/x).

- a point of a list, of about a line's length, so that it is like what a model says
- another one, shorter

```python
def answer(question: str) -> int:
    return 42  # of course
```

"""


class Service:
    """Speaks just enough of the Messages API: every request is answered with so many tokens, at so many a second
    (0: at once). ``calls``: each prompt is answered with a call first, and usage is as the conversation is long."""

    def __init__(self, tokens: int, pace: int, *, calls: bool = False) -> None:
        self.tokens, self.pace, self.calls = tokens, pace, calls
        self.requests = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next(
                    (
                        int(row[15:])
                        for row in head.split("\r\n")
                        if row.startswith("content-length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                self.requests += 1
                if self.calls and not _is_result(body):
                    await self._call(writer, length // 4)
                else:
                    await self._answer(writer, length // 4 if self.calls else 10)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    async def _call(self, writer: asyncio.StreamWriter, length: int) -> None:
        self._begin(writer, length)
        use = {
            "type": "tool_use",
            "id": f"call_{self.requests}",
            "name": "workspace__read",
            "input": NOTHING,
        }
        self._send(writer, "content_block_start", {"index": 0, "content_block": use})
        delta = {"type": "input_json_delta", "partial_json": json.dumps({"path": "notes.md"})}
        self._send(writer, "content_block_delta", {"index": 0, "delta": delta})
        await self._end(writer, "tool_use", 40)

    def _begin(self, writer: asyncio.StreamWriter, length: int) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        usage = {"input_tokens": length, "output_tokens": 1}
        message: dict[str, object] = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "usage": usage,
        }
        self._send(writer, "message_start", {"message": message})

    async def _answer(self, writer: asyncio.StreamWriter, length: int) -> None:
        self._begin(writer, length)
        self._send(
            writer,
            "content_block_start",
            {"index": 0, "content_block": {"type": "text", "text": ""}},
        )
        whole = TEXT * (self.tokens * 4 // len(TEXT) + 1)
        began, sent = time.monotonic(), 0
        while sent < self.tokens:
            due = (
                self.tokens
                if not self.pace
                else min(self.tokens, int((time.monotonic() - began) * self.pace) + 1)
            )
            for number in range(sent, due):
                piece = whole[number * 4 : number * 4 + 4]
                self._send(
                    writer,
                    "content_block_delta",
                    {"index": 0, "delta": {"type": "text_delta", "text": piece}},
                )
                if number % 200 == 0:
                    await writer.drain()
            sent = due
            await writer.drain()
            if self.pace:
                await asyncio.sleep(0.01)
        await self._end(writer, "end_turn", self.tokens)

    async def _end(self, writer: asyncio.StreamWriter, reason: str, tokens: int) -> None:
        self._send(writer, "content_block_stop", {"index": 0})
        delta = {"stop_reason": reason, "stop_sequence": None}
        self._send(writer, "message_delta", {"delta": delta, "usage": {"output_tokens": tokens}})
        self._send(writer, "message_stop", {})
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _send(self, writer: asyncio.StreamWriter, kind: str, fields: dict[str, object]) -> None:
        data = f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def _is_result(body: bytes) -> bool:
    """Whether the last message brings a call's result, or is no prompt of a person's."""
    content: Any = json.loads(body)["messages"][-1]["content"]
    last: dict[str, Any] = {"type": "text", "text": content}
    if not isinstance(content, str):
        last = content[-1]
    return last["type"] == "tool_result" or not str(last.get("text", "")).startswith("turn ")


def _arrive(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_result(None)


class Screen(Struct):
    """The program on a terminal: all that it wrote."""

    process: "subprocess.Popen[bytes]"
    terminal: int
    began: float
    seen: bytearray

    async def until(self, wanted: str, after: int = 0) -> float:
        """Seconds from the process's start until it had written that."""
        loop = asyncio.get_running_loop()
        end = time.monotonic() + LIMIT_S
        while wanted.encode() not in self.seen[after:]:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"no {wanted!r} in {bytes(self.seen[-2000:])!r}")
            arrived: asyncio.Future[None] = loop.create_future()
            loop.add_reader(self.terminal, _arrive, arrived)
            try:
                await asyncio.wait_for(arrived, LIMIT_S)
            finally:
                loop.remove_reader(self.terminal)
            try:
                self.seen += os.read(self.terminal, 1 << 16)
            except OSError as error:  # it has left
                raise AssertionError(f"no {wanted!r} in {bytes(self.seen[-2000:])!r}") from error
        return time.monotonic() - self.began

    def types(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    @property
    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def megabytes(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


def start(home: str, address: str, *arguments: str) -> Screen:
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {
        **os.environ, "DEVAGENT_HOME": home, "TERM": "xterm-256color", "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": "sk-bench", "PYTHONPATH": os.pathsep.join(str(ROOT / one) for one in (".", "extensions", "policies")),
    }  # fmt: skip
    # A folder of its own: what lies beside devagent's own files no call may read.
    os.makedirs(work := os.path.join(home, WORK), exist_ok=True)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "devagent", *arguments], stdin=other, stdout=other, stderr=other,
        cwd=work, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(other)
    return Screen(process, main, began, bytearray())


async def first_prompt(home: str, rounds: int) -> None:
    times: list[float] = []
    for _ in range(rounds):
        screen = start(home, "http://127.0.0.1:9")
        times.append(await screen.until("›"))
        screen.close()
    print(f"first prompt            {statistics.median(times) * 1000:8.0f} ms (median of {rounds})")


async def streaming(home: str, tokens: int, pace: int) -> None:
    service = Service(tokens, pace)
    screen = start(home, await service.start())
    try:
        await screen.until(READY)
        before, cpu, memory = len(screen.seen), screen.cpu, screen.megabytes
        began = time.monotonic()
        screen.types("go\r")
        await screen.until("done", before)
        wall, used = time.monotonic() - began, screen.cpu - cpu
        written = len(screen.seen) - before
        how = f"{tokens:,} tokens at {pace}/s" if pace else f"{tokens:,} tokens at once"
        print(f"{how:24}{written / tokens:8.1f} bytes a token")
        print(
            f"{'':24}{100 * used / wall:8.1f} % of a core, {used * 1e6 / tokens:.0f} µs a token, +{screen.megabytes - memory:.1f} MB"
        )
    finally:
        screen.close()
        await service.stop()


async def many_turns(home: str, turns: int) -> None:
    """A day of work: a prompt, a call, an answer, again and again, the window filled and put in short on the way."""
    service = Service(400, 0, calls=True)
    Path(home, WORK).mkdir(exist_ok=True)
    Path(home, WORK, "notes.md").write_text(TEXT * 4, encoding="utf-8")
    screen = start(home, await service.start())
    try:
        await screen.until(READY)
        marks: list[float] = []
        compactions = 0
        for number in range(turns):
            screen.seen.clear()
            screen.types(f"turn {number}\r")
            await screen.until("done")
            compactions += screen.seen.count(b"conversation compacted")
            if number % (turns // 8) == turns // 8 - 1:
                marks.append(screen.megabytes)
        print(f"{f'{turns:,} turns':24}{' → '.join(f'{one:.1f}' for one in marks)} MB, {service.requests:,} requests, {compactions} compactions, {screen.cpu:.0f} s of CPU")  # fmt: skip
        print(f"{'':24}in their second half {marks[-1] - marks[len(marks) // 2 - 1]:+.1f} MB")
    finally:
        screen.close()
        await service.stop()


async def large_session(home: str, messages: int, rounds: int) -> None:
    """Wall time, from the process's start until the prompt stands there, until the last turns do, and until the session
    can be gone on with."""
    from tests.bench.bench_sessions import Words, conversation, write

    service = Service(20, 0)
    address = await service.start()
    found: list[tuple[float, float, float, float, float]] = []
    for number in range(rounds):
        # Each time another: what was remembered of one is not at hand for the next.
        root = os.path.join(home, "sessions")
        talk = os.path.basename(write(root, number, conversation(Words(), messages)))
        screen = start(home, address, "chat", "--model", "claude-sonnet-5-5", "--resume", talk)
        try:
            prompt = await screen.until("›")
            drawn = await screen.until("session replay")
            ready = await screen.until("session resumed")
            found.append((prompt, drawn, ready, screen.cpu, screen.megabytes))
        finally:
            screen.close()
    await service.stop()
    prompt, drawn, ready, cpu, megabytes = (
        statistics.median(column) for column in zip(*found, strict=True)
    )
    print(
        f"{f'{messages:,} messages':24}{prompt * 1000:8.0f} ms to the prompt, {drawn * 1000:.0f} ms to its last turns, "
        f"{ready * 1000:.0f} ms until open ({cpu * 1000:.0f} ms of CPU, {megabytes:.0f} MB; median of {rounds})"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--pace", type=int, default=80)
    parser.add_argument("--paced-tokens", type=int, default=4_000)
    parser.add_argument("--turns", type=int, default=2_000)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--only", choices=["prompt", "stream", "turns", "session"])
    chosen = parser.parse_args()
    home = tempfile.mkdtemp(prefix="devagent-bench-")
    try:
        if chosen.only in (None, "prompt"):
            await first_prompt(home, 11)
        if chosen.only in (None, "stream"):
            await streaming(home, chosen.paced_tokens, chosen.pace)
            await streaming(home, chosen.tokens, 0)
        if chosen.only in (None, "turns"):
            await many_turns(home, chosen.turns)
        if chosen.only in (None, "session"):
            for messages in (40, chosen.messages):
                await large_session(home, messages, 5)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
