"""Proxies on loopback: one that works, and one that does not always."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str, None]:
    """A server on loopback that does as ``handler`` says; its ``host:port``."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


class Proxy:
    """A proxy on loopback: CONNECT and absolute form, one request a connection."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        method, target, _ = head.decode().split(" ", 2)
        if b" 200 " not in self.answer:
            writer.write(self.answer)
            await writer.drain()
            return
        place = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = place.rpartition(":")
        onward_reader, onward_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(self.answer)
        else:
            onward_writer.write(head)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()

        try:
            await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))
        finally:
            onward_writer.transport.abort()


class FlakyProxy(Proxy):
    """Fails by chance, ``most`` times at most, before anything of the request went on; ``failed``: how often."""

    def __init__(self, chance: random.Random, most: int = 4) -> None:
        super().__init__()
        self._chance, self._most = chance, most
        self.failed = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.failed >= self._most or self._chance.random() < 0.5:
            await super().__call__(reader, writer)
            return
        self.failed += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            line for line in head.lower().split("\r\n") if line.startswith("content-length")
        )
        await reader.readexactly(int(length.partition(":")[2]))
        page = b"content-type: text/html\r\nconnection: close\r\ncontent-length: 6\r\n\r\n<html>"
        writer.write(
            self._chance.choice(
                [
                    b"HTTP/1.1 502 Bad Gateway\r\n" + page,
                    b"HTTP/1.1 504 Gateway Timeout\r\n" + page,
                    b"HTTP/1.1 407 Proxy Authentication Required\r\n" + page,
                    b"HTTP/1.1 200 OK\r\n" + page,
                    b"gone\r\n\r\n",
                    b"",
                ]
            )
        )
        await writer.drain()
        writer.close()
