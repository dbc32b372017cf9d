"""A rehearsal: a script plays the model's part; the tools, the policy and the log are real.

What the script may say: ``devagent.models.script``.

Where it stands is read from the conversation alone, so a resumed or forked session goes on rightly.
The first reply says that a script speaks. A script that has run out, or that does not fit (a tool that
is not offered, a result that is missing), ends its turn with a text that says so.
"""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from devagent.core import codec
from devagent.core.errors import ConfigError
from devagent.core.events.model import ModelReplied, TextDelta
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.core.verdicts import NOT_ALLOWED, NOT_DONE
from devagent.models.catalogue import REHEARSAL
from devagent.models.plain import is_array, is_object
from devagent.models.script import (
    PLACEHOLDER,
    Outcome,
    Script,
    ScriptedReply,
    parse_script,
    reference,
)

_TAKEN = 4_000  # characters of a result that a text may take up
_PIECES = 4


class _Result(Struct, frozen=True):
    outcome: Outcome
    text: str


class _Misfit(Exception):
    """The script does not fit what happened; the text says how."""


class Rehearsal:
    """Plays a script (satisfies ``core.ports.Model``)."""

    def __init__(self, script: Script) -> None:
        self._script = script

    @classmethod
    def load(cls, path: str) -> "Rehearsal":
        """Read a script. Raises ConfigError with file and line."""
        try:
            with open(path, encoding="utf-8") as source:
                text = source.read()
        except OSError as error:
            raise ConfigError(
                f"the rehearsal cannot be read: {error.strerror or error}", file=path
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"the rehearsal cannot be read: it is not UTF-8 (byte {error.start})", file=path
            ) from error
        return cls(parse_script(text, path))

    @property
    def name(self) -> str:
        return REHEARSAL + self._script.name

    async def connect(self) -> bool:
        """There is nothing to connect to."""
        return True

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def count(self, request: ModelRequest) -> int | None:
        """A script has no tokens."""
        del request
        return None

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """The script's next reply, its text in a few deltas. Raises nothing of its own."""
        position, results = _walk(self._script, request.messages)
        content: list[dict[str, Any]]
        try:
            content = self._content(position, results, request)
        except _Misfit as misfit:
            content = [_text(f"The rehearsal “{self._script.name}” stops here: {misfit}")]
        if not any(m["role"] == "assistant" for m in request.messages):
            note = (
                f"[Rehearsal “{self._script.name}”: a script speaks here, not a model. "
                "The tools, the policy and the log are real.]\n\n"
            )
            if content[0]["type"] == "text":
                content[0]["text"] = note + content[0]["text"]
            else:
                content.insert(0, _text(note.rstrip()))
        for block in content:
            if block["type"] == "text":
                for piece in _pieces(block["text"]):
                    yield TextDelta(turn=request.turn, text=piece)
        calls = any(block["type"] == "tool_use" for block in content)
        yield ModelReplied(
            turn=request.turn,
            model=self.name,
            stop="tool_use" if calls else "end_turn",
            content=content,
        )

    def _content(
        self, position: int, results: Mapping[str, _Result], request: ModelRequest
    ) -> list[dict[str, Any]]:
        replies = self._script.reply
        if position >= len(replies):
            raise _Misfit(
                f"its script has no further reply ({len(replies)} in all); with a key (`devagent auth login`) a model answers."
            )
        reply = replies[position]
        prompt = _last_prompt(request.messages)
        content: list[dict[str, Any]] = []
        text = _filled(reply.text, prompt, results)
        if text.strip():
            content.append(_text(text))
        may_call = (*request.tools, *request.findable)
        offered = {tool.qualified: tool.api_name for tool in may_call}
        for number, call in enumerate(reply.call):
            name = offered.get(call.tool)
            if name is None and not call.unlisted:
                raise _Misfit(
                    f"it calls {call.tool}, which is not offered here "
                    "(hidden by policy, or its extension is not loaded)."
                )
            args: Any = _filled_value(call.args, prompt, results)
            content.append(
                {
                    "type": "tool_use",
                    "id": _call_id(position, number),
                    "name": name or call.tool.replace(".", "__", 1),
                    "input": args,
                }
            )
        return content or [_text("…")]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _call_id(position: int, number: int) -> str:
    return f"toolu_rehearsal_{position + 1}_{number + 1}"


def _pieces(text: str) -> list[str]:
    size = max(1, -(-len(text) // _PIECES))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _walk(script: Script, messages: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, _Result]]:
    """Which reply is next, and how the calls so far ended: the script played again over the
    conversation, one reply for each message of the assistant."""
    given = sum(message["role"] == "assistant" for message in messages)
    ended = _ended(messages)
    results: dict[str, _Result] = {}
    position = 0
    for number in range(given + 1):
        while position < len(script.reply) and not _fits(script.reply[position], results):
            position += 1
        if number == given or position >= len(script.reply):
            break
        for at, call in enumerate(script.reply[position].call):
            found = ended.get(_call_id(position, at))
            if found is not None:
                results[call.name or call.tool] = found
        position += 1
    return position, results


def _fits(reply: ScriptedReply, results: Mapping[str, _Result]) -> bool:
    return all(
        name in results and results[name].outcome == outcome for name, outcome in reply.when.items()
    )


def _ended(messages: Sequence[Mapping[str, Any]]) -> dict[str, _Result]:
    """Call id → how it ended, from the conversation's tool results."""
    ended: dict[str, _Result] = {}
    for message in messages:
        content = message["content"]
        for block in content if is_array(content) else []:
            if is_object(block) and block.get("type") == "tool_result":
                ended[str(block.get("tool_use_id"))] = _result(block)
    return ended


def _result(block: Mapping[str, Any]) -> _Result:
    text = _joined(block.get("content"))
    if not block.get("is_error"):
        return _Result("ok", text)
    return _Result(
        "denied" if text.lstrip().startswith((NOT_ALLOWED, NOT_DONE)) else "failed", text
    )


def _joined(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if is_array(content) else []
    texts = [part for part in parts if is_object(part) and part.get("type") == "text"]
    return "\n".join(str(part.get("text", "")) for part in texts)


def _last_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    for message in reversed(messages):
        if message["role"] == "user" and (text := _joined(message["content"])):
            return text
    return ""


def _filled(text: str, prompt: str, results: Mapping[str, _Result]) -> str:
    """One pass: what is put in is never read for placeholders again."""

    def value(found: re.Match[str]) -> str:
        taken = _taken(found[1], prompt, results)
        shown = taken if isinstance(taken, str) else codec.canonical(taken).decode()
        return shown if len(shown) <= _TAKEN else shown[:_TAKEN] + "…"

    return PLACEHOLDER.sub(value, text)


def _filled_value(value: Any, prompt: str, results: Mapping[str, _Result]) -> Any:
    if isinstance(value, str):
        whole = PLACEHOLDER.fullmatch(value)
        return _taken(whole[1], prompt, results) if whole else _filled(value, prompt, results)
    if is_object(value):
        return {name: _filled_value(part, prompt, results) for name, part in value.items()}
    if is_array(value):
        return [_filled_value(part, prompt, results) for part in value]
    return value


def _taken(placeholder: str, prompt: str, results: Mapping[str, _Result]) -> Any:
    if placeholder == "prompt":
        return prompt
    name, how, what = reference(placeholder)
    result = results.get(name)
    if result is None:
        raise _Misfit(f"it needs the result of {name!r}, which is not there.")
    found = _SELECTORS[how](result.text, what)
    if found is None:
        raise _Misfit(f"the result of {name!r} has no {how} {what!r}.")
    return found


def _line(text: str, number: str) -> str | None:
    lines = text.splitlines()
    at = int(number)
    at = at - 1 if at > 0 else at + len(lines)
    return lines[at].strip() if 0 <= at < len(lines) else None


def _after(text: str, mark: str) -> str | None:
    for line in text.splitlines():
        if mark in line:
            return line.partition(mark)[2].strip()
    return None


def _json(text: str, path: str) -> Any:
    value: Any
    try:
        value = codec.parse(text)
    except (ValueError, RecursionError):
        value = _json_lines(text)
    for step in path.split("."):
        if is_object(value):
            value = value.get(step)
        elif is_array(value) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _json_lines(text: str) -> list[Any]:
    """The lines of the text that are JSON, as a query's rows are."""
    values: list[Any] = []
    for line in text.splitlines():
        try:
            values.append(codec.parse(line))
        except (ValueError, RecursionError):
            continue
    return values


_SELECTORS: dict[str, Callable[[str, str], Any]] = {
    "": lambda text, _: text,
    "line": _line,
    "after": _after,
    "json": _json,
}


if TYPE_CHECKING:
    from devagent.models import OpenModel

    def _proof(model: Rehearsal) -> OpenModel:  # pyright: ignore[reportUnusedFunction]
        return model
