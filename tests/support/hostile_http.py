"""An MCP server over streamable HTTP on loopback, in this process, that misbehaves as told; asyncio alone.

    async with HttpServer("huge") as server: ...  # server.url; server.requests; server.mode may change

It has one tool ``echo``. ``ok`` behaves. With ``tokens`` it is an OAuth resource, and its own authorization server:
see ``tests/support/oauth.py``.
"""

import asyncio
import gzip
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from msgspec import Struct

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
MARKED = {
    "type": "object",
    "properties": {"text": {"type": "string", "x-mcp-header": "Text"}},
    "required": ["text"],
}


class Asked(Struct):
    """One request: the message of its body where it has one, else the body's text."""

    method: str
    path: str
    headers: dict[str, str]
    message: dict[str, Any]
    body: str = ""


Answer = tuple[int, dict[str, str], bytes]
Other = Callable[[Asked], Answer | None]


def echo(**more: Any) -> dict[str, Any]:
    return {"name": "echo", "description": "Give the text back.", "inputSchema": TEXT, **more}


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"content-type": "application/json", **named}, json.dumps(value).encode()


class HttpServer:
    """Answers until it is left. ``other`` may answer what is not for ``/mcp``, or stand before it."""

    def __init__(
        self,
        mode: str = "ok",
        *,
        era: Literal["legacy", "modern"] = "modern",
        other: Other | None = None,
        port: int = 0,
    ) -> None:
        self.mode = mode
        self.era = era
        self.other = other
        self.port = port
        self.tools: list[Any] = [echo()]
        self.requests: list[Asked] = []
        self.session = "one"
        self.cookie = ""
        self._held = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def asked(self, method: str) -> list[Asked]:
        """The requests with this method of the protocol."""
        return [one for one in self.requests if one.message.get("method") == method]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone: what many of these tests want
        except asyncio.CancelledError:
            return  # the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        method, path, _ = first.split(" ")
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        is_message = body.startswith("{")
        asked = Asked(method, path, headers, json.loads(body) if is_message else {}, body)
        self.requests.append(asked)
        answer = self.other(asked) if self.other else None
        if answer is None and urlsplit(path).path != "/mcp":
            answer = as_json({"error": "not found"}, 404)
        if method == "GET" and headers.get("last-event-id") == "e1" and self._held:
            held, self._held = self._held, b""
            await self._send(writer, 200, {"content-type": "text/event-stream"}, held)
            return
        if answer is None and (method != "POST" or "id" not in asked.message):
            await self._send(writer, 202 if method == "POST" else 405, {}, b"")
            return
        if answer is not None:
            await self._send(writer, *answer)
            return
        await self._rpc(writer, asked)

    async def _rpc(self, writer: asyncio.StreamWriter, asked: Asked) -> None:
        message = asked.message
        match message["method"]:
            case "server/discover" if self.era == "modern":
                await self._result(
                    writer,
                    message,
                    {
                        "resultType": "complete",
                        "supportedVersions": ["2026-07-28"],
                        "capabilities": {"tools": {}},
                        "ttlMs": 0,
                        "cacheScope": "private",
                        "_meta": {
                            "io.modelcontextprotocol/serverInfo": {"name": "odd", "version": "1"}
                        },
                    },
                )
            case "initialize" if self.era == "legacy":
                result: dict[str, Any] = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "odd", "version": "1"},
                }
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                await self._send(writer, *as_json(answer, mcp_session_id=self.session))
            case "tools/list":
                tools = {"tools": self.tools, "ttlMs": 0, "cacheScope": "private"}
                await self._result(writer, message, {"resultType": "complete", **tools})
            case "tools/call":
                await self._call(writer, asked)
            case _:
                await self._send(writer, 400, {}, b"what?")

    async def _call(self, writer: asyncio.StreamWriter, asked: Asked) -> None:
        message = asked.message
        if self.era == "legacy" and asked.headers.get("mcp-session-id") != self.session:
            await self._send(writer, 404, {}, b"")
            return
        text = message["params"]["arguments"].get("text", "")
        result = {
            "resultType": "complete",
            "content": [{"type": "text", "text": text}],
        }
        said = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        events = {"content-type": "text/event-stream"}
        match self.mode:
            case "sse":
                notice = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}  # fmt: skip
                await self._send(writer, 200, events, _event(notice) + _event(said))
            case "breaks":  # the answer waits for whoever takes the stream up where it was
                self._held = _event(said)
                await self._head(writer, 200, events)
                writer.write(b"id: e1\nretry: 1\ndata: \n\n")
                await writer.drain()
            case "garbage":
                await self._send(writer, 200, {"content-type": "application/json"}, b"<html>\xff")
            case "page":
                await self._send(writer, 200, {"content-type": "text/html"}, b"<h1>hi</h1>")
            case "wrong-shape":
                await self._result(writer, message, {"content": 7})
            case "500":
                await self._send(writer, 500, {}, b"Traceback: \x1b[2Jsecret")
            case "silent":
                await asyncio.sleep(60)
            case "half":
                await self._head(writer, 200, {"content-type": "application/json", "content-length": "999"})  # fmt: skip
                writer.write(b'{"jsonrpc"')
            case "huge":
                await self._head(writer, 200, {"content-type": "application/json"})
                await self._flood(writer, b'"' + b"x" * 65536)
            case "huge-event":
                await self._head(writer, 200, events)
                writer.write(b"data: ")
                await self._flood(writer, b"x" * 65536)
            case "endless-events":
                await self._head(writer, 200, events)
                notice = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}  # fmt: skip
                await self._flood(writer, b"id: 7\n" + _event(notice))
            case "asks-for-ever":
                await self._head(writer, 200, events)
                params = {"message": "Again?", "requestedSchema": TEXT}
                asked_back = {
                    "jsonrpc": "2.0",
                    "id": 7,
                    "method": "elicitation/create",
                    "params": params,
                }
                await self._flood(writer, _event(asked_back))
            case "zipped":
                packed = gzip.compress(json.dumps(said).encode())
                headers = {"content-type": "application/json", "content-encoding": "gzip"}
                await self._send(writer, 200, headers, packed)
            case mode if mode.startswith("redirect "):
                await self._send(writer, 307, {"location": mode.split(" ", 1)[1]}, b"")
            case _:
                await self._result(writer, message, result)

    async def _flood(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while True:
            writer.write(data)
            await writer.drain()

    async def _result(
        self, writer: asyncio.StreamWriter, message: dict[str, Any], result: dict[str, Any]
    ) -> None:
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        await self._send(writer, *as_json(answer))

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        await self._head(writer, status, {**headers, "content-length": str(len(body))})
        writer.write(body)
        await writer.drain()

    async def _head(
        self, writer: asyncio.StreamWriter, status: int, headers: dict[str, str]
    ) -> None:
        lines = [f"HTTP/1.1 {status} Said", "connection: close"]
        lines += [f"set-cookie: {self.cookie}"] if self.cookie else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()


def _event(message: dict[str, Any]) -> bytes:
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"
