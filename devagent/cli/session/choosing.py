"""Which session to go on with, chosen at the terminal."""

from collections.abc import Sequence
from itertools import islice

import click

from devagent.audit.ending import last_events
from devagent.audit.layout import NO_CONVERSATIONS
from devagent.audit.reader import Session, sessions
from devagent.cli.keys import use_keys_at_hand
from devagent.cli.session.shared import known_names
from devagent.core.errors import UsageError
from devagent.core.events import Prompt
from devagent.repl.picker import line_of, pick
from devagent.repl.render import render
from devagent.settings.places import places

MOST = 200
"""Sessions to choose from; older ones are found by ``session search``."""


def chosen() -> str:
    """The id of the session that the person takes. Raises UsageError where there is none, or none is taken."""
    sid = pick(_found(), preview)
    if not sid:
        raise click.Abort
    return sid


def newest(most: int) -> list[tuple[str, str]]:
    """The ids of the newest sessions, each with its line. Raises UsageError where there is none."""
    return [(one.sid, line_of(one, name)) for one, name in _found()[:most]]


def _found() -> list[tuple[Session, str]]:
    use_keys_at_hand()
    known = known_names()
    found = [one for one in islice(sessions(places().sessions), MOST) if _goes_on(one)]
    if not found:
        raise UsageError("There is no session to go on with.", hint="Start one with `devagent`.")
    return [(one, known.get(one.sid, "")) for one in found]


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
