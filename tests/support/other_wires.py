"""The same steps on the wires of other services: chat completions, and Bedrock's event stream."""

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.support.messages_server import (
    Recorded,
    Step,
    answer,
    events_of,
    message_of,
)

_FINISHES = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


def _chunked(kind: str, head: dict[str, str], pieces: list[bytes]) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-type: {kind}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    lines += ["transfer-encoding: chunked", "", ""]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    return "\r\n".join(lines).encode() + body


def chat_answer(step: Step, request: Recorded, number: int) -> bytes:
    """A chat-completions server's response; errors are told as such servers tell them."""
    head = {"x-request-id": f"req_test_{number}", **step.headers}
    if step.fault == "page" or step.status != 200:
        return answer(step, request, number)
    pieces = [_sse(chunk) for chunk in _chunks(step, request, number)] + [b"data: [DONE]\n\n"]
    if step.fault == "malformed":
        pieces.insert(len(pieces) // 2, b'data: {"choices": [{"del\n\n')
    if step.stream_error:
        error = {"type": step.stream_error, "message": step.message, "code": 500}
        pieces[-2:] = [_sse({"error": error})]
    if step.fault == "early_end":
        pieces = [piece for piece in pieces[:-1] if b'"finish_reason":"' not in piece]
    return _chunked("text/event-stream", head, pieces)


def _sse(value: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(value)


def _chunks(step: Step, request: Recorded, number: int) -> Iterator[dict[str, Any]]:
    message = message_of(step, request, number)
    name = request.body.get("model", "")

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": f"chat-{number}", "model": name, "choices": [choice], "usage": None}

    yield chunk({"role": "assistant", "content": ""})
    place = 0
    for block in message["content"]:
        if block["type"] == "thinking":
            parts = [step.thinking] if isinstance(step.thinking, str) else step.thinking
            yield from (chunk({"reasoning_content": part}) for part in parts)
        elif block["type"] == "text":
            parts = [step.text] if isinstance(step.text, str) else step.text
            yield from (chunk({"content": part}) for part in parts)
        else:
            arguments = msgspec.json.encode(block["input"]).decode()
            half = len(arguments) // 2
            function = {"name": block["name"], "arguments": ""}
            opened = {"index": place, "id": block["id"], "type": "function", "function": function}
            yield chunk({"tool_calls": [opened]})
            for part in (arguments[:half], arguments[half:]):
                yield chunk({"tool_calls": [{"index": place, "function": {"arguments": part}}]})
            place += 1
    yield chunk({}, _FINISHES.get(message["stop_reason"], message["stop_reason"]))
    usage = message["usage"]
    cached = usage.get("cache_read_input_tokens", 0)
    told = {
        "prompt_tokens": usage["input_tokens"] + cached,
        "completion_tokens": usage["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    yield {"id": f"chat-{number}", "model": name, "choices": [], "usage": told}


def bedrock_answer(step: Step, request: Recorded, number: int) -> bytes:
    """Bedrock's response to invoke-with-response-stream."""
    head = {"x-amzn-requestid": f"req_test_{number}", **step.headers}
    if step.fault == "page" or step.status != 200:
        return answer(step, request, number)
    frames = [_chunk_frame(event) for event in events_of(step, request, number)]
    if step.fault == "malformed":
        frames.insert(len(frames) // 2, b"\x00\x00\x00\x20\x00\x00\x00\x00broken prelude, no frame")
    if step.stream_error:
        error = {"type": "error", "error": {"type": step.stream_error, "message": step.message}}
        frames[-1] = _chunk_frame(error)
    if step.fault == "early_end":
        frames = frames[:-1]
    return _chunked("application/vnd.amazon.eventstream", head, frames)


def _chunk_frame(event: dict[str, Any]) -> bytes:
    payload = {"bytes": base64.b64encode(msgspec.json.encode(event)).decode()}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in (
            (":event-type", "chunk"),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
    )  # fmt: skip
    data = msgspec.json.encode(payload)
    prelude = struct.pack("!II", 16 + len(headers) + len(data), len(headers))
    prelude += struct.pack("!I", binascii.crc32(prelude))
    frame = prelude + headers + data
    return frame + struct.pack("!I", binascii.crc32(frame))
