"""The words that an event is told in: signs, counts, sizes, times, and what a decision rests on.

Whatever came from a tool, a model or a repository is stripped of control sequences first.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from devagent.core.codec import canonical
from devagent.core.events.calls import ToolJudged
from devagent.core.text import visible
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision, RuleReference
from devagent.repl.capabilities import Capabilities

WIDTH = 160
FEW = 3


class Signs(Struct, frozen=True):
    """The marks that lines begin with and join by."""

    call: str = "●"
    yes: str = "✓"
    no: str = "✗"
    ask: str = "?"
    result: str = "⎿"
    alert: str = "!"
    prompt: str = "›"
    dot: str = "·"
    more: str = "…"
    then: str = "→"


FULL = Signs()
ASCII = Signs(call="*", yes="+", no="x", result="|", prompt=">", dot="-", more="...", then="->")
READER = Signs(
    call="call", yes="yes,", no="no,", ask="question,", result="result", alert="note:", prompt="you:", dot=",",
    more="and", then="to",
)  # fmt: skip
"""Words where the others have marks: to be read aloud."""


def signs_for(encoding: str | None) -> Signs:
    """The marks that a stream of this encoding can show."""
    try:
        "".join(getattr(FULL, name) for name in FULL.__struct_fields__).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return FULL


def signs_of(capabilities: Capabilities) -> Signs:
    """The marks for this terminal: words where it is read aloud."""
    return READER if capabilities.reader else FULL if capabilities.unicode else ASCII


def would_be(shadow: Decision) -> str:
    """What a call would have come to by another decision, in one line."""
    match shadow.effect:
        case "deny":
            return f"denied{determined_by(shadow)}"
        case "ask":
            return f"asked about{determined_by(shadow)}"
        case "allow":
            duties = f" with {pairs(shadow.obligations)}" if shadow.obligations else ""
            return f"allowed{duties}{determined_by(shadow)}"


def because(decision: Decision, word: str) -> list[str]:
    """Each determining rule with its own reason; where no rule spoke, the decision's."""
    rules = {rule.rule: rule for rule in decision.determining}
    if not rules:
        return [
            decision.reason
            if decision.reason.startswith((word, "needs approval"))
            else f"{word}: {decision.reason}"
        ]
    said = [f"{word} by {rule_name(r)}{f': {r.why}' if r.why else ''}" for r in rules.values()]
    repeats = decision.reason.startswith(("denied by ", "needs approval by "))
    if len(said) == 1 and not any(r.why for r in rules.values()) and not repeats:
        return [f"{said[0]}: {decision.reason}"]
    more = len(said) - FEW
    return [*said[:FEW], f"{more} more"] if more > 0 else said


def determined_by(decision: Decision) -> str:
    rules = [rule_name(rule) for rule in decision.determining] or list(decision.rules)
    once = list(dict.fromkeys(rules))
    more = f" and {len(once) - FEW} more" if len(once) > FEW else ""
    return f" by {', '.join(once[:FEW])}{more}" if once else ""


def rule_name(rule: RuleReference) -> str:
    file = rule.file.replace("\\", "/").rpartition("/")[2]
    place = f" ({file}:{rule.line})" if file and rule.line else f" ({file})" if file else ""
    return rule.rule + place


def usage_text(usage: Usage) -> str:
    parts = [f"{usage.input:,} in"]
    if usage.cache_read:
        parts.append(f"{usage.cache_read:,} cached ({usage.cache_hit_percent} %)")
    if usage.cache_write:
        parts.append(f"{usage.cache_write:,} to cache")
    return ", ".join([*parts, f"{usage.output:,} out"])


def pairs(values: dict[str, Any]) -> str:
    return "  ".join(
        f"{name}={value if isinstance(value, str) else canonical(value).decode()}"
        for name, value in sorted(values.items())  # as the log gives them back
    )


def arguments(event: ToolJudged) -> str:
    """What the call was given, in short, where its resources do not say it."""
    match event.full_name:
        case "agent.todo":
            return ""  # how it ended says what stands on the list
        case "mcp.elicit":
            return f"{event.args.get('server')}: {event.args.get('message')}"
        case _:
            return pairs(event.args)


def block(text: str, first: str, rest: str) -> str:
    return first + visible(text).strip("\n").replace("\n", f"\n{rest}")


def plain(line: str, *, wide: bool = False) -> str:
    """One line: its indent kept, the rest made visible and flat, cut unless wide."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    text = visible(line[len(indent) :]).replace("\n", " ").replace("\t", " ")
    return indent + (text if wide or len(text) <= 2 * WIDTH else text[: 2 * WIDTH - 3] + "...")


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def size_text(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def time_text(microseconds: int) -> str:
    seconds = microseconds / 1_000_000
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
