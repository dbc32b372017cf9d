"""Which session to go on with, chosen at the terminal."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import dropwhile, islice, takewhile

import click

from devagent.audit.ending import last_events
from devagent.audit.layout import NO_CONVERSATIONS
from devagent.audit.reader import Session, sessions
from devagent.cli.keys import use_keys_at_hand
from devagent.cli.session.shared import known_names
from devagent.core.errors import UsageError
from devagent.core.events.turns import Prompt
from devagent.repl.picker import line_of, pick
from devagent.repl.render import render
from devagent.settings.places import places

MOST = 200
"""Sessions to choose from; older ones are found by ``session search``."""


Days = tuple[date, date]
"""From the first to the last of them."""


def days_of(text: str, today: date) -> Days | None:
    """The days that the words name; None where they name none."""
    monday = today - timedelta(today.weekday())
    day, week = timedelta(1), timedelta(7)
    return {
        "today": (today, today),
        "yesterday": (today - day, today - day),
        "this week": (monday, today),
        "last week": (monday - week, monday - day),
    }.get(" ".join(text.casefold().split()))


def chosen(days: Days | None = None) -> str:
    """The id of the session that the person takes. Raises UsageError where there is none, or none is taken."""
    sid = pick(_found(days), preview)
    if not sid:
        raise click.Abort
    return sid


def newest(most: int, days: Days | None = None) -> list[tuple[str, str]]:
    """The ids of the newest sessions, each with its line. Raises UsageError where there is none."""
    return [(one.sid, line_of(one, name)) for one, name in _found(days)[:most]]


def _found(days: Days | None) -> list[tuple[Session, str]]:
    use_keys_at_hand()
    known = known_names()
    every = sessions(places().sessions)
    if days is not None:
        since = dropwhile(lambda one: _day(one) > days[1], every)
        every = takewhile(lambda one: _day(one) >= days[0], since)
    found = [one for one in islice(every, MOST) if _goes_on(one)]
    if not found and days is not None:
        raise UsageError(
            f"There is no session of {days[0]} to {days[1]}.",
            hint="Without words, the newest are listed.",
        )
    if not found:
        raise UsageError("There is no session to go on with.", hint="Start one with `devagent`.")
    return [(one, known.get(one.sid, "")) for one in found]


def _day(one: Session) -> date:
    return datetime.fromtimestamp(one.started / 1000).date()


def preview(one: Session) -> Sequence[str]:
    """What was said and done in it since the last prompt."""
    lines: list[str] = []
    for event in last_events(one.folder):
        if isinstance(event, Prompt):
            lines.clear()
        if text := render(event):
            lines += text.split("\n")
    return lines or ["(nothing to be shown: its content is not there)"]


def _goes_on(one: Session) -> bool:
    return one.mode not in NO_CONVERSATIONS and one.state in ("ended", "open")
