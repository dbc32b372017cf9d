"""Two sessions side by side: what was asked, done and answered in both, in one, or otherwise.

Steps (prompts, replies, calls) are lined up by what they are about: a prompt's or a reply's text, a call's tool and
arguments. Steps that stand in both are compared by what became of them. What is kept of a step is a line, so memory
grows by a few hundred bytes a step, whatever was said in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

from msgspec import Struct

from devagent.audit.entry import Called, Entry
from devagent.core.codec import digest

Where = Literal["both", "otherwise", "first", "second"]

_LINE = 200
_EXACT = 2_000
"""Steps up to which every repetition is looked at; in longer sessions the most frequent steps line up by their
neighbours alone."""

_FEW = 5


class Step(Struct, frozen=True):
    """A prompt, reply or call: ``about`` lines it up with the other session's, ``came_to`` is compared then."""

    seq: int
    kind: str
    line: str
    came_to: str
    about: str
    result: str = ""


class Pair(Struct, frozen=True):
    """A step of either session, or the same of both."""

    where: Where
    first: Step | None = None
    second: Step | None = None


def step(entry: Entry) -> Step | None:
    """The entry as a step; None where it is none."""
    call = entry.call
    if call is not None:
        about = digest([call.tool, call.args or [r.id for r in call.resources]])
        touched = ", ".join(one.id for one in call.resources[:_FEW])
        line = f"{call.tool}  {touched or '  '.join('='.join(pair) for pair in call.args)}"
        result = digest([call.result, call.view, call.structured]) if call.outcome else ""
        return Step(entry.seq, "call", line[:_LINE], _came_to(call), about, result)
    if entry.kind not in ("prompt", "reply") or not (entry.text or entry.gone):
        return None
    about = digest([entry.kind, entry.text])
    return Step(entry.seq, entry.kind, " ".join(entry.text.split())[:_LINE], "", about)


def _came_to(call: Called) -> str:
    approval = call.approval
    by = f" by {approval.by}" if approval and approval.by else ""
    rules = f" ({', '.join(call.rules[:_FEW])})" if call.rules else ""
    outcome = f", {call.outcome}" if call.outcome not in ("", "ok") else ""
    return f"{call.status}{by}{rules}{outcome}"


def line_up(first: Sequence[Step], second: Sequence[Step]) -> Iterator[Pair]:
    """Both sessions' steps in order, what belongs together side by side."""
    same = _common(first, second)
    yield from _both(first[:same], second[:same])
    first, second = first[same:], second[same:]
    numbers: dict[str, int] = {}
    a, b = (
        [numbers.setdefault(one.about, len(numbers)) for one in side] for side in (first, second)
    )
    matcher = SequenceMatcher(None, a, b, autojunk=max(len(a), len(b)) > _EXACT)
    for what, start, end, there, until in matcher.get_opcodes():
        if what == "equal":
            yield from _both(first[start:end], second[there:until])
            continue
        yield from (Pair("first", first=one) for one in first[start:end])
        yield from (Pair("second", second=one) for one in second[there:until])


def _common(first: Sequence[Step], second: Sequence[Step]) -> int:
    """How many steps both begin with."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one.about != other.about:
            return number
    return min(len(first), len(second))


def _both(first: Iterable[Step], second: Iterable[Step]) -> Iterator[Pair]:
    for one, other in zip(first, second, strict=True):
        same = (one.came_to, one.result) == (other.came_to, other.result)
        yield Pair("both" if same else "otherwise", one, other)
