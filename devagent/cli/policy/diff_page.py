"""What a comparison of answers found, as one HTML page: no script, no font, no picture from elsewhere.

Everything recorded is escaped and stripped of control and bidi characters; the page allows itself no
source at all, so nothing in a record could load or run anything.
"""

from collections.abc import Iterator
from html import escape

from devagent.cli.policy.diff_text import (
    DEFAULT,
    by_rules,
    days,
    direction,
    owed,
    place,
    set_aside,
)
from devagent.core.text import one_line
from devagent.core.verdicts import Effect
from devagent.policy.changes import Change, Example, Report

_STYLE = """
:root { color-scheme: light dark; --edge: #8884; --quiet: #667; --wider: #b3261e; --narrower: #1a6b3c; }
@media (prefers-color-scheme: dark) { :root { --quiet: #99a; --wider: #ff8a80; --narrower: #7fd7a2; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--edge); }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); } .wider { color: var(--wider); } .narrower { color: var(--narrower); }
.figures { display: flex; flex-wrap: wrap; gap: 1.5rem; padding: 0; list-style: none; }
.figures b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
details { margin: .2rem 0; } summary { cursor: pointer; }
""".strip()
_SIGNS = {"wider": "▲ wider", "narrower": "▼ narrower", "same": "obligations"}


def page(report: Report, heading: str, *, shadow: bool = False) -> str:
    """The whole page."""
    return "\n".join(_lines(report, heading, shadow)) + "\n"


def _lines(report: Report, heading: str, shadow: bool) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(heading)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{_text(heading)}</h1>"
    yield '<ul class="figures">'
    figures = [
        ("judged", report.judged),
        ("the same", report.same),
        ("same by other rules", report.other_rules),
        ("changed", report.changed),
        ("set aside", sum(report.aside.values())),
    ]
    yield "".join(f"<li><b>{number:,}</b> {name}</li>" for name, number in figures) + "</ul>"
    asides = set_aside(report)
    if report.more:
        asides.append(f"{report.more:,} changed calls only counted: too many kinds of change")
    if asides:
        yield f'<p class="quiet">Set aside: {"; ".join(_text(one) for one in asides)}.</p>'
    yield f'<p class="quiet">Policy <code>{_text(report.policy or "none")}</code>'
    if report.against:
        yield f" against <code>{_text(report.against)}</code>"
    yield "</p>"
    if not report.changed:
        yield "<p>No answer changes.</p></body></html>"
        return
    yield from _rules(report)
    yield from _changes(report, shadow)
    yield "</body></html>"


def _rules(report: Report) -> Iterator[str]:
    yield "<h2>By rule</h2><table><thead><tr><th>Calls</th><th>Answer</th><th>Rule</th><th>Principals</th><th>Tools</th></tr></thead><tbody>"
    for rule in report.by_rule:
        yield (
            f'<tr><td class="number">{rule.count:,}</td><td>{_arrow(rule.before, rule.after)}</td>'
            f"<td><code>{_text(rule.rule or DEFAULT)}</code></td>"
            f'<td class="number">{rule.principals:,}</td><td>{_text(", ".join(rule.tools))}</td></tr>'
        )
    yield "</tbody></table>"


def _changes(report: Report, shadow: bool) -> Iterator[str]:
    yield "<h2>By principal and tool</h2><table><thead><tr><th>Calls</th><th>Answer</th><th>Principal</th><th>Tool</th><th>When</th><th>Examples</th></tr></thead><tbody>"
    for change in report.changes:
        yield (
            f'<tr><td class="number">{change.count:,}</td><td>{_arrow(change.before, change.after)}</td>'
            f"<td>{_text(change.principal)}</td><td><code>{_text(change.tool)}</code></td>"
            f"<td>{_text(days(change))}</td><td>{_examples(change, shadow)}</td></tr>"
        )
    yield "</tbody></table>"


def _examples(change: Change, shadow: bool) -> str:
    duties = owed(change)
    first = f"<div><code>{_text(duties)}</code></div>" if duties else ""
    return first + "".join(_example(one, shadow) for one in change.examples)


def _example(example: Example, shadow: bool) -> str:
    touched = _text(", ".join(example.resources) or "no resources")
    now = "would be" if shadow else "is now"
    return (
        f"<details><summary><code>{touched}</code></summary>"
        f'<div class="quiet"><code>{_text(place(example))}</code></div>'
        f"<div>was: <code>{_text(by_rules(example.rules_before))}</code></div>"
        f"<div>{now}: {_text(example.reason)}</div></details>"
    )


def _arrow(before: Effect, after: Effect) -> str:
    way = direction(before, after)
    return f'{before} → {after} <span class="{way}">{_SIGNS[way]}</span>'


def _text(text: str) -> str:
    return escape(one_line(text, 2_000))
