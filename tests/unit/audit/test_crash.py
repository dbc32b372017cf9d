"""A kill at any byte: the log verifies up to the tear, says so, and goes on with its chain whole."""

import subprocess
import sys
from pathlib import Path

from devagent.audit.layout import EVENTS, newest_first
from devagent.audit.reader import read_events
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.events.calls import ToolFinished, ToolStarted
from devagent.core.events.session import LogRecovered, SessionEnded
from devagent.core.events.turns import TurnCut, TurnStarted
from tests.support.log_events import call, started, story, turn, write_story
from tests.support.log_files import appends, cut_back, put, states


def goes_on(folder: str, whole: int) -> None:
    """Reopened, the log has all whole events, closes what was open, takes more, and verifies with no tear."""
    before = list(read_events(folder))
    assert len(before) == whole
    with SessionLog.reopen(folder) as log:
        log.write(TurnStarted(turn=7))
        log.write(TurnCut(turn=7, err="test"))
    after = list(read_events(folder))
    assert after[:whole] == before
    assert after[-2:] == [TurnStarted(turn=7), TurnCut(turn=7, err="test")]
    assert {type(event) for event in after[whole:-2]} <= {LogRecovered, ToolFinished, TurnCut}
    starts = sum(isinstance(event, ToolStarted) for event in after)
    assert starts == sum(isinstance(event, ToolFinished) for event in after)
    found = verify_session(folder)
    assert (found.ok, found.torn) == (True, 0), found.problem


def test_a_session_killed_at_any_append_verifies_and_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.crash_writer", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    number = int(done.stdout)
    assert number > 1.5 * len(story())  # a header each, and a body for most
    killed = [next(newest_first(str(one)), "") for one in tmp_path.iterdir() if any(one.iterdir())]
    assert len(killed) >= 2 * number - 4  # all but those killed in making their folder
    for folder in filter(None, killed):
        found = verify_session(folder)
        assert found.ok, found.problem
        goes_on(folder, found.events)


def test_a_log_cut_at_any_byte_verifies_up_to_the_tear(tmp_path: Path) -> None:
    events = [started(), *turn(call("allow"))[:-1]]
    folder = write_story(str(tmp_path / "sessions"), events)
    order = appends(folder)
    seen: set[tuple[int, bool]] = set()
    for state in reversed(states(order)):
        cut_back(folder, order, state)
        found = verify_session(folder)
        assert found.ok, (state, found.problem)
        whole, cut = state
        assert found.events == sum(name == EVENTS for name, _ in order[:whole])
        assert found.torn == cut
        assert any(note.startswith("torn") for note in found.notes) == bool(cut)
        seen.add((found.events, bool(cut)))
    assert len(seen) == 2 * len(events)


def test_a_log_cut_at_any_byte_goes_on(tmp_path: Path) -> None:
    events = [started(), *turn(call("allow"))[:-1]]
    order = appends(write_story(str(tmp_path / "sessions"), events))
    every = states(order)
    edges = [s for s in every if s[1] in (0, 1) or s[1] == len(order[s[0]][1]) - 1]
    for n, state in enumerate(sorted({*edges, *every[::97]})):
        folder = put(tmp_path / str(n), order, state)
        goes_on(folder, sum(name == EVENTS for name, _ in order[: state[0]]))


def test_a_crash_while_recovering_is_recovered_from(tmp_path: Path) -> None:
    """The torn end was copied and cut off, and then the process died before it could say so."""
    folder = Path(write_story(str(tmp_path), [started()]))
    (folder / "torn-1.1.events").write_bytes(b'{"agent"')
    with SessionLog.reopen(str(folder)):
        pass
    assert list(read_events(str(folder)))[-1] == LogRecovered(bytes=8)
    with (folder / EVENTS).open("rb+") as file:
        file.truncate(file.seek(0, 2) - 3)  # and again, in writing log.recovered
    with SessionLog.reopen(str(folder)):
        pass
    recovered = list(read_events(str(folder)))[-1]
    assert isinstance(recovered, LogRecovered)
    assert recovered.bytes > 8
    assert verify_session(str(folder)).ok


def test_a_closed_session_that_is_cut_short_is_no_crash(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), [started(), SessionEnded(stop="done", exit_code=0)])
    with (Path(folder) / EVENTS).open("ab") as file:
        file.write(b'{"agent":"dev')
    found = verify_session(folder)
    assert found.headline.startswith("verify: FAILED events.jsonl:3: is cut short")
