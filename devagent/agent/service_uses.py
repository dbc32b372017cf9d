"""What the model service did by itself while it answered, read from the blocks of its reply."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from devagent.core.events.calls import Outcome, ServiceToolUsed
from devagent.core.events.model import ContextEdited, ModelReplied

WEB = "web"
"""The label of what came from the web: anybody may have written it."""
_NAMES = {"bash_code_execution": "code_execution", "text_editor_code_execution": "code_execution"}
_MAX_TEXT = 40_000


class Use(Struct, frozen=True):
    """One use, as a reply's blocks tell it; ``outcome`` is ``cut`` where the result is in a later reply."""

    call: str
    tool: str
    args: dict[str, Any]
    outcome: Outcome
    err: str
    text: str
    sources: tuple[str, ...]

    @property
    def taint(self) -> tuple[str, ...]:
        """The labels of what the model read by it."""
        return () if self.tool == "code_execution" else (WEB,)

    def event(self, turn: int) -> ServiceToolUsed:
        return ServiceToolUsed(
            turn=turn,
            call=self.call,
            tool=self.tool,
            outcome=self.outcome,
            err=self.err,
            taint=self.taint,
            args=self.args,
            text=self.text,
            sources=self.sources,
        )


def done_by_the_service(reply: ModelReplied) -> Iterator[ServiceToolUsed | ContextEdited]:
    """What the service did besides answering, for the record."""
    for use in uses(reply):
        yield use.event(reply.turn)
    results, tokens = reply.left_out
    if results or tokens:
        yield ContextEdited(turn=reply.turn, results=results, tokens=tokens)


def uses(reply: ModelReplied) -> Iterator[Use]:
    """The uses that this reply holds results of, and those that it holds the asking of alone (a paused turn)."""
    asked = {b["id"]: b for b in reply.content if b.get("type") == "server_tool_use"}
    for block in reply.content:
        kind = str(block.get("type"))
        call = block.get("tool_use_id")
        if not kind.endswith("_tool_result") or not isinstance(call, str):
            continue
        given = asked.pop(call, {})
        name = str(given.get("name") or kind.removesuffix("_tool_result"))
        error, text, sources = _result(block.get("content"))
        yield Use(
            call=call,
            tool=_NAMES.get(name, name),
            args=given.get("input", {}),
            outcome="failed" if error else "ok",
            err=error,
            text=text,
            sources=sources,
        )
    for call, given in asked.items():
        name = str(given.get("name", ""))
        yield Use(call, _NAMES.get(name, name), given.get("input", {}), "cut", "", "", ())


def _result(content: Any) -> tuple[str, str, tuple[str, ...]]:
    """Error code, text and addresses of what one of these tools brought."""
    lines: list[str] = []
    addresses: list[str] = []
    error = ""
    for part in content if isinstance(content, list) else [content]:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(part, Mapping):
            continue
        one: Mapping[str, Any] = part  # pyright: ignore[reportUnknownVariableType]
        error = error or str(one.get("error_code") or "")
        url, title = str(one.get("url") or ""), str(one.get("title") or "")
        if url:
            addresses.append(url)
        lines += [text for text in (f"{title} {url}".strip(), *_texts(one)) if text]
    return error, "\n".join(lines)[:_MAX_TEXT], tuple(addresses)


def _texts(one: Mapping[str, Any]) -> Iterator[str]:
    for name in ("stdout", "stderr"):
        if isinstance(text := one.get(name), str):
            yield text
    document = one.get("content")
    source = document.get("source") if isinstance(document, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(source, Mapping) and source.get("type") == "text":  # pyright: ignore[reportUnknownMemberType]
        yield str(source.get("data", ""))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
