"""Choosing a session to go on with: what is listed, what its preview shows, and which one is taken."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from devagent.audit.ending import last_events
from devagent.audit.layout import BODIES, EVENTS, find_session
from devagent.audit.reader import Session, sessions
from devagent.audit.writer import SessionLog
from devagent.cli.session.choosing import chosen, days_of, newest, preview
from devagent.core.errors import UsageError
from devagent.core.events import Event
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import Prompt
from devagent.repl.picker import ROWS, Choice, clipped, line_of, pick
from devagent.settings.places import places
from tests.support.log_events import call, started, story, turn, write_story

FIRST = Session("01A", "/s/01A", 1_800_000_000_000, "ended", 12, stop="done", prompt="Fix the \x1b[31mtest")  # fmt: skip
SECOND = Session("01B", "/s/01B", 1_800_000_000_000, "open", 3, prompt="Write docs")
TWO = [(FIRST, ""), (SECOND, "handbook")]


def shown(one: Session) -> Sequence[str]:
    return [one.sid]


def taken(keys: str, among: Sequence[tuple[Session, str]] = TWO) -> str:
    with create_pipe_input() as typed, create_app_session(input=typed, output=DummyOutput()):
        typed.send_text(keys)
        return pick(among, shown)


@pytest.mark.parametrize(
    ("keys", "sid"),
    [
        ("\r", "01A"),
        ("\x1b[B\r", "01B"),  # down
        ("\x1b[B\x1b[B\x1b[A\r", "01A"),  # no further down than the last, then up
        ("HAND\r", "01B"),
        ("test fix\r", "01A"),
        ("no such words\r", ""),
        ("\x03", ""),
        ("\x04", ""),
    ],
)
def test_keys_take_a_session_or_none(keys: str, sid: str) -> None:
    assert taken(keys) == sid


def test_escape_alone_leaves_at_once() -> None:
    assert taken("\x1b") == ""


def test_the_list_moves_with_the_one_that_is_looked_at() -> None:
    many = [(Session(f"{n:02}", "", 0, "ended", n), "") for n in range(30)]
    choice = Choice(many)
    assert [here for here, _ in choice.rows(80)] == [True] + [False] * (ROWS - 1)
    choice.move(17)
    rows = choice.rows(80)
    assert len(rows) == ROWS
    assert [text for here, text in rows if here] == [line_of(many[17][0], "")]
    choice.move(100)
    assert choice.chosen == many[29][0]
    assert choice.rows(80)[-1][0]


def test_a_line_is_harmless_and_fits_the_screen() -> None:
    assert "\x1b" not in clipped(line_of(FIRST, ""), 80)
    assert clipped("漢字漢字", 5) == "漢字…"
    assert clipped("  indented", 80) == "  indented"
    assert clipped("two\nlines", 80) == "two lines"


def test_the_preview_is_what_was_said_and_done_since_the_last_prompt() -> None:
    write_story(
        places().sessions,
        [
            *story()[:-1],
            *turn(call("deny", "c9"), number=2),
            SessionEnded(stop="done", exit_code=0),
        ],
    )
    (one,) = sessions(places().sessions)
    lines = preview(one)
    assert lines[0] == "› push it, “please”"
    assert lines.count("› push it, “please”") == 1
    assert any("denied by org/acme#no-force" in line for line in lines)
    assert lines[-1] == "session ended · done (exit 0)"


def test_the_end_of_a_long_log_is_read_without_the_rest() -> None:
    folder = Path(places().sessions) / "2027-01-15" / ("0" * 26)
    with SessionLog.create(places().sessions) as log:
        log.write(started())
        for number in range(1, 400):
            for event in turn(call("allow", f"c{number}"), number=number):
                log.write(event)
        folder = Path(log.folder)
    found = last_events(str(folder))
    assert 20 < len(found) < 800
    assert isinstance(found[-1], type(turn()[-1]))
    assert any(isinstance(event, Prompt) and event.text for event in found)
    # A torn end, and content that is not there, are passed over.
    with (folder / EVENTS).open("ab") as file:
        file.write(b'{"torn')
    assert last_events(str(folder))[-1] == found[-1]
    (folder / BODIES).write_bytes(b"")
    assert not any(isinstance(event, Prompt) for event in last_events(str(folder)))
    (folder / EVENTS).write_bytes(b"nonsense\n" * 9)
    assert last_events(str(folder)) == []
    assert last_events("/no/such") == []


def review() -> list[Event]:
    from msgspec.structs import replace

    return [replace(started(), mode="review"), SessionEnded(stop="done", exit_code=0)]


def test_a_reviewers_log_is_neither_the_last_session_nor_to_be_chosen() -> None:
    with SessionLog.create(places().sessions) as log:
        for event in review():
            log.write(event)
    for look in (chosen, lambda: find_session(places().sessions, "last")):
        with pytest.raises(UsageError, match="There is no session"):
            look()


@pytest.mark.parametrize("day", [date(2026, 11, 16), date(2026, 11, 18), date(2026, 11, 22)])
def test_the_sessions_of_the_days_that_are_named_are_found(day: date) -> None:
    """On a Monday, amid the week, and on a Sunday; each day has a session at its first and its last minute."""
    ids: dict[date, list[str]] = {}
    for back in range(16, -1, -1):
        on = day - timedelta(back)
        for hour, minute in ((0, 0), (23, 59)):
            at = datetime(on.year, on.month, on.day, hour, minute).timestamp()
            with SessionLog.create(places().sessions, clock=lambda at=at: int(at * 1e9)) as log:
                log.write(started())
                log.write(turn()[0])
            ids.setdefault(on, []).insert(0, log.sid)

    def found(words: str) -> list[str]:
        return [sid for sid, _ in newest(99, days_of(words, day))]

    monday = day - timedelta(day.weekday())
    week = [monday - timedelta(7 - n) for n in range(7)]
    assert found(" Last  WEEK ") == [sid for one in reversed(week) for sid in ids[one]]
    assert found("yesterday") == ids[day - timedelta(1)]
    assert found("today") == ids[day]
    assert found("this week")[-1] == ids[monday][-1]
    assert days_of("some other week", day) is None
