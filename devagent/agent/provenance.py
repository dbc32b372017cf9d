"""Provenance: where the values of a call first stood (spec: "Conditions", ``origin_in``).

The origins of a value are the sources in which it stood *before the model itself used it*:

- ``prompt``: the person typed it, at any time. What was piped in beside a prompt (``<input>``), and what a folder's own
  command says, was not typed: its origin is ``input``.
- ``result:git.log``: it stood in a result of that tool, and in no call of the model's before. So a tool
  that repeats what it was asked, in an error or in a file that the model wrote, vouches for nothing. Nor does what a
  model answered: a sub-agent, or the session's own to a server.

A value in none of these has no origin. A text stands in a source whole, not within a longer word, name
or address; e-mail addresses in any case of letters; a number in any way of writing it; a fact of an
argument where the source has that fact. Truth values, blank texts and tables have no origins.

Bounds: where no rule asks for origins nothing is kept. Else of results the newest 64 million characters are
kept, of prompts and of the model's own words 8 million each. What was forgotten is no origin; once words of the
model had to be forgotten no later result is one. Of one call the first 2,000 values get origins. Texts are kept as they are and searched
only when a rule asks.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from devagent.core.codec import parse
from devagent.core.events import Event
from devagent.core.events.calls import ServiceToolUsed, ToolFinished, ToolJudged
from devagent.core.events.turns import Prompt
from devagent.policy.lookups import leaves, placed_values

PROMPT = "prompt"
INPUT = "input"
KEPT_RESULTS = 64_000_000
KEPT_PROMPTS = KEPT_USES = 8_000_000
MOST_VALUES = 2_000
_LEAST_SIZE = 200
_MOST_COMPARED = 20_000_000
"""Characters compared for one value in one text: a text full of near misses is given up."""

_APART = "\n\0\n"
_PLAIN = re.compile(r"[^\x80-\U0010ffff%&\x01-\x08\x0e-\x1f]*")
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)

_OF_A_MODEL = frozenset({"result:agent.task", "result:mcp.sample"})
"""Results that a model has written."""

Origins = dict[str, list[str]]


class Provenance:
    """The sources of a session, live or resumed: a fold over its events. ``asked``: whether any rule asks."""

    def __init__(self, asked: Callable[[], bool] = lambda: True) -> None:
        self._asked = asked
        self._clock = 0
        self._prompts = _Kept(KEPT_PROMPTS)
        self._results = _Kept(KEPT_RESULTS)
        self._uses = _Kept(KEPT_USES)
        self._labels: dict[str, str] = {}
        self.prompt = ""
        """What the person said last, with what was piped in beside it."""

    def apply(self, event: Event) -> None:
        """Take in what was typed, what the model asked for, and what came back."""
        if isinstance(event, Prompt) and not event.of_the_house:
            self.prompt = event.text
        if not self._asked():
            return
        match event:
            case Prompt(of_the_house=True):
                pass  # it may quote the model
            case Prompt(text=text):
                typed, marker, piped = text.partition("<input>\n")
                self._prompts.add(_Source(PROMPT, self._tick(), typed))
                if marker:
                    self._prompts.add(_Source(INPUT, self._tick(), piped))
            case ToolJudged(call=call, ext=ext, tool=tool, args=args):
                self._labels[call] = f"result:{ext.name}.{tool}"
                self._uses.add(_Source("", self._tick(), "", args))
            case ToolFinished(
                call=call, text=text, structured=structured, outcome="ok" | "failed" | "timeout"
            ):
                label = self._labels.pop(call, None)
                if label and label not in _OF_A_MODEL and not self._uses.forgotten:
                    self._results.add(_Source(label, self._tick(), text, structured))
            case ServiceToolUsed(tool=tool, args=args, text=text):
                self._uses.add(_Source("", self._tick(), "", args))
                if text and not self._uses.forgotten:
                    self._results.add(_Source(f"result:service.{tool}", self._tick(), text))
            case _:
                pass

    def origins(
        self, args: dict[str, Any], facts: dict[str, list[Any]], keys: Iterable[str]
    ) -> Origins:
        """The origins of the values that these keys lead to, by their JSON pointers below ``args``."""
        found: Origins = {}
        known: dict[tuple[str, str, Any], list[str]] = {}
        for value, pointer, kind in _values(args, facts, keys):
            if len(known) >= MOST_VALUES:
                break
            key = (kind, value.__class__.__name__, value)
            if key not in known:
                known[key] = self._origins_of(value, kind)
            if known[key]:
                found[pointer] = known[key]
        return found

    def _origins_of(self, value: Any, kind: str) -> list[str]:
        if isinstance(value, bool) or (isinstance(value, str) and not value.strip()):
            return []
        has = _sought(value, kind)
        out: list[str] = []
        for source in self._prompts:
            if source.label not in out and has(source):
                out.append(source.label)
        first_use: int | None = None
        for source in self._results:
            if source.label in out or not has(source):
                continue
            if first_use is None:
                uses = (use.time for use in self._uses if has(use))
                first_use = next(uses, self._clock + 1)
            if source.time < first_use:
                out.append(source.label)
        return out

    def _tick(self) -> int:
        self._clock += 1
        return self._clock


class _Source:
    """One text with its data; made ready for searching when it is first searched."""

    __slots__ = (
        "_data",
        "_facts",
        "_folded",
        "_plain",
        "_searched",
        "label",
        "size",
        "text",
        "time",
    )

    def __init__(
        self, label: str, time: int, text: str, data: Mapping[str, Any] | None = None
    ) -> None:
        self.label = label
        self.time = time
        self.text = text
        self.size = _LEAST_SIZE + len(text) + (sum(map(len, _strings(data))) if data else 0)
        self._data = data
        self._searched: list[str] | None = None
        self._folded: list[str] | None = None
        self._plain: bool | None = None
        self._facts: dict[str, frozenset[Any]] = {}

    def texts(self) -> list[str]:
        """The text, and the texts within it where it is JSON, apart from each other."""
        if self._searched is None:
            self._searched = [self.text] if self.text else []
            if self._data:
                self._searched.append(_joined(self._data))
            if self.text.lstrip()[:1] in ("{", "["):
                self._searched.append(_joined(_parsed(self.text)))
        return self._searched

    def folded(self) -> list[str]:
        """The same texts, case folded."""
        if self._folded is None:
            self._folded = [text.casefold() for text in self.texts()]
        return self._folded

    def is_plain(self) -> bool:
        """Whether the texts hold nothing that stands for something else: escapes, other scripts."""
        if self._plain is None:
            self._plain = all(_PLAIN.fullmatch(text) for text in self.texts())
        return self._plain

    def facts(self, kind: str) -> frozenset[Any]:
        """What facts of this kind the texts have."""
        known = self._facts.get(kind)
        if known is None:
            from devagent.policy.facts import text_facts  # noqa: PLC0415  (only where rules ask)

            found = (fact for text in self.texts() for fact in text_facts(kind, text))
            known = self._facts[kind] = frozenset(found)
        return known


class _Kept:
    """The newest sources up to a number of characters; ``forgotten`` once an older one had to go."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._sources: deque[_Source] = deque()
        self.forgotten = False

    def add(self, source: _Source) -> None:
        self._sources.append(source)
        self._size += source.size
        while self._size > self._most and len(self._sources) > 1:
            self._size -= self._sources.popleft().size
            self.forgotten = True

    def __iter__(self) -> Iterator[_Source]:
        return iter(self._sources)


def _strings(data: Any) -> Iterator[str]:
    return (value for value, _ in leaves(data, "") if isinstance(value, str))


def _joined(data: Any) -> str:
    """The scalars of some data in one text, so that no value reaches over two of them."""
    values = (value for value, _ in leaves(data, "") if not isinstance(value, bool))
    return _APART.join(str(value) for value in values)


def _parsed(text: str) -> Any:
    """The data of a JSON text; nothing where it only looks like one."""
    try:
        return parse(text)
    except ValueError:
        return None


def _values(
    args: dict[str, Any], facts: dict[str, list[Any]], keys: Iterable[str]
) -> Iterator[tuple[Any, str, str]]:
    """Value, pointer and kind of fact (empty for an argument itself)."""
    for key in sorted(keys):
        kind = key[key.rindex("@") :] if "@" in key else ""
        for value, pointer in placed_values(args, facts, key):
            yield value, pointer, kind


def _sought(value: Any, kind: str) -> Callable[[_Source], bool]:
    """The test whether a source has this value."""
    if kind and isinstance(value, str):
        # Where nothing is escaped, what does not stand there letter for letter is not worth a scan.
        return lambda source: (
            (not source.is_plain() or any(value in text for text in source.folded()))
            and value in source.facts(kind)
        )
    if isinstance(value, int | float):
        return lambda source: abs(value) in source.facts("@amounts")
    text = str(value)
    if "@" in text and not any(c.isspace() for c in text):
        folded = text.casefold()
        return lambda source: any(_stands_in(folded, one) for one in source.folded())
    return lambda source: any(_stands_in(text, one) for one in source.texts())


def _stands_in(value: str, text: str) -> bool:
    """Whether the value stands in the text by itself, not within a longer word, name or address."""
    if "\0" in value:
        return False
    at = text.find(value)
    compared = 0
    while at >= 0:
        end = at + len(value)
        if not (
            _joins(text[max(0, at - 2) : at][::-1], value[0])
            or _joins(text[end : end + 2], value[-1])
        ):
            return True
        compared += len(value)
        if compared > _MOST_COMPARED:
            return False
        at = text.find(value, at + 1)
    return False


def _joins(beside: str, edge: str) -> bool:
    """Whether what stands beside a value's edge, read outwards, makes it part of something longer."""
    if not beside or not _is_word(edge):
        return False
    if _is_word(beside[0]):
        # Scripts without spaces stand directly beside a name.
        return not (edge.isascii() and _SPACELESS.match(beside[0]))
    return beside[0] in ".-@+" and len(beside) > 1 and _is_word(beside[1])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
