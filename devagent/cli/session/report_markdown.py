"""A session's report, or the whole of it, in Markdown.

What comes from a record stands in code spans and fenced blocks longer than any fence in it, so that no viewer makes a
link, an image or markup of it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from devagent.audit.entry import Called, Entry
from devagent.audit.reveal import revealed
from devagent.cli.session.report_words import (
    KIND_NAMES,
    LEFT_OUT,
    STATUS_NAMES,
    VERDICTS,
    by_kind,
    dollars,
    duration,
    facts,
    figures,
    moment,
    remarks,
)
from devagent.cli.session.reviewing import Review

_SPOOL_BYTES = 4_000_000
_LINE = 200


def write_report(review: Review, out: BinaryIO) -> None:
    """The overview, then a line or two for each entry."""
    _write(review, out, full=False)


def write_transcript(review: Review, out: BinaryIO) -> None:
    """The overview's head, then everything that was said and done, whole."""
    _write(review, out, full=True)


def _write(review: Review, out: BinaryIO, *, full: bool) -> None:
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as timeline:
        for entry in review.entries():
            for line in _entry(entry, full=full):
                timeline.write(line.encode("utf-8", "replace") + b"\n")
        for line in _overview(review, full=full):
            out.write(line.encode("utf-8", "replace") + b"\n")
        timeline.seek(0)
        shutil.copyfileobj(timeline, out, 1 << 18)


def _overview(review: Review, *, full: bool) -> Iterator[str]:
    summary = review.summary
    yield f"# Session {_code(review.name or review.sid)}"
    yield ""
    yield f"{_code(review.sid)}, {moment(summary.began)} to {moment(summary.ended)} UTC"
    yield ""
    yield "## Integrity"
    yield ""
    yield f"**{VERDICTS[review.verdict]}**: {_code(review.verified.headline)}"
    yield ""
    for note in review.integrity:
        yield f"- {_code(note)}"
    if review.key:
        yield f"- key {_code(review.key)}"
    yield f"- {review.verified.events:,} lines, tree head {_code(review.root)}"
    yield ""
    yield "## Who and under what"
    yield ""
    for name, values in facts(review):
        yield f"- {name}: {', '.join(_code(value) for value in values)}"
    yield ""
    yield ", ".join(f"{number:,} {name}" for name, number in figures(summary))
    yield ""
    for remark in remarks(summary):
        yield f"- {_code(remark)}"
    yield ""
    if not full:
        yield from _tables(review)
    yield "## Timeline"
    yield ""


def _tables(review: Review) -> Iterator[str]:
    summary = review.summary
    if summary.held_up:
        yield "## Asked and held back"
        yield ""
        yield from _row("event", "call", "touches", "answer", "rule", "reason")
        yield "| --- | --- | --- | --- | --- | --- |"
        for line in summary.held_up:
            by = f" by {_code(line.by)}" if line.by else ""
            how = f", {_code(line.method)} after {duration(line.latency_us)}" if line.method else ""
            wrong = "" if line.matches else " **not the text that was shown**"
            yield from _row(
                str(line.seq),
                _code(line.tool),
                " ".join(_code(one) for one in line.resources),
                f"{STATUS_NAMES[line.status]}{by}{how}{wrong}",
                " ".join(_code(one) for one in line.rules),
                _code(line.reason),
            )
        yield from _more(review, "held_up")
    for kind, touched in by_kind(summary):
        yield f"## Data touched: {KIND_NAMES.get(kind) or _code(kind)}"
        yield ""
        yield from _row(
            "name", "access", "tags", "ran", "held back", "rules", "approved by", "first"
        )
        yield "| --- | --- | --- | ---: | ---: | --- | --- | ---: |"
        for one in touched:
            yield from _row(
                _code(one.id.partition(":")[2]),
                ", ".join(one.access),
                " ".join(_code(tag) for tag in one.tags),
                f"{one.ran:,}",
                f"{one.refused:,}",
                " ".join(_code(rule) for rule in one.rules),
                " ".join(_code(who) for who in one.approved_by),
                str(one.first),
            )
        yield ""
    yield from _more(review, "touched")
    if summary.rules:
        yield "## Rules that decided"
        yield ""
        yield from _row("rule", "where", "why", "allowed", "asked", "denied")
        yield "| --- | --- | --- | ---: | ---: | ---: |"
        for use in sorted(summary.rules.values(), key=lambda one: one.rule):
            counts = (f"{n:,}" for n in (use.allow, use.ask, use.deny))
            yield from _row(_code(use.rule), _code(use.place), _code(use.why), *counts)
        yield from _more(review, "rules")
    yield "## Models and cost"
    yield ""
    yield from _row("model", "replies", "in", "cached", "to cache", "out", "cost")
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for model, use in summary.models.items():
        tokens = (use.usage.input, use.usage.cache_read, use.usage.cache_write, use.usage.output)
        numbers = (f"{n:,}" for n in (use.replies, *tokens))
        yield from _row(_code(model), *numbers, dollars(use))
    yield ""


def _entry(entry: Entry, *, full: bool) -> Iterator[str]:
    head = f"{entry.seq} {moment(entry.ts)[11:]}"
    call = entry.call
    if not full:
        what = _call_line(call) if call else _code(entry.title or entry.text)
        yield f"- {head} {'call' if call else entry.kind} {what}"
        return
    yield f"### {head} {entry.kind}{f' {_code(call.tool)}' if call else ''}"
    yield ""
    if entry.title and not call:
        yield _code(entry.title)
        yield ""
    if entry.gone:
        yield f"Its content is {entry.gone}."
        yield ""
    yield from _fenced(entry.text)
    yield from _fenced(entry.thinking, "Thinking")
    if call:
        yield from _call(call)


def _call_line(call: Called) -> str:
    touched = " ".join(_code(one.id) for one in call.resources[:5])
    rules = " ".join(_code(rule) for rule in call.rules[:5])
    by = f" by {_code(call.approval.by)}" if call.approval and call.approval.by else ""
    outcome = f", {call.outcome}" if call.outcome else ""
    return f"{_code(call.tool)} {touched}: {STATUS_NAMES[call.status]}{by} {rules}{outcome}"


def _call(call: Called) -> Iterator[str]:
    yield f"- {_call_line(call)}"
    if call.reason:
        yield f"- reason: {_code(call.reason)}"
    for rule in call.determining:
        place = f" ({rule.file}:{rule.line})" if rule.line else ""
        yield f"- {rule.effect} by {_code(f'{rule.rule}{place} {rule.why}')}"
    if call.approval and call.approval.answer:
        one = call.approval
        yield f"- answered {one.answer} ({_code(one.method)}) after {duration(one.latency_us)} {_code(one.comment) if one.comment else ''}".rstrip()
    if call.withheld:
        yield f"- result withheld: {_code(call.withheld)}"
    yield ""
    for name, value in call.args:
        yield from _fenced(value, f"Argument {_code(name)}")
    if call.approval:
        yield from _fenced(call.approval.shown, "What the person was shown")
    yield from _fenced(call.result, "Result", "diff" if call.diff and not call.view else "")
    yield from _fenced(call.view, "As the person saw it", "diff" if call.diff else "")


def _fenced(text: str, name: str = "", language: str = "") -> Iterator[str]:
    if not text:
        return
    if name:
        yield f"{name}:"
        yield ""
    fence = "`" * max(3, _longest_run(text) + 1)
    yield f"{fence}{language or 'text'}"
    yield text
    yield fence
    yield ""


def _code(text: str) -> str:
    """A code span on one line, safe in a table."""
    flat = " ".join(revealed(text)[0].split()).replace("|", "¦")
    if len(flat) > _LINE:
        flat = flat[: _LINE - 1] + "…"
    if not flat:
        return ""
    ticks = "`" * (_longest_run(flat) + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{space}{flat}{space}{ticks}"


def _longest_run(text: str) -> int:
    longest = run = 0
    if "`" not in text:
        return 0
    for letter in text:
        run = run + 1 if letter == "`" else 0
        longest = max(longest, run)
    return longest


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _more(review: Review, name: str) -> Iterator[str]:
    yield ""
    if left := review.summary.left_out.get(name, 0):
        yield f"{left:,} {LEFT_OUT[name]}"
        yield ""
