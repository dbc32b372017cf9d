"""A session's report as one HTML file that stands alone: it loads nothing, and nothing in a record can run.

The overview is plain HTML. The timeline's entries lie below it as JSON, a hundred to a block, and a small script
draws the page of them that one looks at; so a long session is one file that a browser still opens at once. The page's
own style and script are allowed by their digests, everything else by nothing.
"""

import base64
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from html import escape
from typing import BinaryIO

import msgspec

from devagent.audit.entry import Entry
from devagent.audit.reveal import revealed
from devagent.audit.summary import CallLine, Summary, Touched
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

_BLOCK = 100
_SPOOL_BYTES = 4_000_000
_LETTERS = {
    "session": "s", "policy": "l", "extension": "x", "prompt": "p", "reply": "m",
    "failure": "f", "turn": "t", "review": "v", "log": "g", "other": "u",
}  # fmt: skip
_STATUS_LETTERS = {
    "allowed": "a", "approved": "y", "declined": "n", "unattended": "w", "denied": "d",
    "refused": "r", "dry run": "j", "open": "o",
}  # fmt: skip
_ESCAPES = ((b"&", b"\\u0026"), (b"<", b"\\u003c"), (b">", b"\\u003e"))
_CHOICES = (
    ("all", "everything"),
    ("talk", "prompts and replies"),
    ("calls", "all calls"),
    ("ran", "calls that were granted"),
    ("asked", "calls that were asked about"),
    ("held", "calls that were held back"),
    ("failed", "failures"),
    ("diffs", "with a diff"),
    ("withheld", "with a result withheld"),
    ("hidden", "with hidden characters"),
    ("rest", "session, policy, extensions"),
)


def write_page(review: Review, out: BinaryIO) -> None:
    """Write the whole page. Memory does not grow with the session: the details pass through a spooled file."""
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as details:
        for block in _blocks(review.entries()):
            details.write(block)
        style, script = _own("report.css"), _own("report.js")
        for line in _overview(review, style, script):
            out.write(line.encode("utf-8", "replace") + b"\n")
        details.seek(0)
        shutil.copyfileobj(details, out, 1 << 18)
        out.write(f"<script>{script}</script>\n</body></html>\n".encode())


def _own(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


def _blocks(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The entries as JSON in blocks, each with a letter and a flag for every entry, to filter by."""
    lines: list[bytes] = []
    kinds = flags = ""
    for entry in entries:
        line = entry_line(entry)
        for plain, escaped in _ESCAPES:
            line = line.replace(plain, escaped)
        lines.append(line)
        kinds += _letter(entry)
        flags += str(_flags(entry))
        if len(lines) == _BLOCK:
            yield _block(lines, kinds, flags)
            lines, kinds, flags = [], "", ""
    if lines:
        yield _block(lines, kinds, flags)


def entry_line(entry: Entry) -> bytes:
    """One line of JSON that begins with the entry's ``seq``."""
    return msgspec.json.encode(entry)


def _block(lines: list[bytes], kinds: str, flags: str) -> bytes:
    head = f'<script type="application/json" data-kinds="{kinds}" data-flags="{flags}">\n'
    return head.encode() + b"\n".join(lines) + b"\n</script>\n"


def _letter(entry: Entry) -> str:
    if entry.call is None:
        return _LETTERS[entry.kind]
    letter = _STATUS_LETTERS[entry.call.status]
    return letter.upper() if entry.call.outcome not in ("", "ok") else letter


def _flags(entry: Entry) -> int:
    call = entry.call
    return bool(call and call.diff) + 2 * bool(entry.hidden) + 4 * bool(call and call.withheld)


def _overview(review: Review, style: str, script: str) -> Iterator[str]:
    summary = review.summary
    title = f"Session {review.name or review.sid}"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'\">"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{_text(title)}</title><style>{style}</style></head><body>"
    yield '<a class="skip" href="#timeline">Skip to the timeline</a>'
    yield f"<header><h1>{_text(title)}</h1>"
    sid = f"<code>{_text(review.sid)}</code> · " if review.name else ""
    yield f'<p class="quiet">{sid}{moment(summary.began)} to {moment(summary.ended)} UTC</p></header>'
    yield from _verdict(review)
    yield '<nav aria-label="Parts"><ul>'
    for anchor, name in (
        ("who", "Who and under what"),
        ("held", "Asked and held back"),
        ("data", "Data touched"),
        ("rules", "Rules"),
        ("cost", "Models and cost"),
        ("timeline", "Timeline"),
    ):
        yield f'<li><a href="#{anchor}">{name}</a></li>'
    yield "</ul></nav><main>"
    yield from _who(review)
    yield from _held_up(summary)
    yield from _data(summary)
    yield from _rules(summary)
    yield from _cost(summary)
    yield from _timeline()
    yield "</main>"


def _verdict(review: Review) -> Iterator[str]:
    found = review.verified
    look = review.verdict
    sign = {"good": "✓", "weak": "?", "bad": "✗"}[look]
    yield f'<section class="verdict {look}" aria-label="Integrity"><p>{sign} {VERDICTS[look]}</p>'
    yield f"<p><code>{_text(found.headline)}</code></p><ul>"
    for note in review.integrity:
        yield f"<li>{_text(note)}</li>"
    if review.key:
        yield f"<li>key <code>{_text(review.key)}</code></li>"
    yield f"<li>{'' if found.ok else 'up to there: '}{found.events:,} lines, tree head <code>{_text(review.root)}</code></li>"
    yield f"<li>check it again: <code>devagent session verify {_text(review.sid)}</code></li></ul></section>"


def _who(review: Review) -> Iterator[str]:
    yield '<section id="who"><h2>Who and under what</h2><dl>'
    for name, values in facts(review):
        shown = "".join(f"<li>{_text(value)}</li>" for value in values)
        yield f"<dt>{name}</dt><dd><ul>{shown}</ul></dd>"
    yield '</dl><ul class="figures">'
    for name, number in figures(review.summary):
        yield f"<li><b>{number:,}</b> {name}</li>"
    yield "</ul>"
    for note in remarks(review.summary):
        yield f"<p>{_text(note)}</p>"
    yield "</section>"


def _held_up(summary: Summary) -> Iterator[str]:
    yield '<section id="held"><h2>Asked and held back</h2>'
    if not summary.held_up:
        yield "<p>Every call was allowed by policy; nobody was asked.</p></section>"
        return
    yield '<div class="scroll"><table class="held stack"><thead><tr><th scope="col" class="event">Event</th><th scope="col" class="when">Time</th><th scope="col" class="call">Call</th>'
    yield '<th scope="col" class="touches">Touches</th><th scope="col" class="answer">Answer</th><th scope="col">Rule and reason</th></tr></thead><tbody>'
    for line in summary.held_up:
        yield _row(
            ("Event", _link(line.seq), ""),
            ("Time", moment(line.ts), "whole"),
            ("Call", f"<code>{_text(line.tool)}</code>", ""),
            ("Touches", _codes(line.resources), ""),
            ("Answer", _answer(line), ""),
            ("Rule and reason", f"{_codes(line.rules)}<div>{_text(line.reason)}</div>", ""),
        )
    yield "</tbody></table></div>"
    yield from _more(summary, "held_up")
    yield "</section>"


def _answer(line: CallLine) -> str:
    look = {"approved": "good", "open": "ask", "dry run": "ask", "allowed": "good"}.get(
        line.status, "bad"
    )
    badge = f'<span class="badge {look}-badge">{STATUS_NAMES[line.status]}</span>'
    if not line.method:
        return badge
    if line.status == "unattended":
        return badge
    by = f" by {_text(line.by)}" if line.by else ""
    how = f"{_text(line.method)}, scope {_text(line.scope)}, after {duration(line.latency_us)}"
    wrong = (
        "" if line.matches else '<div><span class="badge bad-badge">not the text shown</span></div>'
    )
    return f'{badge}{by}<div class="quiet">{how}</div>{wrong}'


def _data(summary: Summary) -> Iterator[str]:
    yield '<section id="data"><h2>Data touched</h2>'
    if not summary.touched:
        yield "<p>No call named anything that it would touch.</p>"
    for kind, touched in by_kind(summary):
        few = " open" if len(touched) <= 30 else ""
        yield f"<details{few}><summary><h3>{_text(KIND_NAMES.get(kind, kind))} ({len(touched):,})</h3></summary>"
        yield '<div class="scroll"><table class="data stack"><thead><tr><th scope="col" class="name">Name</th><th scope="col">Access</th><th scope="col" class="tags">Tags</th>'
        yield '<th scope="col" class="number">Ran</th><th scope="col" class="number">Held back</th><th scope="col" class="rules">Rules</th>'
        yield '<th scope="col" class="by">Approved by</th><th scope="col">First</th></tr></thead><tbody>'
        for one in touched:
            yield _touched(one)
        yield "</tbody></table></div></details>"
    yield from _more(summary, "touched")
    yield "</section>"


def _touched(one: Touched) -> str:
    return _row(
        ("Name", f"<code>{_text(one.id.partition(':')[2])}</code>", ""),
        ("Access", _text(", ".join(one.access)), ""),
        ("Tags", _codes(one.tags), ""),
        ("Ran", f"{one.ran:,}", "number"),
        ("Held back", f"{one.refused:,}", "number"),
        ("Rules", _codes(one.rules), ""),
        ("Approved by", _text(", ".join(one.approved_by)), ""),
        ("First", _link(one.first), ""),
    )


def _row(*cells: tuple[str, str, str]) -> str:
    """A table's row. Each cell has its column's name, which stands before it where the screen is narrow."""
    shown = (
        f'<td data-label="{name}"{f" class={look!r}" if look else ""}><div>{cell}</div></td>'
        if cell
        else "<td></td>"
        for name, cell, look in cells
    )
    return f"<tr>{''.join(shown)}</tr>"


def _rules(summary: Summary) -> Iterator[str]:
    yield '<section id="rules"><h2>Rules that decided</h2>'
    if not summary.rules:
        yield "<p>No rule was asked, or none is on record.</p></section>"
        return
    yield '<div class="scroll"><table class="stack"><thead><tr><th scope="col">Rule</th><th scope="col">Where</th><th scope="col">Why</th>'
    yield '<th scope="col" class="number">Allowed</th><th scope="col" class="number">Asked</th><th scope="col" class="number">Denied</th></tr></thead><tbody>'
    for use in sorted(summary.rules.values(), key=lambda one: one.rule):
        yield _row(
            ("Rule", f"<code>{_text(use.rule)}</code>", ""),
            ("Where", f"<code>{_text(use.place)}</code>" if use.place else "", ""),
            ("Why", _text(use.why), ""),
            ("Allowed", f"{use.allow:,}", "number"),
            ("Asked", f"{use.ask:,}", "number"),
            ("Denied", f"{use.deny:,}", "number"),
        )
    yield "</tbody></table></div>"
    yield from _more(summary, "rules")
    yield "</section>"


def _cost(summary: Summary) -> Iterator[str]:
    yield '<section id="cost"><h2>Models and cost</h2><div class="scroll"><table class="stack"><thead><tr><th scope="col">Model</th>'
    names = ("Replies", "In", "Cached", "To cache", "Out", "Cost")
    for name in names:
        yield f'<th scope="col" class="number">{name}</th>'
    yield "</tr></thead><tbody>"
    for model, use in summary.models.items():
        tokens = (use.usage.input, use.usage.cache_read, use.usage.cache_write, use.usage.output)
        shown = [*(f"{n:,}" for n in (use.replies, *tokens)), dollars(use)]
        cells = [(name, one, "number") for name, one in zip(names, shown, strict=True)]
        yield _row(("Model", f"<code>{_text(model)}</code>", ""), *cells)
    yield "</tbody></table></div></section>"


def _timeline() -> Iterator[str]:
    yield '<noscript><p class="verdict">The timeline needs this page\'s own script, which is switched off.</p></noscript>'
    yield '<section id="timeline" tabindex="-1" hidden><h2>Timeline</h2><div class="controls" role="search">'
    yield '<label for="query">Search in all of it (press /)<input type="search" id="query" autocomplete="off" spellcheck="false"></label>'
    yield '<label for="choice">Show<select id="choice">'
    yield "".join(f'<option value="{value}">{name}</option>' for value, name in _CHOICES)
    yield '</select></label><button type="button" id="open-all" aria-pressed="false">Open all on this page</button>'
    yield '<span id="found" role="status" aria-live="polite"></span></div>'
    yield _pager("before")
    yield '<div id="entries"></div>'
    yield _pager("after")
    yield "</section>"


def _pager(where: str) -> str:
    return (
        f'<nav class="pager" aria-label="Pages, {where} the entries"><button type="button" class="before">Earlier</button>'
        '<span class="where"></span><button type="button" class="after">Later</button></nav>'
    )


def _more(summary: Summary, name: str) -> Iterator[str]:
    if left := summary.left_out.get(name, 0):
        yield f"<p>{left:,} {LEFT_OUT[name]}</p>"


def _link(seq: int) -> str:
    return f'<a href="#e{seq}">{seq}</a>'


def _codes(texts: Iterable[str]) -> str:
    return "".join(f"<div><code>{_text(text)}</code></div>" for text in texts)


def _text(text: str) -> str:
    return escape(revealed(text)[0])


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
