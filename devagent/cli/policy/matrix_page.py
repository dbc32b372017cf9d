"""The matrix as one HTML page that needs nothing else: no script, no font, no request.

Cells that have reasons are ``details``: reachable by the tabulator key, opened by space or return, and found
by the browser's own search. Light and dark follow the reader's setting; an answer is always a word too,
never a colour alone.
"""

from html import escape

from devagent.core.text import one_line
from devagent.policy.matrix import ANSWERS, ANYTHING, Answer, Cell, Column, Matrix, Row

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --allow: #1a7f3733; --ask: #bf870033; --never: #cf222e2b; --depends: #0969da2b; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; } p { margin: .3rem 0 1rem; max-width: 60rem; } code { overflow-wrap: anywhere; }
.scroll { overflow: auto; max-height: 85vh; border: 1px solid var(--line); }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid Highlight; outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; }
th, td { border-right: 1px solid var(--line); border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: Canvas; z-index: 1; } th[scope=row] { position: sticky; left: 0; background: Canvas; }
thead th:first-child { left: 0; z-index: 2; } small { display: block; opacity: .75; font-weight: normal; }
summary { cursor: pointer; } ul { margin: .4rem 0 .2rem; padding-left: 1.1rem; min-width: 18rem; } li { margin-bottom: .3rem; }
.allow { background: var(--allow); } .ask { background: var(--ask); } .never { background: var(--never); } .depends { background: var(--depends); }
@media print { .scroll { max-height: none; border: 0; } }
"""
_MEANING: dict[Answer, str] = {
    "allow": "every call is allowed",
    "ask": "a person is asked about every call",
    "depends": "arguments, resources or the session decide; open the cell for the rules",
    "never": "every call is denied",
}


def page(found: Matrix) -> str:
    """The whole page."""
    mode = f" in mode {_text(found.mode)}" if found.mode else ""
    legend = "; ".join(f"<b class={one}>{one}</b>: {_MEANING[one]}" for one in ANSWERS)
    head = "".join(_column(column) for column in found.columns)
    body = "\n".join(_row(row) for row in found.rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Who may use which tool</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Who may use which tool{mode}</h1>
<p>{legend}. Policy <code>{_text(found.policy)}</code></p>
<div class="scroll" tabindex="0" role="region" aria-label="Principals by tools">
<table>
<thead><tr><th scope="col">Principal</th>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>
</body>
</html>
"""


def _column(column: Column) -> str:
    known = "" if column.known else ", not a tool that devagent knows"
    return (
        f'<th scope="col">{_text(column.tool)}<small>{_text(column.tool_class)}{known}</small></th>'
    )


def _row(row: Row) -> str:
    on = f"<small>on {_text(row.resource)}</small>" if row.resource != ANYTHING else ""
    own = "".join(_cell(cell) for cell in row.cells)
    return f'<tr><th scope="row">{_text(row.principal)}{on}</th>{own}</tr>'


def _cell(cell: Cell) -> str:
    if not cell.reasons:
        return f"<td class={cell.answer}>{cell.answer}<small>by default</small></td>"
    reasons = "".join(
        f"<li><b>{_text(reason.rule)}</b>: {reason.effect}"
        f"{''.join(f'<small>{_text(need)}</small>' for need in reason.needs)}"
        f"<small>{_text(reason.file)}:{reason.line}</small></li>"
        for reason in cell.reasons
    )
    possible = (
        f"<small>{_text(', '.join(cell.possible))}</small>" if cell.answer == "depends" else ""
    )
    return f"<td class={cell.answer}><details><summary>{cell.answer}</summary>{possible}<ul>{reasons}</ul></details></td>"


def _text(value: str) -> str:
    return escape(one_line(value, 500))
