"""A server's process and its pipes under the ``mcp`` SDK's client, with limits on all that comes from them.

The SDK's own stdio transport has none: one long line holds the event loop for seconds, and one bad tool
takes the whole listing with it. Here

- a line, and all that comes between two requests of ours, has a length at which the server is cut off;
- what is no message is dropped, and counted; too much of it ends the server;
- listings of tools are taken aside as they came (``listing``), and the client gets no more of them than their names;
- standard error is read always and kept as a short tail, never shown on the screen;
- the server's process ending, or its output, ends the conversation at once, whoever still holds its pipes;
- on leaving its standard input is closed, then its whole process group is ended, within limits; where devagent is killed, by
  ``orphans``.

Imports ``mcp``: only for use when a server is started.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCRequest, jsonrpc_message_adapter

from devagent.core.codec import canonical, parse
from devagent.core.text import one_line
from devagent.host.mcp import orphans
from devagent.host.mcp.listing import as_known, names_only
from devagent.policy.plain import is_table

MAX_LINE = 8 << 20
MAX_BETWEEN = 64 << 20
MAX_LINES_BETWEEN = 20_000
MAX_GARBAGE = 200
MAX_QUEUED = 1 << 20
TAIL_LINES, TAIL_WIDTH = 40, 400
STDIN_GRACE_S, TERM_GRACE_S, KILL_GRACE_S = 0.5, 1.0, 2.0
LAST_WORDS_S = 0.2
"""After the process has ended: how long what is still in the pipe is read, where others hold it open."""

Streams = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]


class GuardedStdio:
    """One process of a server; ``async with`` gives the streams that ``mcp.Client`` takes."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
        self._argv = argv
        self._env = env
        self._cwd = cwd
        self._pipes = _Pipes()
        self._transport: asyncio.SubprocessTransport | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._listings: set[str] = set()
        self._task_calls: set[str] = set()
        self.listing: list[Any] = []
        """The tools of all pages that came since it was last cleared, as they were sent."""
        self.unfit: list[tuple[str, str]] = []
        self.error = ""

    @property
    def started(self) -> bool:
        """Whether there is, or was, a process."""
        return self._transport is not None

    @property
    def gone(self) -> asyncio.Event:
        """Set when nothing more will come."""
        return self._pipes.ended

    @property
    def fault(self) -> str:
        """Why the server was cut off, or how its process ended; "" while all is well."""
        if self._pipes.fault:
            return self._pipes.fault
        code = self._transport.get_returncode() if self._transport else None
        if code is not None:
            return f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}"
        return "it closed its output" if self.gone.is_set() else ""

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines of its standard error, safe to show."""
        return tuple(self._pipes.tail)

    @property
    def received(self) -> int:
        """Bytes of its output so far."""
        return self._pipes.received

    def cut(self, why: str) -> None:
        """Take nothing more of it."""
        self._pipes.cut(why)

    async def __aenter__(self) -> Streams:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.subprocess_exec(
            lambda: self._pipes,
            *self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )
        orphans.watch(self._transport.get_pid())
        to_client, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, from_client = anyio.create_memory_object_stream[SessionMessage](0)
        self._tasks = [
            loop.create_task(self._reading(to_client)),
            loop.create_task(self._writing(from_client, self._transport.get_pipe_transport(0))),
        ]
        return read, write

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        transport = self._transport
        if transport is None:
            return
        try:
            if stdin := transport.get_pipe_transport(0):
                stdin.close()
            self._pipes.drop()
            if not await self._exited(STDIN_GRACE_S):
                self._signal(signal.SIGTERM)
                await self._exited(TERM_GRACE_S)
        finally:
            # Always, and also where this task is cancelled once more: its helpers may outlive the server.
            self._signal(signal.SIGKILL)
            for task in self._tasks:
                task.cancel()
            try:
                await self._exited(KILL_GRACE_S)
                await asyncio.gather(*self._tasks, return_exceptions=True)
            finally:
                transport.close()
                orphans.let_go(transport.get_pid())

    async def _exited(self, limit_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._pipes.exited.wait()
        return self._pipes.exited.is_set()

    def _signal(self, number: signal.Signals) -> None:
        transport = self._transport
        if transport is not None and (pid := transport.get_pid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

    async def _reading(self, to_client: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        try:
            async with to_client:
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    while (line := await self._pipes.line()) is not None:
                        message = self._message(line)
                        if message is not None:
                            await to_client.send(message)
        finally:
            self._pipes.end()  # whatever ended the reading: nobody waits for more

    def _message(self, line: bytes) -> SessionMessage | None:
        if not line.strip():
            return None
        try:
            if self._listings or self._task_calls:
                line = self._made_ready(line)
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except (ValueError, RecursionError) as e:
            if isinstance(e, RecursionError) or "recursion" in str(e) or "too deeply" in str(e):
                self._pipes.cut("it sent a message that is nested too deeply")
            else:
                self._pipes.garbage(line)
            return None

    def _made_ready(self, line: bytes) -> bytes:
        """The line; where it answers a listing, with the tools taken aside and only their names left."""
        message = parse(line)
        if is_table(message) and str(message.get("id")) in self._task_calls:
            self._task_calls.discard(str(message["id"]))
            as_known(message.get("result"))
            return canonical(message)
        if not is_table(message) or str(message.get("id")) not in self._listings:
            return line
        self._listings.discard(str(message["id"]))
        tools = names_only(message.get("result"))
        if tools is None:
            return line
        self.listing += tools
        return canonical(message)

    async def _writing(
        self, from_client: MemoryObjectReceiveStream[SessionMessage], stdin: Any
    ) -> None:
        async with from_client:
            async for session_message in from_client:
                message = session_message.message
                if isinstance(message, JSONRPCRequest):
                    self._pipes.begin()
                    if message.method == "tools/list":
                        self._listings.add(str(message.id))
                    elif "task" in (message.params or {}):
                        self._task_calls.add(str(message.id))
                data = message.model_dump_json(by_alias=True, exclude_unset=True).encode()
                if stdin.is_closing():
                    return
                stdin.write(data + b"\n")
                await self._pipes.writable.wait()


class _Pipes(asyncio.SubprocessProtocol):
    """What comes out of the process: lines of its output, the tail of its errors, its end."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.exited = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.fault = ""
        self.received = 0
        self._transport: asyncio.SubprocessTransport | None = None
        self._lines: deque[bytes] = deque()
        self._queued = 0
        self._more = asyncio.Event()
        self._parts: list[bytes] = []
        self._partial = 0
        self._bytes = self._count = self._garbage = 0
        self._errors = b""
        self._paused = False
        self._dropping = False

    def begin(self) -> None:
        """A request of ours goes out: what may come until the next one is counted anew."""
        self._bytes = self._count = 0

    async def line(self) -> bytes | None:
        """The next line of output; None when there is none any more."""
        while not self._lines:
            if self.ended.is_set():
                return None
            self._more.clear()
            await self._more.wait()
        line = self._lines.popleft()
        self._queued -= len(line)
        if self._paused and self._queued < MAX_QUEUED // 2:
            self._pause(False)
        return line

    def garbage(self, line: bytes) -> None:
        """Count a line that is no message."""
        self._garbage += 1
        self.tail.append(f"[no message] {_shown(line)}")
        if self._garbage > MAX_GARBAGE:
            self.cut(f"it wrote more than {MAX_GARBAGE} lines that are no messages")

    def cut(self, why: str) -> None:
        """Take nothing more of this server."""
        self.fault = self.fault or why
        self._lines.clear()
        self.end()

    def drop(self) -> None:
        """Read on, so that the server can write and leave, but keep nothing."""
        self._dropping = True
        self._pause(False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if self._dropping or self.fault:
            return
        if fd == 2:
            self._error(data)
        else:
            self._output(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self.end()
        elif fd == 0:
            self.writable.set()

    def process_exited(self) -> None:
        self.exited.set()
        # A helper may hold the pipe open for ever: the server is gone all the same.
        asyncio.get_running_loop().call_later(LAST_WORDS_S, self.end)

    def _output(self, data: bytes) -> None:
        self.received += len(data)
        self._bytes += len(data)
        if self._bytes > MAX_BETWEEN:
            self.cut(f"it wrote more than {MAX_BETWEEN >> 20} MiB in answer to one request")
            return
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = b"".join([*self._parts, whole[0]])
            self._parts, self._partial = [], 0
            self._count += len(whole)
            if self._count > MAX_LINES_BETWEEN:
                self.cut(f"it wrote more than {MAX_LINES_BETWEEN:,} lines in answer to one request")
                return
            self._lines.extend(whole)
            self._queued += sum(map(len, whole))
            self._more.set()
        if rest:
            self._parts.append(rest)
            self._partial += len(rest)
        if self._partial > MAX_LINE or any(len(line) > MAX_LINE for line in whole):
            self.cut(f"it wrote a line of more than {MAX_LINE >> 20} MiB")
        elif self._queued > MAX_QUEUED:
            self._pause(True)

    def _error(self, data: bytes) -> None:
        *whole, rest = (self._errors + data).split(b"\n")
        self._errors = rest[-TAIL_WIDTH:]
        self.tail.extend(_shown(line) for line in whole[-TAIL_LINES:])

    def _pause(self, paused: bool) -> None:
        pipe: Any = self._transport.get_pipe_transport(1) if self._transport else None
        if paused == self._paused or pipe is None or pipe.is_closing():
            return
        self._paused = paused
        if paused:
            pipe.pause_reading()
        else:
            pipe.resume_reading()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended.set()
        self._more.set()
        self.writable.set()


def _shown(line: bytes) -> str:
    return one_line(line[: TAIL_WIDTH * 4].decode(errors="replace"), TAIL_WIDTH)
