"""The conversation as a chat-completions server reads it (vLLM, Ollama, LM Studio, Databricks and their like).

Thinking is left out (it is signed for another service), cache points too: such servers keep prefixes by
themselves. Results of tools are messages of their own, right behind the calls that they answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from devagent.core.ports import ModelRequest
from devagent.core.tools import ToolSpec
from devagent.models.lean_schema import lean
from devagent.models.messages_body import encoded, summary_in_words
from devagent.models.pictures import with_images
from devagent.models.plain import is_array, is_object
from devagent.models.sampling import Sampling


def encode_chat(request: ModelRequest, model: str, sampling: Sampling) -> bytes:
    """The body of ``POST …/chat/completions``."""
    body: dict[str, Any] = {"model": model, "max_tokens": sampling.max_tokens}
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.effort:
        body["reasoning_effort"] = sampling.effort
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    messages: list[dict[str, Any]] = []
    if request.system.strip():
        messages.append({"role": "system", "content": request.system})
    given = with_images(request.messages, takes_images=sampling.images)
    body["messages"] = messages + chat_messages(given)
    if request.answer_schema is not None and "structured_output" in sampling.features:
        answer = {"name": "answer", "schema": request.answer_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": answer}
    body["stream"] = True
    body["stream_options"] = {"include_usage": True}
    return encoded(body)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.api_name,
        "description": tool.description,
        "parameters": lean(tool.input_schema),
    }
    return {"type": "function", "function": function}


def chat_messages(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages of the Messages API's shape as chat messages."""
    messages: list[dict[str, Any]] = []
    for message in given:
        content = message["content"]
        blocks: list[Any] = (
            [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        )
        if message["role"] == "assistant":
            messages += _assistant([block for block in blocks if is_object(block)])
        else:
            messages += _user([block for block in blocks if is_object(block)])
    return messages


def _assistant(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if blocks and blocks[0].get("type") == "compaction":
        return [{"role": "user", "content": summary_in_words(blocks[0])}]
    text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {
                "name": block["name"],
                "arguments": msgspec.json.encode(block["input"]).decode(),
            },
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    if not text.strip() and not calls:
        return []
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    return [{**message, "tool_calls": calls} if calls else message]


def _user(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results = [
        {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _text_of(block)}
        for block in blocks
        if block.get("type") == "tool_result"
    ]
    parts = [part for block in [*blocks, *_images(blocks)] if (part := _part(block))]
    if not parts:
        return results
    if all(part["type"] == "text" for part in parts):  # not every server takes parts
        text = "\n\n".join(part["text"] for part in parts)
        return [*results, {"role": "user", "content": text}]
    return [*results, {"role": "user", "content": parts}]


def _images(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The images in tools' results: this wire takes them from the user alone."""
    results = [block.get("content") for block in blocks if block.get("type") == "tool_result"]
    parts = [part for content in results if is_array(content) for part in content]
    return [part for part in parts if is_object(part) and part.get("type") == "image"]


def _part(block: dict[str, Any]) -> dict[str, Any] | None:
    kind, source = block.get("type"), block.get("source")
    if kind == "text":
        text = str(block.get("text", ""))
        return {"type": "text", "text": text} if text.strip() else None
    if kind not in ("image", "document") or not is_object(source):
        return None
    url = source.get("url", "")
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type', '')};base64,{source.get('data', '')}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if source.get("type") == "text":
        return {"type": "text", "text": str(source.get("data", ""))}
    name = block.get("title") or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _text_of(block: dict[str, Any]) -> str:
    content = block.get("content", "")
    if is_array(content):
        parts = [part for part in content if is_object(part)]
        return "\n".join(str(p.get("text", "")) for p in parts if p.get("type") == "text")
    return str(content)
