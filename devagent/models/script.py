"""A rehearsal's script: what its TOML may say, and where it is wrong.

The script is TOML::

    name = "tour"

    [[reply]]
    text = "Let me look at the history."
    [[reply.call]]
    name = "history"                      # names the call for later replies
    tool = "git.log"
    args = { limit = 3 }

    [[reply]]
    when = { history = "ok" }             # ok, failed or denied; without it the reply is always next
    text = "The newest commit is {{result:history:line 1}}."

A placeholder takes a value from what is already there, once and without evaluating anything:

    {{prompt}}                       the text that the person typed last
    {{result:CALL}}                  the whole result of the call
    {{result:CALL:line N}}           its N-th line (from the end where N is negative)
    {{result:CALL:after TEXT}}       what follows TEXT on the first line that has it
    {{result:CALL:json A.B.0}}       a value inside a JSON result, or in its JSON lines (0 is the first);
                                     alone in an argument it keeps its type
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from devagent.core.errors import ConfigError
from devagent.models.plain import is_array, is_object

Outcome = Literal["ok", "failed", "denied"]

PLACEHOLDER = re.compile(r"\{\{(prompt|result:[^{}]+)\}\}")
SELECTORS = frozenset({"", "line", "after", "json"})


class ScriptedCall(Struct, frozen=True, forbid_unknown_fields=True):
    """``tool`` is ``extension.tool``; ``unlisted`` calls it although it is not offered (to show how a
    hidden tool is refused)."""

    tool: str
    name: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    unlisted: bool = False


class ScriptedReply(Struct, frozen=True, forbid_unknown_fields=True):
    """``when``: call name → how that call must have ended for this reply to be given."""

    text: str = ""
    call: list[ScriptedCall] = field(default_factory=list)
    when: dict[str, Outcome] = field(default_factory=dict)


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    reply: list[ScriptedReply]
    about: str = ""


def reference(placeholder: str) -> tuple[str, str, str]:
    """``result:CALL:line 2`` → call, selector, its argument."""
    _, name, selector = (*placeholder.split(":", 2), "")[:3]
    how, _, what = selector.strip().partition(" ")
    return name, how, what


def parse_script(text: str, file: str) -> Script:
    """A script from TOML. Raises ConfigError with file and line: bad TOML, unknown keys, wrong types,
    a placeholder or ``when`` that names no earlier call."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        raise ConfigError(
            str(error).partition(" (at ")[0],
            file=file,
            line=int(place[1]) if place else text.count("\n") + 1,
            column=int(place[2]) if place else 0,
        ) from error
    try:
        script = msgspec.convert(data, Script)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        numbers = [int(n) for n in re.findall(r"\[(\d+)\]", at)]
        said, hint = _told(what, at.strip("`"))
        line = _line_of(text, *numbers[:2])
        raise ConfigError(said, file=file, line=line, hint=hint) from error
    if not script.reply:
        raise ConfigError("a rehearsal needs at least one [[reply]]", file=file, line=1)
    _check_references(script, text, file)
    return script


def _told(what: str, at: str) -> tuple[str, str]:
    """msgspec's word for it in ours, and a hint."""
    if lacking := re.fullmatch(r"Object missing required field `(.+)`", what):
        whose = "a call" if ".call" in at else "the script"
        return f"{whose} has no `{lacking[1]}`", ""
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        one = ScriptedCall if ".call" in at else ScriptedReply if ".reply" in at else Script
        keys = one.__struct_fields__
        near = difflib.get_close_matches(unknown[1], keys, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(keys)}."
        return f"unknown key {unknown[1]!r}", hint
    return f"{what} ({at})" if at else what, ""


def _check_references(script: Script, text: str, file: str) -> None:
    known: set[str] = set()
    for position, reply in enumerate(script.reply):
        line = _line_of(text, position)
        for name in reply.when:
            if name not in known:
                raise ConfigError(f"`when` names no earlier call: {name!r}", file=file, line=line)
        for value in _strings([reply.text, [call.args for call in reply.call]]):
            for found in PLACEHOLDER.finditer(value):
                fault = _fault(found[1], known)
                if fault:
                    raise ConfigError(f"{found[0]}: {fault}", file=file, line=line)
            if "{{" in PLACEHOLDER.sub("", value):
                raise ConfigError(
                    "a `{{` that begins no placeholder ({{prompt}} or {{result:CALL:…}})",
                    file=file,
                    line=line,
                )
        known |= {call.name or call.tool for call in reply.call}


def _fault(placeholder: str, known: Collection[str]) -> str:
    if placeholder == "prompt":
        return ""
    name, how, what = reference(placeholder)
    if name not in known:
        return f"no earlier call is named {name!r}"
    if how not in SELECTORS or bool(how) != bool(what):
        return "the selector must be `line N`, `after TEXT` or `json A.B.0`"
    if how == "line" and not what.removeprefix("-").strip("0").isdecimal():
        return "the line must be a number other than 0"
    return ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_object(value):
        for part in value.values():
            yield from _strings(part)
    elif is_array(value):
        for part in value:
            yield from _strings(part)


def _line_of(text: str, *numbers: int) -> int:
    """The line of the n-th ``[[reply]]``, or of the m-th ``[[reply.call]]`` below it."""
    heads = [
        (line, "".join(content.partition("#")[0].split()))
        for line, content in enumerate(text.splitlines(), 1)
    ]
    replies = [line for line, head in heads if head == "[[reply]]"]
    if not numbers or numbers[0] >= len(replies):
        return 1
    start = replies[numbers[0]]
    if len(numbers) > 1:
        end = replies[numbers[0] + 1] if numbers[0] + 1 < len(replies) else len(heads) + 1
        calls = [n for n, head in heads if head == "[[reply.call]]" and start < n < end]
        if numbers[1] < len(calls):
            return calls[numbers[1]]
    return start
