"""A call in a line: what it touched, how it ended, who said yes; and how what was refused is granted."""

from collections.abc import Iterator

from msgspec import Struct

from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.text import one_line, visible
from devagent.core.verdicts import Decision
from devagent.repl.messages import tr
from devagent.repl.style import Line, Segment
from devagent.repl.words import arguments, counted, determined_by, size_text, time_text

FEW = 2


class Folded(Struct):
    """A call as it is known so far."""

    judged: ToolJudged
    answered: ApprovalAnswered | None = None
    finished: ToolFinished | None = None


def coloured_diff(row: str) -> Line:
    """A row of a unified diff in its colour; any other as it is."""
    text = row.lstrip(" ")
    role = {"+": "added", "-": "removed", "@": "accent"}.get(text[:1], "")
    return (Segment(row, role),) if row else ()


def refused_by(decision: Decision) -> str:
    """Which rules refused it, in few words; where none did, what else."""
    rules = list(dict.fromkeys(rule.rule for rule in decision.determining)) or list(decision.rules)
    if rules:
        more = f" and {len(rules) - FEW} more" if len(rules) > FEW else ""
        return f"denied by {', '.join(rules[:FEW])}{more}"
    reason = one_line(decision.reason)
    return reason.partition(": ")[0] if reason.startswith("denied") else f"denied: {reason}"


def granted_by(decision: Decision) -> list[str]:
    """How to be granted what was refused, in the words of the rules."""
    return [
        one
        for one in dict.fromkeys([decision.grant, *(r.grant for r in decision.determining)])
        if one
    ]


def way_to(decision: Decision) -> str:
    """How to be granted what was refused: the first clause of the words that its rules have for it."""
    if grants := granted_by(decision):
        return one_line(grants[0]).partition("; ")[0].partition(". ")[0].rstrip(".")
    near = ", ".join(decision.nearest[:FEW])
    return f"nearest grant: {near}" if near else ""


def touched(event: ToolJudged) -> str:
    """What the call is about, in few words: what the rules spoke of first."""
    spoken = {rule.resource for rule in event.decision.determining}
    shown = sorted(
        dict.fromkeys(r.id for r in event.resources if r.kind != "mcp"),
        key=lambda name: (name.startswith("repo:"), name not in spoken),
    )
    if event.decision.effect == "deny" and spoken & set(shown):
        shown = [name for name in shown if name in spoken]
    if shown:
        names = [
            one_line(name.removeprefix("path:").removeprefix("command:"), 90)
            for name in shown[:FEW]
        ]
        more = f" and {len(shown) - FEW} more" if len(shown) > FEW else ""
        return ", ".join(names) + more
    return one_line(arguments(event), 90)


def outcome(event: ToolFinished) -> Iterator[str]:
    """How a call ended, in a few short parts."""
    if event.outcome == "denied" and event.decision:
        yield f"result withheld{determined_by(event.decision)}: {event.decision.reason}"
        return
    if event.outcome != "ok":
        why = one_line(event.text, 120) or event.err
        yield f"{event.outcome}: {why}" if why else event.outcome
    added, removed = (event.structured.get(name) for name in ("added", "removed"))
    if isinstance(added, int) and isinstance(removed, int):
        yield f"+{added} -{removed}"
    elif event.rows:
        yield counted(event.rows, "row")
    elif event.outcome == "ok" and (text := visible(event.view or event.text).strip("\n")):
        first, _, rest = text.partition("\n")
        yield counted(rest.count("\n") + 2, "line") if rest else one_line(first, 60)
    elif event.bytes and event.outcome == "ok":
        yield size_text(event.bytes)
    if event.dur_us >= 100_000:
        yield time_text(event.dur_us)


def answered(event: ApprovalAnswered) -> str:
    approval = event.approval
    if approval.method == "file":
        return f"approval {approval.approval_id}"
    if approval.method != "terminal":
        return f"yes by {approval.by}"
    said = tr("you said yes")
    return said if approval.scope == "once" else f"{said} ({approval.scope})"
