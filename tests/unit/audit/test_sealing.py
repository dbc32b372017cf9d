"""Content at rest: sealed for the reviewers and the person, opened in one place, provable without a key."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from devagent.audit import opening, sealing
from devagent.audit.layout import BODIES, EVENTS, KEYS
from devagent.audit.opening import Opener, look_for_keys
from devagent.audit.reader import read, read_events, sessions
from devagent.audit.requests import recorded
from devagent.audit.sealing import Sealing, SessionKey, new_identity, unwrap
from devagent.audit.search import search_sessions
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical, parse
from devagent.core.errors import ConfigError, LogError
from devagent.core.events import Event
from devagent.core.events.turns import TurnCut, TurnStarted
from tests.support.log_events import call, started, story, turn
from tests.support.log_files import appends, cut_back, put, states

SECRET, PUBLIC = new_identity()
REVIEWER, REVIEWER_PUBLIC = new_identity()
STRANGER, _ = new_identity()
BOTH = Sealing((REVIEWER_PUBLIC, PUBLIC), "org.toml")


@pytest.fixture(autouse=True)
def no_keys() -> Iterator[None]:
    """Nobody's, before and after each test."""
    look_for_keys(tuple)
    yield
    look_for_keys(tuple)


def with_keys(*identities: str) -> None:
    look_for_keys(lambda: identities)


def sealed(folder: Path, events: list[Event]) -> str:
    with SessionLog.create(str(folder), sealing=BOTH) as log:
        for event in events:
            log.write(event)
    return log.folder


def test_no_content_is_on_the_disk_in_the_open(tmp_path: Path) -> None:
    folder = Path(sealed(tmp_path, story()))
    lines = (folder / BODIES).read_bytes().splitlines()
    assert lines
    assert all(set(parse(line)) == {"seq", "sealed"} for line in lines)
    for file in folder.iterdir():
        assert b"push it" not in file.read_bytes()
    assert (folder / KEYS).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("who", [SECRET, REVIEWER], ids=["person", "reviewer"])
def test_the_person_and_each_reviewer_read_it_as_it_was_written(tmp_path: Path, who: str) -> None:
    folder = sealed(tmp_path, story())
    with_keys(STRANGER, who)
    assert list(read_events(folder)) == story()
    assert [one.prompt for one in sessions(str(tmp_path))] == ["push it, “please”"]
    assert [one.aside for one in recorded(folder)] == [""] * 4


def test_without_a_key_it_verifies_and_stays_sealed(tmp_path: Path) -> None:
    folder = sealed(tmp_path, story())
    for identities in ((), (STRANGER,)):
        with_keys(*identities)
        found = verify_session(folder)
        assert (found.ok, found.sealed, found.bodies) == (
            True,
            len(appends(folder)) - len(story()),
            0,
        )
        assert {record.content for record in read(folder)} == {"none", "sealed"}
        assert {one.aside for one in recorded(folder)} == {"sealed"}
        with pytest.raises(LogError, match="is sealed"):
            list(read_events(folder))


def test_with_a_key_verifying_looks_into_what_is_sealed_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    folder = sealed(tmp_path, story())
    with_keys(REVIEWER)
    found = verify_session(folder, opened=True)
    assert found.ok
    assert found.sealed == 0
    assert found.bodies > 0


def test_a_sealed_line_in_anothers_place_is_found_with_a_key_and_without(tmp_path: Path) -> None:
    folder = Path(sealed(tmp_path, story()))
    lines = [parse(line) for line in (folder / BODIES).read_bytes().splitlines()]
    lines[0]["sealed"], lines[1]["sealed"] = lines[1]["sealed"], lines[0]["sealed"]
    (folder / BODIES).write_bytes(b"".join(canonical(line) + b"\n" for line in lines))
    assert "is sealed, but not as event 0 says" in str(verify_session(str(folder)).problem)
    with_keys(SECRET)
    with pytest.raises(LogError, match="is damaged"):
        list(read(str(folder)))


def test_content_that_somebody_sealed_anew_is_not_taken_for_what_was_recorded(
    tmp_path: Path,
) -> None:
    """Anybody can encrypt to a reviewer's public key: what is opened must be what the header commits to."""
    folder = Path(sealed(tmp_path, story()))
    key = bytes(range(32))
    (folder / KEYS).write_bytes(Sealing((REVIEWER_PUBLIC,)).wrap(key))
    forger = SessionKey(folder.name, key, os.urandom)
    lines: list[bytes] = []
    for line in (folder / BODIES).read_bytes().splitlines():
        seq = parse(line)["seq"]
        forged = canonical({"seq": seq, "salt": "A" * 22 + "==", "content": '{"text":"innocent"}'})
        lines.append(canonical({"seq": seq, "sealed": forger.seal(seq, forged)}) + b"\n")
    (folder / BODIES).write_bytes(b"".join(lines))
    with_keys(REVIEWER)
    assert "is sealed, but not as event 0 says" in str(verify_session(str(folder)).problem)
    with pytest.raises(LogError, match="not what its header commits to"):
        list(read(str(folder)))
    assert {one.aside for one in recorded(str(folder))} == {"altered"}


def test_a_sealed_log_goes_on_sealed_under_the_same_key(tmp_path: Path) -> None:
    folder = sealed(tmp_path, [started(), *turn(call("allow"))])
    with pytest.raises(LogError, match="no key here"):
        SessionLog.reopen(folder)
    with_keys(SECRET)
    with SessionLog.reopen(folder) as log:
        for event in turn(number=2):
            log.write(event)
    assert list(read_events(folder)) == [started(), *turn(call("allow")), *turn(number=2)]
    assert b"push it" not in (Path(folder) / BODIES).read_bytes()


def test_who_may_read_is_settled_anew_when_a_session_goes_on(tmp_path: Path) -> None:
    folder = sealed(tmp_path, [started()])
    with_keys(SECRET)
    newcomer, public = new_identity()
    SessionLog.reopen(folder, sealing=Sealing((public, PUBLIC))).close()
    data = (Path(folder) / KEYS).read_bytes()
    assert unwrap(data, [newcomer]) == unwrap(data, [SECRET]) != b""
    assert unwrap(data, [REVIEWER]) == b""


def test_an_open_log_is_sealed_from_where_policy_asks_for_it(tmp_path: Path) -> None:
    with SessionLog.create(str(tmp_path)) as log:
        log.write(started())
    with SessionLog.reopen(log.folder, sealing=BOTH) as log:
        for event in turn():
            log.write(event)
    kinds = [set(parse(line)) for line in (Path(log.folder) / BODIES).read_bytes().splitlines()]
    assert kinds[0] == {"content", "salt", "seq"}
    assert all(kind == {"seq", "sealed"} for kind in kinds[1:])
    found = verify_session(log.folder)
    assert (found.ok, found.bodies, found.sealed) == (True, 1, len(kinds) - 1)
    with_keys(REVIEWER)
    assert list(read_events(log.folder)) == [started(), *turn()]


def test_a_sealed_log_cut_at_any_byte_verifies_and_goes_on(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "one", [started(), *turn(call("allow"))[:-1]])
    order = appends(folder)
    with_keys(SECRET)
    every = states(order)
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    for state in reversed(every[::11]):
        cut_back(folder, order, state)
        found = verify_session(folder, opened=True)
        assert found.ok, (state, found.problem)
        assert found.torn == state[1]
    edges = [s for s in every if s[1] in (0, len(order[s[0]][1]) - 1)]
    for number, state in enumerate(edges):
        again = put(tmp_path / f"state-{number}", order, state)
        shutil.copy(kept / KEYS, again)
        whole = sum(name == EVENTS for name, _ in order[: state[0]])
        with SessionLog.reopen(again) as log:
            log.write(TurnStarted(turn=7))
            log.write(TurnCut(turn=7, err="test"))
        found = verify_session(again, opened=True)
        assert (found.ok, found.sealed, found.torn) == (True, 0, 0), found.problem
        assert list(read_events(again))[:whole] == [started(), *turn(call("allow"))][:whole]


def test_search_finds_sealed_content_with_the_key_and_never_keeps_it(tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    folder = sealed(root, story())
    assert search_sessions(str(root), ["please"]).found == []
    with_keys(SECRET)
    (found,) = search_sessions(str(root), ["please"]).found
    assert found.sid == Path(folder).name
    assert "please" in found.hits[0].line
    (inside,) = search_sessions(str(root), ["please"], folder=folder).found
    assert inside.hits == found.hits
    for file in root.rglob("*"):
        assert file.is_dir() or b"please" not in file.read_bytes()
    look_for_keys(tuple)
    assert search_sessions(str(root), ["please"]).found == []


def test_what_is_no_key_or_no_library_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"org\.toml: age1nope is no age key"):
        SessionLog.create(str(tmp_path), sealing=Sealing(("age1nope",), "org.toml"))
    monkeypatch.setattr(sealing, "_age", lambda: None)
    with pytest.raises(ConfigError, match=r"encryption.* extra is not installed"):
        SessionLog.create(str(tmp_path), sealing=BOTH)
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_sealed_content_stays_sealed_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sealed(tmp_path, [started()])
    with_keys(SECRET)
    monkeypatch.setattr(sealing, "_age", lambda: None)
    opener = Opener(folder)
    assert opener.key == b""
    assert "extra is not installed" in opener.why
    assert [record.content for record in read(folder)] == ["sealed"]


def test_identities_are_asked_for_once_and_only_when_something_is_sealed(tmp_path: Path) -> None:
    asked: list[int] = []

    def identities() -> tuple[str, ...]:
        asked.append(1)
        return (SECRET,)

    opening.look_for_keys(identities)
    with SessionLog.create(str(tmp_path)) as log:
        log.write(started())
    list(read(log.folder))
    assert asked == []
    for number in range(3):
        list(read(sealed(tmp_path / str(number), [started()])))
    assert asked == [1]
