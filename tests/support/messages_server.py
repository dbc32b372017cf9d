"""A service on loopback that speaks the Messages API and does as its script says, faults too.

In a test::

    async with MessagesServer([Step(text="Hello."), Step(status=529)]) as server:
        ...  # server.base_url; server.requests holds what was asked

As a process, for tests of the whole program (prints its port, ends when its standard input closes)::

    python -m tests.support.messages_server --script FILE [--requests FILE]

where the script is ``{"steps": [{"text": "Hello."}, {"status": 529}]}`` with ``Step``'s fields, and each
request is appended to the other file as one JSON line. Steps are used in order; one with ``match``
waits for a request whose body has that text. A request without a step is answered with 400.
"""

import argparse
import asyncio
import random
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from msgspec import Struct, field

STREAMS = Path(__file__).parent / "streams"
PRIMES = (2, 3, 5, 7, 11, 13, 17, 31, 61, 127, 251, 509, 1021)

Fault = Literal[
    "",
    "stall",  # silence from byte ``at`` of the response on (0: not even a head)
    "disconnect",  # the connection is cut at byte ``at`` of the response
    "early_end",  # the body ends properly, but without message_stop
    "malformed",  # one event in the middle is no JSON
    "page",  # 200 with an HTML page
]


class Call(Struct):
    """A tool call of a scripted reply: ``name`` is the API name."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    id: str = ""


class Step(Struct, kw_only=True):
    """What one request is answered with.

    ``stream`` names a recorded stream in tests/support/streams instead of text and calls. ``chunks``
    is how the response is cut on the wire: whole, one byte at a time, by primes, by chance (``seed``).
    ``stream_error`` is the type of an ``error`` event before the stream's end. ``echo_key`` puts the request's key into the error's message, as a careless service might.
    """

    text: str | list[str] = ""
    thinking: str | list[str] = ""
    calls: list[Call] = field(default_factory=list)
    stop: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    stream: str = ""
    status: int = 200
    error: str = ""
    message: str = ""
    echo_key: bool = False
    stream_error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Literal["whole", "bytes", "primes", "random"] = "whole"
    seed: int = 0
    pause_ms: float = 0
    fault: Fault = ""
    at: int = 0
    close: bool = False
    match: str = ""
    times: int = 1


class Recorded(Struct):
    """A request as it came: header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Answers = Callable[[Step, Recorded, int], bytes]
"""What to answer, the request, its number → the response on the wire."""


class Script(Struct):
    steps: list[Step]


class MessagesServer:
    """The service; ``async with`` it. With ``tls`` it speaks https; ``answers`` gives another service's wire."""

    def __init__(
        self,
        steps: Sequence[Step] = (),
        *,
        tls: ssl.SSLContext | None = None,
        answers: "Answers | None" = None,
    ) -> None:
        self._answers: Answers = answers or answer
        self._steps = [(step, step.times) for step in steps]
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Recorded] = []
        self.connections = 0
        self.batches: Callable[[Recorded], bytes] | None = None
        """What the paths of message batches answer (``tests.support.batches``); nothing: the connection is cut."""
        self.on_request: list[Callable[[Recorded], None]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._tls, limit=1 << 24
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def add(self, *steps: Step) -> None:
        """More steps, after the others."""
        self._steps += [(step, step.times) for step in steps]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the other side went away, which is its right
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; whether the connection stays."""
        request = await self._request(reader)
        self.requests.append(request)
        for seen in self.on_request:
            seen(request)
        if request.path.endswith("/count_tokens"):
            tokens = len(msgspec.json.encode(request.body)) // 4
            wire = response(200, {"content-type": "application/json"}, {"input_tokens": tokens})
            step = Step()
        elif request.path.startswith("/v1/messages/batches") and self.batches is not None:
            wire = self.batches(request)
            step = Step() if wire else Step(fault="disconnect")
        else:
            step = self._step(request)
            wire = self._answers(step, request, len(self.requests))
        if step.fault in ("stall", "disconnect"):
            wire = wire[: step.at]
        for piece in cut(wire, step):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(step.pause_ms / 1000)
        if step.fault == "stall":
            await reader.read()  # until the client has had enough
        if step.fault == "disconnect":
            writer.transport.abort()
        return not (step.fault or step.close)

    async def _request(self, reader: asyncio.StreamReader) -> Recorded:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, path, _ = first.split(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parsed: Any = msgspec.json.decode(body or b"{}")
        return Recorded(method, path, headers, parsed)

    def _step(self, request: Recorded) -> Step:
        body = msgspec.json.encode(request.body).decode()
        for number, (step, left) in enumerate(self._steps):
            if step.match and step.match not in body:
                continue
            if left == 1:
                del self._steps[number]
            else:  # 0 stays for ever
                self._steps[number] = (step, max(left - 1, 0))
            return step
        return Step(status=400, error="invalid_request_error", message="the script has no step")


def answer(step: Step, request: Recorded, number: int) -> bytes:
    """The response on the wire."""
    head = {"request-id": f"req_test_{number}", **step.headers}
    if step.close:
        head["connection"] = "close"
    if step.fault == "page":
        return response(200, {"content-type": "text/html", **head}, b"<html>Welcome</html>")
    if step.status != 200:
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "")
        message = f"{step.message} {key}" if step.echo_key else step.message
        error = {"type": step.error or "api_error", "message": message}
        body = {"type": "error", "error": error, "request_id": head["request-id"]}
        return response(step.status, {"content-type": "application/json", **head}, body)
    if not request.body.get("stream"):
        return response(
            200, {"content-type": "application/json", **head}, message_of(step, request, number)
        )
    if step.stream:
        chunks = [(STREAMS / step.stream).read_bytes()]
    else:
        chunks = [encode(event) for event in events_of(step, request, number)]
    if step.fault == "malformed":
        chunks.insert(
            len(chunks) // 2, b'event: content_block_delta\ndata: {"type": "content_bl\n\n'
        )
    if step.stream_error:
        error = {"type": step.stream_error, "message": step.message}
        chunks[-1] = encode({"type": "error", "error": error})
    if step.fault == "early_end":
        chunks = chunks[:-1]
    lines = [f"HTTP/1.1 {step.status} OK", "content-type: text/event-stream; charset=utf-8"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    lines += ["transfer-encoding: chunked", "", ""]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return "\r\n".join(lines).encode() + body


def response(status: int, headers: dict[str, str], body: object) -> bytes:
    """A response with a body of known length: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def encode(event: dict[str, Any]) -> bytes:
    """One event of the stream."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event))


def message_of(step: Step, request: Recorded, number: int) -> dict[str, Any]:
    """The whole message, as a request without ``stream`` gets it."""
    blocks: list[dict[str, Any]] = []
    if step.thinking:
        text = "".join(step.thinking)
        blocks.append({"type": "thinking", "thinking": text, "signature": "c2lnbmVk"})
    if step.text:
        blocks.append({"type": "text", "text": "".join(step.text)})
    for at, call in enumerate(step.calls):
        identity = call.id or f"toolu_test_{number}_{at}"
        blocks.append({"type": "tool_use", "id": identity, "name": call.name, "input": call.args})
    return {
        "id": f"msg_test_{number}",
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model", ""),
        "content": blocks,
        "stop_reason": step.stop or ("tool_use" if step.calls else "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5, **step.usage},
    }


def events_of(step: Step, request: Recorded, number: int) -> Iterator[dict[str, Any]]:
    """The same message as the events of a stream."""
    message = message_of(step, request, number)
    usage = message["usage"]
    start: dict[str, Any] = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": 1},
    }
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    given = {"thinking": step.thinking, "text": step.text}
    for index, block in enumerate(message["content"]):
        kind = block["type"]
        if kind == "tool_use":
            opening: dict[str, Any] = {**block, "input": {}}
            text = msgspec.json.encode(block["input"]).decode()
            half = len(text) // 2
            deltas = [
                {"type": "input_json_delta", "partial_json": part}
                for part in ("", text[:half], text[half:])
            ]
        else:
            opening = {**block, kind: ""}
            parts = given[kind]
            deltas = [
                {"type": f"{kind}_delta", kind: part}
                for part in ([parts] if isinstance(parts, str) else parts)
            ]
            if kind == "thinking":
                opening["signature"] = ""
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
        yield {"type": "content_block_start", "index": index, "content_block": opening}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {
        "type": "message_delta",
        "delta": ending,
        "usage": {"output_tokens": usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


def cut(wire: bytes, step: Step) -> Iterator[bytes]:
    """The response in the pieces that are written one after another."""
    chance = random.Random(step.seed)
    at = 0
    number = step.seed
    while at < len(wire):
        if step.chunks == "whole":
            size = len(wire)
        elif step.chunks == "bytes":
            size = 1
        elif step.chunks == "primes":
            size = PRIMES[number % len(PRIMES)]
            number += 1
        else:
            size = chance.choice((1, 2, 3, chance.randint(1, 40), chance.randint(1, 2000)))
        yield wire[at : at + size]
        at += size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--requests", type=Path)
    options = parser.parse_args()
    script = msgspec.json.decode(options.script.read_bytes(), type=Script)

    def append(request: Recorded) -> None:
        with options.requests.open("ab") as file:
            file.write(msgspec.json.encode(request) + b"\n")

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def watch() -> None:
            sys.stdin.buffer.read()
            loop.call_soon_threadsafe(over.set)

        async with MessagesServer(script.steps) as server:
            if options.requests is not None:
                server.on_request.append(append)
            print(server.port, flush=True)
            threading.Thread(target=watch, daemon=True).start()
            await over.wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
