"""What a report says, whatever it is written in: figures, facts and the words for them."""

import time
from collections.abc import Iterator

from devagent.audit.summary import ModelUse, Summary, Touched
from devagent.cli.session.reviewing import Review

STATUS_NAMES = {
    "allowed": "allowed",
    "approved": "approved",
    "declined": "declined",
    "unattended": "nobody to ask",
    "denied": "denied",
    "refused": "not judged",
    "dry run": "dry run",
    "open": "open",
}
KIND_NAMES = {
    "path": "Paths",
    "command": "Commands",
    "host": "Hosts",
    "repo": "Repositories",
    "branch": "Branches",
    "remote": "Remotes",
    "table": "Tables",
    "column": "Columns",
    "source": "Data sources",
    "doc": "Documents",
    "ticket": "Tickets",
    "model": "Models",
    "mcp": "Tools that name nothing else",
}
_ORDER = [
    "table",
    "column",
    "source",
    "path",
    "command",
    "host",
    "remote",
    "branch",
    "repo",
    "doc",
    "ticket",
    "model",
    "mcp",
]
VERDICTS = {
    "good": "The log is whole and unchanged",
    "weak": "The log is whole in itself; no key from elsewhere vouches for it",
    "bad": "The log was changed or damaged",
}
LEFT_OUT = {
    "held_up": "more calls are only in the timeline.",
    "touched": "times something was touched that did not fit into this list; the timeline has each.",
    "rules": "times a rule spoke that did not fit into this list; the timeline has each.",
}


def moment(ts: int) -> str:
    """A time of the log (microseconds since 1970) in UTC, to the second."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ts // 1_000_000))
    except (OverflowError, ValueError, OSError):
        return f"{ts} µs"


def duration(microseconds: int) -> str:
    seconds = microseconds / 1_000_000
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 120 else f"{hours:.1f} h"


def dollars(use: ModelUse) -> str:
    if not use.priced:
        return "not known"
    amount = f"${use.usd_micros / 1e6:.4f}"
    return amount if use.priced == use.replies else f"{amount} for {use.priced:,} of them"


def facts(review: Review) -> Iterator[tuple[str, list[str]]]:
    """Name and values of what is told first."""
    summary = review.summary
    if review.name:
        yield "Name", [review.name]
    yield "Principal", summary.principals or ["not recorded"]
    yield "On behalf of", summary.on_behalf_of or ["nobody else"]
    yield "Mode", summary.modes
    yield "Model", list(summary.models) or ["none answered"]
    yield "Folder", [summary.folder or "not recorded"]
    if summary.ticket:
        yield "Ticket", [summary.ticket]
    if summary.forked_from:
        yield "Forked from", [summary.forked_from]
    ended = f"ended: {summary.stop}" if summary.stop else "not ended: it runs, or was killed"
    resumed = f", resumed {summary.resumed} times" if summary.resumed else ""
    yield "State", [f"{ended}{resumed}"]
    yield "Lasted", [duration(max(0, summary.ended - summary.began))]
    if summary.locked:
        yield "Locked", [summary.locked]
    yield "Policy", summary.policies or ["none is recorded"]
    yield "Extensions", summary.extensions or ["none is recorded"]
    yield "Versions", summary.versions


def figures(summary: Summary) -> list[tuple[str, int]]:
    """The counts that stand at the top."""
    status = summary.statuses.get
    return [
        ("events", summary.events),
        ("prompts", summary.counts.get("prompt", 0)),
        ("replies", summary.counts.get("reply", 0)),
        ("calls", summary.counts.get("call", 0)),
        ("allowed by policy", status("allowed", 0)),
        ("approved", status("approved", 0)),
        ("declined", status("declined", 0) + status("unattended", 0)),
        ("denied", status("denied", 0)),
        ("not judged", status("refused", 0)),
        ("failures", summary.counts.get("failure", 0)),
    ]


def remarks(summary: Summary) -> Iterator[str]:
    """What a reviewer should look at."""
    if summary.quick:
        yield f"{_count(summary.quick, 'approval')} given in less than a second."
    if summary.withheld:
        yield f"{_count(summary.withheld, 'result')} withheld by policy after the call."
    if summary.diffs:
        yield f"{_count(summary.diffs, 'result')} with a diff."
    if summary.hidden:
        yield (
            f"{_count(summary.hidden, 'character')} in the text that no screen shows, written here as ⟦U+…⟧."
        )
    if summary.redacted:
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(summary.redacted.items()))
        yield f"Redacted before it was recorded: {kinds}."
    if waiting := summary.statuses.get("open", 0):
        yield f"{_count(waiting, 'call')} without a verdict or without an answer on record."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def by_kind(summary: Summary) -> Iterator[tuple[str, list[Touched]]]:
    """What was touched, by kind, data first; within a kind what ran most first."""
    kinds: dict[str, list[Touched]] = {}
    for one in summary.touched.values():
        kinds.setdefault(one.kind, []).append(one)
    for kind in sorted(kinds, key=lambda one: (_ORDER.index(one) if one in _ORDER else 99, one)):
        yield kind, sorted(kinds[kind], key=lambda one: (-one.ran, -one.refused, one.id))
