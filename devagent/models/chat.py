"""A model behind a chat-completions server: the dialect, and its stream put together.

Nothing counts before the server said how the reply ended (``finish_reason``) and the stream was ended by
``[DONE]`` or properly closed. A call whose arguments are no JSON object raises Failure of kind ``protocol``.
What comes out is in the Messages API's shape, like every session.
"""

import os
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from devagent.core.codec import well_formed
from devagent.core.ports import ModelRequest
from devagent.core.usage import Usage
from devagent.models.chat_body import encode_chat
from devagent.models.failures import Failure, Redactor, from_event, protocol
from devagent.models.plain import is_array, is_object
from devagent.models.sampling import Sampling
from devagent.models.server_sent_events import EventLines
from devagent.models.stream import Piece

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_TELLING = 12
"""Ids shorter than this are numbers within a reply on some servers: they would come again."""
_decode = msgspec.json.Decoder().decode


class ChatDialect:
    """Chat completions (satisfies ``Dialect``). The base URL has the version in it: ``…/v1``."""

    path = "/chat/completions"

    def __init__(self, model: str, sampling: Sampling) -> None:
        self.model = model
        self.headers: dict[str, str] = {}
        self._sampling = sampling

    @property
    def compacts(self) -> bool:
        return False

    def encode(self, request: ModelRequest) -> bytes:
        return encode_chat(request, self.model, self._sampling)

    def count(self, request: ModelRequest) -> tuple[str, bytes] | None:
        """These servers do not count."""
        return None

    def stream(self, redact: Redactor, request_id: str) -> "ChatStream":
        return ChatStream(redact, request_id)

    def block(self, block: dict[str, Any]) -> dict[str, Any]:
        return block


class _Call:
    """A tool call that is still coming."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.name = ""
        self.parts: list[str] = []


class ChatStream:
    """Puts one reply together (satisfies ``Stream``)."""

    def __init__(self, redact: Redactor, request_id: str = "") -> None:
        self._redact, self._request_id = redact, request_id
        self._lines = EventLines()
        self._texts: dict[Literal["text", "thinking"], list[str]] = {"text": [], "thinking": []}
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._usage: dict[str, Any] = {}
        self._content: list[dict[str, Any]] = []
        self._finish = ""
        self._model = ""
        self.done = False

    @property
    def content(self) -> list[dict[str, Any]]:
        return self._content

    @property
    def stop_reason(self) -> str:
        # Some servers say "stop" although they call tools.
        return "tool_use" if self._calls and self._finish == "stop" else self._stop()

    @property
    def stop_detail(self) -> str:
        return "content_filter" if self._finish == "content_filter" else ""

    @property
    def model(self) -> str:
        return self._model

    @property
    def usage(self) -> Usage:
        details = self._usage.get("prompt_tokens_details")
        cached = _count(details.get("cached_tokens")) if is_object(details) else 0
        prompt = _count(self._usage.get("prompt_tokens"))
        return Usage(
            input=max(prompt - cached, 0),
            output=_count(self._usage.get("completion_tokens")),
            cache_read=cached,
        )

    @property
    def container(self) -> str:
        return ""

    @property
    def left_out(self) -> tuple[int, int]:
        return 0, 0

    def feed(self, chunk: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        for data in self._lines.feed(chunk):
            if self.done:
                break
            text = data.strip()
            if text == b"[DONE]":
                self._finished()
            else:
                self._chunk(text, pieces)
        return pieces

    def end(self) -> None:
        if self._finish:
            self._finished()
            return
        raise Failure(
            "The connection to the model service ended in the middle of a reply",
            kind="connection",
            again=True,
            request_id=self._request_id,
        )

    def _stop(self) -> str:
        return _STOPS.get(self._finish, self._finish or "missing")

    def _bad(self, what: str) -> Failure:
        return protocol(f"The model service {what}", request_id=self._request_id)

    def _chunk(self, data: bytes, pieces: list[Piece]) -> None:
        try:
            chunk = _decode(data)
        except (ValueError, RecursionError):
            chunk = None
        if not is_object(chunk):
            raise self._bad("sent an event that is not a JSON object")
        error = chunk.get("error") or (chunk if chunk.get("object") == "error" else None)
        if error is not None:
            raise from_event(_as_error(error), self._redact, self._request_id)
        if isinstance(model := chunk.get("model"), str):
            self._model = model
        if is_object(usage := chunk.get("usage")):
            self._usage = usage
        choices = chunk.get("choices")
        choice = choices[0] if is_array(choices) and choices else None
        if not is_object(choice):
            return  # the usage comes without one
        delta = choice.get("delta")
        if is_object(delta):
            self._text("thinking", delta.get("reasoning_content") or delta.get("reasoning"), pieces)
            self._text("text", delta.get("content") or delta.get("refusal"), pieces)
            if is_array(calls := delta.get("tool_calls")):
                for place, call in enumerate(calls):
                    self._call(call, place)
        if isinstance(finish := choice.get("finish_reason"), str) and finish:
            self._finish = finish

    def _text(self, kind: Literal["text", "thinking"], text: object, pieces: list[Piece]) -> None:
        if not isinstance(text, str) or not text:
            return
        text = well_formed(text)
        self._texts[kind].append(text)
        if pieces and pieces[-1][0] == kind:
            pieces[-1] = (kind, pieces[-1][1] + text)
        else:
            pieces.append((kind, text))

    def _call(self, given: object, place: int) -> None:
        function = given.get("function") if is_object(given) else None
        if not is_object(given) or not is_object(function):
            raise self._bad("sent a tool call without a function")
        index = given.get("index")
        index = index if type(index) is int else place
        identity = given.get("id")
        said = identity if isinstance(identity, str) else ""
        call = self._at.get(index)
        if call is None or (said and call.said and said != call.said):
            call = self._at[index] = _Call(said)
            self._calls.append(call)
        call.said = call.said or said
        if isinstance(name := function.get("name"), str) and name:
            call.name = call.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.parts.append(arguments)
        elif is_object(arguments):  # some servers send them as they are
            call.parts.append(msgspec.json.encode(arguments).decode())

    def _finished(self) -> None:
        if not self._finish:
            raise self._bad("ended its reply without saying how")
        if thought := "".join(self._texts["thinking"]):
            self._content.append({"type": "thinking", "thinking": thought, "signature": ""})
        if text := "".join(self._texts["text"]):
            self._content.append({"type": "text", "text": text})
        self._content += [self._whole(call) for call in self._calls]
        self.done = True

    def _whole(self, call: _Call) -> dict[str, Any]:
        if not call.name:
            raise self._bad("sent a tool call without a usable name")
        text = well_formed("".join(call.parts)).strip()
        try:
            arguments = _decode(text.encode() or b"{}")
        except (ValueError, RecursionError):
            arguments = None
        if not is_object(arguments):
            raise self._bad("sent a tool input that is not a JSON object")
        known = call.said if len(call.said) >= _TELLING else f"call_{os.urandom(8).hex()}"
        return {"type": "tool_use", "id": known, "name": call.name, "input": arguments}


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def _as_error(error: object) -> dict[str, Any]:
    """An error as the Messages API tells one: its type is what says whether to try again."""
    if not is_object(error):
        return {"type": "api_error", "message": str(error)}
    code = error.get("code")
    kinds = {429: "rate_limit_error", 503: "overloaded_error", 529: "overloaded_error"}
    kind = kinds.get(code) if isinstance(code, int) else None
    said = error.get("type")
    if kind is None:
        kind = said if isinstance(said, str) and said.endswith("_error") else "api_error"
    return {"type": kind, "message": error.get("message", "")}


if TYPE_CHECKING:
    from devagent.models.dialect import Dialect, Stream

    def _proof(dialect: ChatDialect, stream: ChatStream) -> tuple[Dialect, Stream]:  # pyright: ignore[reportUnusedFunction]
        return dialect, stream
