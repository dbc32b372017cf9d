"""Finding a session by what a person types."""

from pathlib import Path

import pytest

from devagent.audit.layout import find_session, folder_of, is_ulid, newest_first, started_at, ulid
from devagent.audit.reader import sessions
from devagent.core.errors import UsageError
from tests.support.log_events import started, story, turn, write_story

MOMENT = 1_800_000_000_000


def make(root: Path, *ids: str) -> list[str]:
    for sid in ids:
        Path(folder_of(str(root), sid)).mkdir(parents=True)
    return [folder_of(str(root), sid) for sid in ids]


def test_an_id_sorts_by_time_and_tells_it() -> None:
    ids = [ulid(MOMENT + n, bytes([255 - n]) * 10) for n in range(20)]
    assert ids == sorted(ids)
    assert all(is_ulid(sid) for sid in ids)
    assert [started_at(sid) for sid in ids] == [MOMENT + n for n in range(20)]
    assert ulid(2**48 - 1, b"\xff" * 10) == "7" + "Z" * 25


def test_a_session_is_found_by_id_by_a_prefix_by_its_end_and_as_the_last(tmp_path: Path) -> None:
    old, new = make(tmp_path, ulid(MOMENT, b"a" * 10), ulid(MOMENT + 10**9, b"b" * 10))
    assert find_session(str(tmp_path), Path(old).name) == old
    assert find_session(str(tmp_path), Path(old).name.lower()) == old
    assert find_session(str(tmp_path), Path(old).name[:6]) == old
    assert find_session(str(tmp_path), Path(old).name[-4:]) == old
    assert find_session(str(tmp_path), "last") == new
    assert list(newest_first(str(tmp_path))) == [new, old]


def test_letters_that_several_sessions_share_are_refused_with_their_names(tmp_path: Path) -> None:
    one, two = make(tmp_path, ulid(MOMENT, b"a" * 10), ulid(MOMENT, b"b" * 10))
    with pytest.raises(UsageError, match="2 sessions are named") as raised:
        find_session(str(tmp_path), Path(one).name[:8])
    assert raised.value.exit_code == 2
    assert Path(one).name in raised.value.what
    assert Path(two).name in raised.value.what


def test_an_unknown_session_is_a_usage_error_that_names_the_nearest(tmp_path: Path) -> None:
    (one,) = make(tmp_path, ulid(MOMENT, b"a" * 10))
    sid = Path(one).name
    with pytest.raises(UsageError) as raised:
        find_session(str(tmp_path), sid[:-1] + "0")
    assert sid in raised.value.hint
    with pytest.raises(UsageError, match="There is no session yet"):
        find_session(str(tmp_path / "nowhere"), "last")
    with pytest.raises(UsageError):
        find_session(str(tmp_path), "")


def test_what_is_no_session_is_passed_over(tmp_path: Path) -> None:
    (one,) = make(tmp_path, ulid(MOMENT, b"a" * 10))
    day = Path(one).parent
    (day / ".new-01MCC5RM000000000000000001").mkdir()
    (day / "notes").mkdir()
    (tmp_path / "index.sqlite").touch()
    assert list(newest_first(str(tmp_path))) == [one]


def test_a_list_reads_both_ends_of_a_session_only(tmp_path: Path) -> None:
    folder = Path(write_story(str(tmp_path), story()))
    events = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(
        b"".join([*events[:4], b"x" * 70_000 + b"\n", events[-1]])
    )
    (one,) = sessions(str(tmp_path))
    assert (one.state, one.stop, one.events) == ("ended", "done", len(story()))
    assert (one.principal, one.mode, one.model) == ("ana", "run", "claude")
    assert one.prompt == "push it, “please”"


def test_open_empty_and_unreadable_sessions_are_listed_as_such(tmp_path: Path) -> None:
    write_story(str(tmp_path / "a"), [started(), *turn()])
    assert next(sessions(str(tmp_path / "a"))).state == "open"
    write_story(str(tmp_path / "b"), [])
    assert next(sessions(str(tmp_path / "b"))).state == "empty"
    make(tmp_path / "c", ulid(MOMENT, b"a" * 10))
    assert next(sessions(str(tmp_path / "c"))).state == "unreadable"
