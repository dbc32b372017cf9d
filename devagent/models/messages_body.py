"""The body of a request to the Messages API.

The same bytes for the same conversation, so that the service's prompt cache finds its prefix: what never
changes comes first (tools, then the system text, each with a cache point at its end), then the messages
with points on the last two of the user's (the earlier of the two is where the request before wrote its
point). That is all four that the API allows. The keys of messages are sorted, as they are in the log: a
resumed session sends the bytes that the live one sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from devagent.core.codec import canonical, well_formed_value
from devagent.core.ports import ModelRequest
from devagent.core.tools import ToolSpec
from devagent.models.lean_schema import lean
from devagent.models.pictures import images_in, with_images
from devagent.models.plain import is_array, is_object
from devagent.models.sampling import CacheLife, Sampling

_POINTS: dict[CacheLife, dict[str, Any] | None] = {
    "off": None,
    "5m": {"type": "ephemeral"},
    "1h": {"type": "ephemeral", "ttl": "1h"},
}
_UNPOINTED = frozenset({"thinking", "redacted_thinking"})
_EDITING: dict[str, Any] = {
    "edits": [
        {
            "type": "clear_tool_uses_20250919",
            "trigger": {"type": "input_tokens", "value": 100_000},
            "keep": {"type": "tool_uses", "value": 10},
            "clear_at_least": {"type": "input_tokens", "value": 20_000},
        }
    ]
}
"""The service itself leaves old results of tools out of a long conversation: ours, and the record, stay whole."""
_encoder = msgspec.json.Encoder()
_told: dict[
    int, tuple[ToolSpec, dict[str, Any]]
] = {}  # the tool itself keeps its id from another's
_MOST_TOLD = 1000


class Written:
    """Messages that were written before: a conversation grows at its end, so of most only their bytes are needed again.

    The content of a message in a conversation is never changed in place, so the same list says the same.
    """

    def __init__(self) -> None:
        # The list itself keeps its id from another's.
        self._known: dict[int, tuple[object, bytes, bool]] = {}

    def hold_images(self, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Whether there is an image among them."""
        known = self._known
        for message in messages:
            content: object = message["content"]
            found = known.get(id(content))
            if found[2] if found and found[0] is content else images_in(content):
                return True
        return False

    def bytes_of(
        self, messages: Sequence[Mapping[str, Any]], point: dict[str, Any] | None
    ) -> bytes:
        """The messages as canonical JSON, with cache points; blank ones are left out."""
        pointed = set(islice(_last_of_the_users(messages), 2)) if point else set[int]()
        known: dict[int, tuple[object, bytes, bool]] = {}
        parts: list[bytes] = []
        for at, message in enumerate(messages):
            content: object = message["content"]
            if at in pointed:
                parts += [_as_json(one) for one in _messages([message], point)]
                continue
            found = self._known.get(id(content))
            if found is None or found[0] is not content:
                said = b",".join(_as_json(one) for one in _messages([message], None))
                found = content, said, bool(images_in(content))
            known[id(content)] = found
            if found[1]:
                parts.append(found[1])
        self._known = known
        return b"[%b]" % b",".join(parts)


def _last_of_the_users(messages: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for at in range(len(messages) - 1, -1, -1):
        if messages[at]["role"] == "user" and _messages([messages[at]], None):
            yield at


def _as_json(message: dict[str, Any]) -> bytes:
    try:
        return canonical(message)
    except UnicodeEncodeError:  # lone surrogates, from odd file names or bytes
        return canonical(well_formed_value(message))


def encode_request(
    request: ModelRequest, model: str, sampling: Sampling, written: Written | None = None
) -> bytes:
    """The body of ``POST /v1/messages`` as compact JSON; ``written`` knows the conversation's earlier requests."""
    body = _without_messages(request, model, sampling)
    written = written or Written()
    messages = written.bytes_of(_readable(request, sampling, written), _POINTS[sampling.cache])
    return encoded({**body, "messages": msgspec.Raw(messages), "stream": True})


def encode_count(request: ModelRequest, model: str, sampling: Sampling) -> bytes:
    """The body of ``POST /v1/messages/count_tokens``: what of it is counted."""
    body = message_body(request, model, sampling)
    counted = ("model", "thinking", "tools", "system", "messages", "output_config")
    return encoded({name: body[name] for name in counted if name in body})


def encoded(body: dict[str, Any]) -> bytes:
    """Compact JSON; text that UTF-8 cannot carry is made well-formed."""
    try:
        return _encoder.encode(body)
    except UnicodeEncodeError:  # lone surrogates, from odd file names or bytes
        return _encoder.encode(well_formed_value(body))


def message_body(request: ModelRequest, model: str, sampling: Sampling) -> dict[str, Any]:
    """What is asked, as plain values, without ``stream``."""
    messages = _messages(_readable(request, sampling, Written()), _POINTS[sampling.cache])
    return {**_without_messages(request, model, sampling), "messages": messages}


def _readable(
    request: ModelRequest, sampling: Sampling, written: Written
) -> Sequence[Mapping[str, Any]]:
    """The messages as the model can take them: their images, and a summary of the service's own in words for one that
    does not know it."""
    messages = request.messages
    if written.hold_images(messages):
        messages = with_images(messages, takes_images=sampling.images)
    if messages and "compaction" not in sampling.features and _is_summary(messages[0]):
        return [_in_words(messages[0]), *messages[1:]]
    return messages


def _without_messages(request: ModelRequest, model: str, sampling: Sampling) -> dict[str, Any]:
    point = _POINTS[sampling.cache]
    body: dict[str, Any] = {"model": model, "max_tokens": sampling.max_tokens}
    if sampling.thinking_tokens:
        body["thinking"] = {"type": "enabled", "budget_tokens": sampling.thinking_tokens}
    elif sampling.thinking:
        kind = "disabled" if sampling.thinking == "off" else sampling.thinking
        body["thinking"] = {"type": kind}
    output = _output(request, sampling)
    if output:
        body["output_config"] = output
    if sampling.temperature is not None and not sampling.thinks:
        body["temperature"] = sampling.temperature
    if request.container:
        body["container"] = request.container
    if request.compacts:
        body["compaction"] = {"type": "summarize"}  # which goes with no other management
    elif "context_editing" in sampling.features:
        body["context_management"] = _EDITING
    if request.tools or request.service_tools:
        if "strict_tools" in sampling.features:
            from devagent.models.strict_tools import (  # noqa: PLC0415 - only where it is asked for
                told_strictly,
            )

            body["tools"] = told_strictly(request.tools, told)
        else:
            body["tools"] = [told(tool) for tool in request.tools]
        body["tools"] += [
            {"type": one.kind, "name": one.name, **one.settings} for one in request.service_tools
        ]
        if point:
            body["tools"][-1] = {**body["tools"][-1], "cache_control": point}
    if request.system.strip():
        system: dict[str, Any] = {"type": "text", "text": request.system}
        body["system"] = [{**system, "cache_control": point} if point else system]
    return body


def _output(request: ModelRequest, sampling: Sampling) -> dict[str, Any]:
    """The effort, and the schema that the service is to hold the answer to, where it can."""
    output: dict[str, Any] = {"effort": sampling.effort} if sampling.effort else {}
    if request.answer_schema is None or "structured_output" not in sampling.features:
        return output
    from devagent.models.strict_tools import strict  # noqa: PLC0415 - only where a schema is given

    schema = strict(request.answer_schema)
    if schema is not None and not request.compacts and not _cites(request.messages):
        output["format"] = {"type": "json_schema", "schema": schema}
    return output


def _cites(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a document asks for citations: the service takes no schema for the answer beside them."""
    return any(
        is_object(block) and is_object(asked := block.get("citations")) and asked.get("enabled")
        for message in messages
        if is_array(message["content"])
        for block in message["content"]
    )


def _is_summary(message: Mapping[str, Any]) -> bool:
    content = message["content"]
    return is_array(content) and is_object(content[0]) and content[0].get("type") == "compaction"


def _in_words(message: Mapping[str, Any]) -> dict[str, Any]:
    """The service's own summary, for one that does not know it."""
    return {"role": "user", "content": summary_in_words(message["content"][0])}


def summary_in_words(block: Mapping[str, Any]) -> str:
    """The text of a ``compaction`` block, marked as what it is."""
    return f"<summary>\n{block.get('content') or 'Nothing of note.'}\n</summary>"


def told(tool: ToolSpec) -> dict[str, Any]:
    """A tool as the service is told of it; the same object for the same tool, which each request has."""
    known = _told.get(id(tool))
    if known is None or known[0] is not tool:
        if len(_told) >= _MOST_TOLD:
            _told.clear()
        known = _told[id(tool)] = (tool, _as_told(tool))
    return known[1]


def _as_told(tool: ToolSpec) -> dict[str, Any]:
    return {
        "name": tool.api_name,
        "description": tool.description,
        "input_schema": lean(tool.input_schema),
    }


def _messages(
    given: Sequence[Mapping[str, Any]], point: dict[str, Any] | None
) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    users: list[list[dict[str, Any]]] = []
    for message in given:
        content = message["content"]
        # A list even where text would do: the same bytes with a cache point and without.
        texts = isinstance(content, str)
        blocks = [{"type": "text", "text": content}] if texts else list(content)
        blocks = [block for block in blocks if not _is_blank(block)]
        if not blocks:
            continue  # the service refuses blank text and empty messages
        messages.append({"role": message["role"], "content": blocks})
        if message["role"] == "user":
            users.append(blocks)
    if point:
        for blocks in users[-2:]:
            if blocks[-1].get("type") not in _UNPOINTED:
                blocks[-1] = {**blocks[-1], "cache_control": point}
    return messages


def _is_blank(block: object) -> bool:
    if not is_object(block) or block.get("type") != "text":
        return False
    text = block.get("text")
    return isinstance(text, str) and not text.strip()


def as_input(block: dict[str, Any]) -> dict[str, Any]:
    """A received block as the service takes it back: what it says without a value (null) is left
    out, and of a citation the ``file_id``, which requests do not have. All else is untouched."""
    sent = {name: value for name, value in block.items() if value is not None}
    citations = sent.get("citations")
    if is_array(citations):
        sent["citations"] = [
            {name: value for name, value in citation.items() if name != "file_id"}
            if is_object(citation)
            else citation
            for citation in citations
        ]
    return sent
