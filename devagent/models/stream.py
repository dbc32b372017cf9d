"""A streamed reply: server-sent events in, one whole message out.

Tolerant where the protocol grows: ``ping``, chunk boundaries anywhere, unknown events, deltas and blocks. Strict where a half reply could act: nothing counts before
``message_stop``, every block must have ended, a tool's input must be a JSON object, an ``error``
event raises. What cannot be read raises Failure of kind ``protocol``.

Blocks are carried whole and as they came (thinking with its signature, redacted thinking, server
tools, citations). An unknown delta is left out of a block of a known kind, because its extra fields
would be refused on the way back, and merged into one of an unknown kind.
"""

from typing import Any, Literal

import msgspec

from devagent.core.codec import well_formed, well_formed_value
from devagent.core.usage import Usage
from devagent.models.failures import Failure, Redactor, from_event, protocol
from devagent.models.plain import is_array, is_object
from devagent.models.server_sent_events import EventLines

_KNOWN_BLOCKS = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"}
)  # those whose deltas are all known; results of server tools come whole

Kind = Literal["text", "thinking"]
Piece = tuple[Kind, str]

_decode = msgspec.json.Decoder().decode


class ReplyStream:
    """Puts one reply together. ``feed`` it what came; ``done`` once ``message_stop`` was there."""

    def __init__(self, redact: Redactor, request_id: str = "") -> None:
        self._redact = redact
        self._request_id = request_id
        self._lines = EventLines()
        self._message: dict[str, Any] | None = None
        self._blocks: list[dict[str, Any]] = []
        self._open: dict[int, _OpenBlock] = {}
        self._usage: dict[str, Any] = {}
        self._pieces: list[tuple[Kind, list[str]]] = []
        self._half = ""  # a high surrogate at the end of what was shown: its other half is to come
        self._half_kind: Kind = "text"
        self._odd = False  # something came that UTF-8 cannot carry
        self.done = False

    @property
    def content(self) -> list[dict[str, Any]]:
        """The blocks, in order."""
        return self._blocks

    @property
    def stop_reason(self) -> str:
        """As the service said it; ``missing`` where it said none."""
        reason = (self._message or {}).get("stop_reason")
        return reason if isinstance(reason, str) and reason else "missing"

    @property
    def stop_detail(self) -> str:
        """What the service says of a refusal: its category and explanation."""
        details = (self._message or {}).get("stop_details")
        if not is_object(details):
            return ""
        parts = (details.get("category"), details.get("explanation"))
        return ": ".join(part for part in parts if isinstance(part, str) and part)

    @property
    def model(self) -> str:
        """The model that answered, as the service named it."""
        name = (self._message or {}).get("model")
        return name if isinstance(name, str) else ""

    @property
    def message(self) -> dict[str, Any]:
        """The whole message as the service's own SDK would hold it."""
        return {**(self._message or {}), "content": self._blocks, "usage": self._usage}

    @property
    def usage(self) -> Usage:
        """Tokens: the start's counts, overwritten by the later cumulative ones."""

        def count(name: str) -> int:
            value = self._usage.get(name)
            return value if type(value) is int and value > 0 else 0

        usage = Usage(
            input=count("input_tokens"),
            output=count("output_tokens"),
            cache_read=count("cache_read_input_tokens"),
            cache_write=count("cache_creation_input_tokens"),
        )
        if "server_tool_use" not in self._usage and "iterations" not in self._usage:
            return usage
        from devagent.models.usage import (  # noqa: PLC0415 - where the service did more than answer
            besides,
        )

        return usage + besides(self._usage, self._blocks)

    @property
    def container(self) -> str:
        """Where the service ran code for this reply; empty where it did not."""
        container = (self._message or {}).get("container")
        found = container.get("id") if is_object(container) else None
        return found if isinstance(found, str) else ""

    @property
    def left_out(self) -> tuple[int, int]:
        """Results of tools, and their tokens, that the service left out of what the model read."""
        edits = (self._message or {}).get("context_management")
        if not is_object(edits):
            return 0, 0
        from devagent.models.usage import left_out  # noqa: PLC0415 - as above

        return left_out(edits)

    def feed(self, chunk: bytes) -> list[Piece]:
        """What of text and thinking came in ``chunk``, neighbours of a kind joined, in order.

        Raises Failure: an ``error`` event, or what is not the protocol.
        """
        for data in self._lines.feed(chunk):
            if self.done:
                break
            self._event(self._object(data, "an event"))
        return self._shown()

    def take(self, event: dict[str, Any]) -> list[Piece]:
        """``feed`` of one event that somebody else has read off the wire."""
        if not self.done:
            self._event(event)
        return self._shown()

    def _shown(self) -> list[Piece]:
        shown, self._pieces = self._pieces, []
        pieces = [self._carried(kind, "".join(texts)) for kind, texts in shown]
        return [piece for piece in pieces if piece[1]]

    def end(self) -> None:
        """The body ended. Raises Failure where ``message_stop`` had not come."""
        if not self.done:
            raise Failure(
                "The connection to the model service ended in the middle of a reply",
                kind="connection",
                again=True,
                request_id=self._request_id,
            )

    def _event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            self._delta(self._block(event), event.get("delta"))
        elif kind == "content_block_start":
            self._block_start(event)
        elif kind == "content_block_stop":
            self._finish(self._block(event))
            del self._open[event["index"]]
        elif kind == "message_start":
            self._start(event)
        elif kind == "message_delta":
            self._message_delta(event)
        elif kind == "message_stop":
            self._stop()
        elif kind == "error":
            raise from_event(event.get("error"), self._redact, self._request_id)
        # ``ping`` and kinds to come say nothing that a reply needs.

    def _bad(self, what: str) -> Failure:
        return protocol(f"The model service {what}", request_id=self._request_id)

    def _start(self, event: dict[str, Any]) -> None:
        message = event.get("message")
        if self._message is not None or not is_object(message):
            raise self._bad("began its reply twice, or without a message")
        self._message = {**message}
        content, usage = self._message.get("content"), self._message.get("usage")
        self._blocks = [block for block in content if is_object(block)] if is_array(content) else []
        self._usage = {**usage} if is_object(usage) else {}

    def _block_start(self, event: dict[str, Any]) -> None:
        index, block = event.get("index"), event.get("content_block")
        if self._message is None:
            raise self._bad("sent content before the start of its reply")
        if type(index) is not int or index != len(self._blocks) or not is_object(block):
            raise self._bad("sent a content block out of order")
        if not isinstance(block.get("type"), str):
            raise self._bad("sent a content block that does not say its kind")
        opened = _OpenBlock({**block})
        self._blocks.append(opened.block)
        self._open[index] = opened
        if opened.kind == "text" or opened.kind == "thinking":
            begun = block.get(opened.kind)
            if isinstance(begun, str) and begun:
                self._show(opened.kind, begun)

    def _block(self, event: dict[str, Any]) -> "_OpenBlock":
        index = event.get("index")
        block = self._open.get(index) if type(index) is int else None
        if block is None:
            raise self._bad("sent a part of a content block that is not open")
        return block

    def _delta(self, block: "_OpenBlock", delta: object) -> None:
        if not is_object(delta):
            raise self._bad("sent a delta that is none")
        kind = delta.get("type")
        if kind == "text_delta" or kind == "thinking_delta":
            name: Kind = "text" if kind == "text_delta" else "thinking"
            text = delta.get(name)
            if not isinstance(text, str):
                raise self._bad(f"sent a {name} delta without text")
            if block.kind == name:
                block.texts.append(text)
                self._show(name, text)
        elif kind == "input_json_delta":
            part = delta.get("partial_json")
            if not isinstance(part, str):
                raise self._bad("sent a tool input that is not text")
            block.parts.append(part)
        else:
            block.merge(kind, delta)

    def _show(self, kind: Kind, text: str) -> None:
        if self._pieces and self._pieces[-1][0] == kind:
            self._pieces[-1][1].append(text)
        else:
            self._pieces.append((kind, [text]))

    def _carried(self, kind: Kind, text: str) -> Piece:
        """Text that UTF-8 can carry; half of a surrogate pair waits for the other one."""
        if self._half and kind == self._half_kind:
            text = self._half + text
        self._half, self._half_kind = "", kind
        if "\ud800" <= text[-1:] <= "\udbff" and not self.done:
            self._half, text = text[-1], text[:-1]
        return kind, well_formed(text)

    def _message_delta(self, event: dict[str, Any]) -> None:
        if self._message is None:
            raise self._bad("ended its reply before the start")
        delta, usage = event.get("delta"), event.get("usage")
        if is_object(delta):
            for name in ("stop_reason", "stop_sequence", "stop_details"):
                self._message[name] = delta.get(name)
            if delta.get("container") is not None:
                self._message["container"] = delta["container"]
        if event.get("context_management") is not None:
            self._message["context_management"] = event["context_management"]
        if is_object(usage):
            self._usage.update((name, count) for name, count in usage.items() if count is not None)

    def _stop(self) -> None:
        if self._message is None:
            raise self._bad("ended a reply that it had not begun")
        if self._open:
            raise self._bad("ended its reply within a content block")
        if self._odd:
            self._blocks = well_formed_value(self._blocks)
        self.done = True

    def _finish(self, block: "_OpenBlock") -> None:
        """The block is whole: join its text, read its input."""
        fields = block.block
        if block.texts:
            begun = fields.get(block.kind)
            fields[block.kind] = (begun if isinstance(begun, str) else "") + "".join(block.texts)
        if text := well_formed("".join(block.parts)):
            fields["input"] = self._object(text.encode(), "a tool input")
        if block.kind in ("tool_use", "server_tool_use"):
            for name, wanted in (("id", str), ("name", str), ("input", dict)):
                if not isinstance(fields.get(name), wanted) or fields[name] == "":
                    raise self._bad(f"sent a tool call without a usable {name}")

    def _object(self, data: bytes, what: str) -> dict[str, Any]:
        try:
            value = _decode(data)
        except (ValueError, RecursionError):
            self._odd = True
            value = _lenient(data)
        if not is_object(value):
            raise self._bad(f"sent {what} that is not a JSON object")
        return value


class _OpenBlock:
    """A content block that is still coming."""

    def __init__(self, block: dict[str, Any]) -> None:
        self.block = block
        kind = block.get("type")
        self.kind = kind if isinstance(kind, str) else ""
        self.texts: list[str] = []
        self.parts: list[str] = []

    def merge(self, kind: object, fields: dict[str, Any]) -> None:
        """A delta other than of text or input."""
        block = self.block
        if kind == "signature_delta" and self.kind == "thinking":
            block["signature"] = fields.get("signature")
        elif kind == "citations_delta" and self.kind == "text":
            block["citations"] = [*(block.get("citations") or []), fields.get("citation")]
        elif self.kind not in _KNOWN_BLOCKS:
            for name, value in fields.items():
                if name == "type" or value is None:
                    continue
                old = block.get(name)
                if isinstance(old, str) and isinstance(value, str):
                    block[name] = old + value
                elif is_array(old) and is_array(value):
                    block[name] = [*old, *value]
                else:
                    block[name] = value


def _lenient(data: bytes) -> Any:
    """For what the fast reader refuses: lone surrogates (kept, so that halves can meet) and bytes that
    are no UTF-8. None for what is no JSON at all, and for NaN and infinities."""
    import json  # noqa: PLC0415 - hardly ever needed, and it costs start-up time

    def finite(text: str) -> float:
        number = float(text)
        if number - number != 0.0:
            raise ValueError(text)
        return number

    try:
        text = data.decode("utf-8", "replace")
        return json.loads(text, parse_constant=finite, parse_float=finite)
    except (ValueError, RecursionError):
        return None
