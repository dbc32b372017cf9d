"""What a comparison of answers found, in words: shared by its text and its page."""

import time
from collections.abc import Iterator, Sequence

import msgspec

from devagent.core.text import visible
from devagent.core.verdicts import RANK, Effect
from devagent.policy.changes import Change, Example, Report

ASIDE = {
    "erased": "content erased",
    "sealed": "content encrypted",
    "missing": "content missing",
    "altered": "content is not what the record commits to (`devagent session verify` says more)",
    "differs": "not all that was judged is on record (redacted, or an older version's)",
    "unseen": "whether personal data was in the result is not on record",
    "floor": "answered by the floor below every policy",
    "error": "not a question of policy (no such tool, arguments that do not fit, a repeated id)",
}
WIDTH = 400
DEFAULT = "the default: no rule"
SIGNS = {"wider": "+", "narrower": "-", "same": "~"}


def direction(before: Effect, after: Effect) -> str:
    """``wider``, ``narrower``, or ``same`` where only what is owed for it changes."""
    if RANK[after] == RANK[before]:
        return "same"
    return "wider" if RANK[after] > RANK[before] else "narrower"


def day(microseconds: int) -> str:
    """A moment's UTC day."""
    return time.strftime("%Y-%m-%d", time.gmtime(microseconds // 1_000_000))


def days(change: Change) -> str:
    """From when to when; empty for what was never recorded."""
    if not change.last:
        return ""
    first, last = day(change.first), day(change.last)
    return first if first == last else f"{first} to {last}"


def set_aside(report: Report) -> list[str]:
    """Each reason why calls were not judged again, with how many."""
    return [f"{count:,} {ASIDE.get(why, why)}" for why, count in report.aside.items()]


def owed(change: Change) -> str:
    """The obligations before and after, where they are what changes."""
    if change.obligations_before is None or change.obligations_after is None:
        return ""
    before, after = (
        msgspec.json.encode(duties, order="sorted").decode() if duties else "none"
        for duties in (change.obligations_before, change.obligations_after)
    )
    return f"obligations {before} → {after}"


def place(example: Example) -> str:
    """As ``policy explain --event`` takes it."""
    return f"{example.session}:{example.seq}"


def by_rules(rules: Sequence[str]) -> str:
    return ", ".join(rules) if rules else DEFAULT


def in_text(report: Report, heading: str, *, shadow: bool = False) -> Iterator[str]:
    """The report as lines for a terminal."""
    yield kept(heading)
    others = f" ({report.other_rules:,} by other rules)" if report.other_rules else ""
    yield f"  {report.judged:,} judged, {report.same:,} the same{others}, {report.changed:,} changed"
    for line in set_aside(report):
        yield f"  set aside: {line}"
    if report.more:
        yield f"  {report.more:,} changed calls are only counted: too many kinds of change"
    if not report.changed:
        return
    yield "\nBy rule:"
    for rule in report.by_rule:
        who = f"{rule.principals:,} principal" + ("" if rule.principals == 1 else "s")
        sign = SIGNS[direction(rule.before, rule.after)]
        yield kept(
            f"  {sign} {rule.count:>7,}  {rule.before:>5} → {rule.after:<5}  {rule.rule or DEFAULT}"
            f"  ({who}; {_few(rule.tools)})"
        )
    yield "\nBy principal and tool:"
    for change in report.changes:
        sign = SIGNS[direction(change.before, change.after)]
        yield kept(
            f"  {sign} {change.count:>7,}  {change.before:>5} → {change.after:<5}  {change.principal}"
            f"  {change.tool}  {days(change)}"
        )
        if duties := owed(change):
            yield kept(f"             {duties}")
        for example in change.examples:
            touched = f"  {', '.join(example.resources)}" if example.resources else ""
            yield kept(f"             {place(example)}{touched}")
            yield kept(f"               was: {by_rules(example.rules_before)}")
            yield kept(f"               {'would be' if shadow else 'is now'}: {example.reason}")
    if any(example.at for change in report.changes for example in change.examples):
        yield "\nOne of them whole: devagent policy explain --event SESSION:SEQ"


def kept(line: str) -> str:
    """One visible line with its spaces."""
    text = visible(line).replace("\n", " ").replace("\t", " ")
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _few(tools: Sequence[str]) -> str:
    return ", ".join(tools[:3]) + (f" and {len(tools) - 3} more" if len(tools) > 3 else "")
