"""``devagent usage``: what the sessions on this machine used and cost, by whatever one asks about."""

import csv
import io
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

import click

from devagent.audit.layout import find_session
from devagent.audit.spending_report import (
    BY,
    Advice,
    By,
    Row,
    advice,
    iso_day,
    summed,
    whole_usage,
)
from devagent.audit.usage import Reply, day_of, replies
from devagent.cli.formats import formats
from devagent.cli.governed import policy_here
from devagent.cli.session.output_file import force_option, opened, output_option
from devagent.cli.session.shared import known_names, write
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import UsageError
from devagent.core.principal import Principal
from devagent.core.text import cells, one_line
from devagent.settings.places import places

if TYPE_CHECKING:
    from devagent.audit.export.rows import Column

Format = Literal["table", "csv", "json", "parquet"]
MOST_DAYS = 30
"""So many days a sparkline shows, the last ones."""

_DAY_S = 86_400
_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=+*%#"
_AGO = re.compile(r"(\d+)\s*([hdwm])")
_SECONDS = {"h": 3_600, "d": _DAY_S, "w": 7 * _DAY_S, "m": 30 * _DAY_S}
_COLUMNS = (
    *("key", "usd", "replies", "calls", "input", "cache_read", "cache_write", "output"),
    *("cache_hit_rate", "result_bytes", "sessions", "unpriced_replies"),
)


@click.command()
@click.option("--by", type=click.Choice(BY), default="day", show_default=True, help="What to sum up by.")  # fmt: skip
@click.option("--since", default="30d", metavar="WHEN", show_default=True, help="A date, `today`, or so long ago: 12h, 7d, 4w, 3m.")  # fmt: skip
@click.option("--session", "name", default="", metavar="ID", help="This session alone, whole.")
@formats("table", "csv", "json", "parquet")
@output_option
@force_option
def usage(by: By, since: str, name: str, output_format: Format, output: str, force: bool) -> None:
    """What the sessions recorded on this machine used and cost.

    What was spent on other machines, or by other people here, is not known. A reply's cost is shared among the
    calls in it; `(answer)` is a reply without calls. Days are of UTC.
    """
    here = places()
    notes: list[str] = []
    begin = 0.0 if name else since_s(since, time.time())
    only = find_session(here.sessions, name) if name else ""
    found = list(replies(here.sessions, since_us=int(begin * 1e6), note=notes.append, only=only))
    rows, whole = summed(found, by, groups_in_force() if by == "team" else lambda _: ())
    hints = advice(found)
    for text in notes:
        click.echo(one_line(text, 400), err=True)
    if output != "-" and output_format == "table":
        raise UsageError("A table is for the screen.", hint="--format csv, json or parquet")
    match output_format:
        case "json":
            with opened(output, force=force) as out:
                out.write(canonical(_plain(rows, whole, hints, by, begin)) + b"\n")
        case "csv":
            with opened(output, force=force) as out:
                out.write(_csv(rows).encode())
        case "parquet":
            _write_parquet(rows, by, output, force)
        case "table":
            if not found:
                click.echo("Nothing was asked of a model in that time.", err=True)
                return
            for line in _table(rows, whole, hints, by, found):
                write(line)


def since_s(text: str, now: float) -> float:
    """The moment that the words mean, in seconds since 1970. Raises UsageError."""
    if text == "today":
        return now // _DAY_S * _DAY_S
    if ago := _AGO.fullmatch(text.strip().lower()):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text!r} is no time",
            hint="A date as 2026-11-21, `today`, or 12h, 7d, 4w, 3m.",
        ) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def sparkline(days: dict[int, float], first: int, last: int, bars: str = _BARS) -> str:
    """One bar for each day; a day without cost is a blank."""
    first = max(first, last - MOST_DAYS + 1)
    values = [days.get(day, 0.0) for day in range(first, last + 1)]
    top = max(values, default=0.0)
    if not top:
        return ""
    return "".join(
        bars[min(int(value / top * len(bars)), len(bars) - 1)] if value else " " for value in values
    )


def groups_in_force() -> Callable[[Principal], Iterable[str]]:
    """A principal's groups by the policy in force now; those that the record names count too."""
    names = policy_here().compiled.names
    return lambda who: sorted(
        name.removeprefix("group:") for name in names(who) if name.startswith("group:")
    )


def _values(row: Row) -> dict[str, Any]:
    used, rate = whole_usage(row), row.hit_rate
    return {
        "key": row.key,
        "usd": round(row.usd_micros / 1e6, 6),
        "replies": round(row.replies, 2),
        "calls": row.calls,
        "input": used.input,
        "cache_read": used.cache_read,
        "cache_write": used.cache_write,
        "output": used.output,
        "cache_hit_rate": None if rate is None else round(rate, 4),
        "result_bytes": row.result_bytes,
        "sessions": len(row.sessions),
        "unpriced_replies": round(row.unpriced, 2),
    }


def _plain(
    rows: Sequence[Row], whole: Row, hints: Sequence[Advice], by: By, begin: float
) -> dict[str, Any]:
    def row(one: Row) -> dict[str, Any]:
        days = {iso_day(day): round(usd / 1e6, 6) for day, usd in sorted(one.days.items())}
        return {**_values(one), "usd_by_day": days}

    since = datetime.fromtimestamp(begin, UTC).isoformat() if begin else ""
    return {
        "v": 1,
        "by": by,
        "since": since,
        "rows": [row(one) for one in rows],
        "total": _values(whole),
        "advice": [to_plain(one) for one in hints],
    }


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(_COLUMNS)
    for row in rows:
        values = _values(row)
        sheet.writerow([_cell(values[name]) for name in _COLUMNS])
    return text.getvalue()


def _write_parquet(rows: Sequence[Row], by: By, output: str, force: bool) -> None:
    if output == "-" and sys.stdout.isatty():
        raise UsageError("Parquet is not for the screen.", hint="-o FILE, or into a pipe")
    from devagent.audit.export.arrow import (  # noqa: PLC0415  (its library is for this alone)
        write_parquet,
    )

    columns: dict[str, Column] = {"by": "text", **dict.fromkeys(_COLUMNS, "whole")}
    columns |= {"key": "text"}
    columns |= dict.fromkeys(("usd", "replies", "cache_hit_rate", "unpriced_replies"), "fraction")
    with opened(output, force=force) as out:
        write_parquet([{"by": by, **_values(row)} for row in rows], columns, out)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # a spreadsheet must not take a name for a formula
    return "" if value is None else value


def _table(
    rows: Sequence[Row], whole: Row, hints: Sequence[Advice], by: By, found: Sequence[Reply]
) -> list[str]:
    bars = _bars()
    first, last = min(map(day_of, found)), max(map(day_of, found))
    named = known_names() if by == "session" else {}
    head = (by, "cost", "replies", "calls", "in", "cached", "out", "results")
    body = [_row(row, named) for row in rows]
    total = _row(whole, {})
    widths = [max(cells(line[at]) for line in (head, *body, total)) for at in range(len(head))]
    sparks = [
        "" if by in ("day", "turn", "step", "call") else sparkline(row.days, first, last, bars)
        for row in rows
    ]
    lines = [_laid_out(head, widths)]
    lines += [
        f"{_laid_out(line, widths)}  {spark}".rstrip()
        for line, spark in zip(body, sparks, strict=True)
    ]
    lines += [f"{_laid_out(total, widths)}  {sparkline(whole.days, first, last, bars)}".rstrip()]
    if whole.unpriced:
        lines.append(f"{whole.unpriced:,.0f} replies have no known price and are not in the cost.")
    return [*lines, *(f"- {one_line(one.text, 500)}" for one in hints)]


def _bars() -> str:
    try:
        _BARS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII_BARS
    return _BARS


def _row(row: Row, named: dict[str, str]) -> tuple[str, ...]:
    used, rate = whole_usage(row), row.hit_rate
    name = f"{row.key} {named[row.key]}" if named.get(row.key) else row.key
    return (
        one_line(name, 60),
        f"${row.usd_micros / 1e6:,.4f}",
        f"{row.replies:,.0f}" if row.replies == int(row.replies) else f"{row.replies:,.1f}",
        f"{row.calls:,}",
        f"{used.input + used.cache_read + used.cache_write:,}",
        "" if rate is None else f"{rate:.0%}",
        f"{used.output:,}",
        f"{row.result_bytes / 1000:,.0f} KB" if row.result_bytes else "",
    )


def _laid_out(line: Sequence[str], widths: Sequence[int]) -> str:
    first = line[0] + " " * (widths[0] - cells(line[0]))
    rest = (
        " " * (width - cells(text)) + text for text, width in zip(line[1:], widths[1:], strict=True)
    )
    return "  ".join([first, *rest]).rstrip()
