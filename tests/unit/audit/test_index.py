"""The index of all sessions: what is found, and that it is as the logs are, whatever happens to it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.query import match_all
from devagent.audit.search import INDEX, search_sessions
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical, parse
from devagent.core.errors import UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.events.turns import Prompt, TurnStarted
from tests.support.command_line import ROOT
from tests.support.log_events import new_log, started, story, turn, write_story

DAY_NS = 86_400_000_000_000


@pytest.fixture
def sessions(tmp_path: Path) -> str:
    return str(tmp_path / "sessions")


def write(sessions: str, *texts: str, day: int = 0) -> str:
    """A session of some prompts, begun on that day; its folder."""
    now = 1_800_000_000_000_000_000 + day * DAY_NS

    def clock() -> int:
        nonlocal now
        now += 1_000_000
        return now

    with SessionLog.create(sessions, clock=clock) as log:
        log.write(started())
        for number, text in enumerate(texts, 1):
            log.write(TurnStarted(turn=number))
            log.write(Prompt(turn=number, text=text))
            log.close_turn("cut")
    return log.folder


def found(sessions: str, *words: str, limit: int = 20) -> list[str]:
    """The ids of the sessions that have them."""
    return [one.sid for one in search_sessions(sessions, words, limit=limit).found]


def lines(sessions: str, *words: str) -> list[tuple[int, str, str]]:
    answer = search_sessions(sessions, words, hits=100)
    return [(hit.seq, hit.what, hit.line) for one in answer.found for hit in one.hits]


def test_each_kind_of_event_is_found_by_its_words(sessions: str) -> None:
    write_story(sessions, story())
    assert lines(sessions, "please") == [(2, "prompt", "push it, “please”")]
    assert lines(sessions, "pushing") == [(4, "reply", "Pushing.")]
    assert (5, "call", "git.push") in lines(sessions, "git.push")
    assert (6, "decision", "Force pushes rewrite shared history") in lines(sessions, "rewrite")
    assert (6, "decision", "write branch:origin/main") in lines(sessions, "origin/main")
    assert [what for _, what, _ in lines(sessions, "org/acme#no-force")] == ["decision"] * 4
    assert [what for _, what, _ in lines(sessions, "yes", "ana")] == ["approval"]
    assert (8, "result", "done") in lines(sessions, "done")


def test_all_words_must_be_in_one_event_and_case_and_accents_make_no_difference(
    sessions: str,
) -> None:
    folder = write(sessions, "Größe der Café-Tabelle\nzweite Zeile", "a table elsewhere")
    assert lines(sessions, "cafe", "GRÖSSE*") == []
    assert lines(sessions, "cafe", "größe") == [(2, "prompt", "Größe der Café-Tabelle")]
    assert lines(sessions, "zweite") == [(2, "prompt", "zweite Zeile")]
    assert found(sessions, "größe", "elsewhere") == []
    assert found(sessions, "tab*") == [os.path.basename(folder)]
    assert found(sessions, "der café") == [os.path.basename(folder)]
    assert found(sessions, "café der") == []


@pytest.mark.parametrize(
    "word", ['"', 'a" OR "b', "NEAR(a b)", "text:x", "x AND NOT y", "a*b", "^a", "(", "'; DROP"]
)
def test_no_word_is_read_as_the_query_language(sessions: str, word: str) -> None:
    write(sessions, "nothing of the kind")
    if any(letter.isalnum() for letter in word):
        assert found(sessions, word) == []
    else:
        with pytest.raises(UsageError, match="no word to look for"):
            found(sessions, word)


def test_no_words_at_all_are_an_error() -> None:
    with pytest.raises(UsageError):
        match_all([])


def test_newest_sessions_come_first_however_they_were_indexed(sessions: str) -> None:
    new = write(sessions, "needle", day=9)
    assert found(sessions, "needle") == [os.path.basename(new)]
    old = write(sessions, "needle", "needle", "needle", "needle", day=2)
    assert found(sessions, "needle") == [os.path.basename(one) for one in (new, old)]
    assert found(sessions, "needle", limit=1) == [os.path.basename(new)]
    answer = search_sessions(sessions, ["needle"], hits=3)
    assert [(len(one.hits), one.more) for one in answer.found] == [(1, False), (3, True)]
    (only,) = search_sessions(sessions, ["needle"], hits=9, folder=old).found
    assert [hit.seq for hit in only.hits] == [2, 5, 8, 11]


def test_sessions_of_the_same_millisecond_are_kept_apart(sessions: str) -> None:
    for letter in "abc":
        with SessionLog.create(sessions, clock=lambda: 1_800_000_000_000_000_000) as log:
            for event in (started(), TurnStarted(turn=1), Prompt(turn=1, text=f"same {letter}")):
                log.write(event)
    assert len(found(sessions, "same")) == 3
    assert len(found(sessions, "same", "b")) == 1


def test_what_is_written_after_the_first_search_is_found_by_the_next(sessions: str) -> None:
    log = new_log(sessions)
    log.write(started())
    assert found(sessions, "later") == []
    for event in turn(number=1):
        log.write(event)
    log.write(TurnStarted(turn=2))
    log.write(Prompt(turn=2, text="later"))
    assert found(sessions, "later") == [log.sid]
    assert lines(sessions, "pushing") == [(4, "reply", "Pushing.")]
    log.close()
    events, bodies = Path(log.folder, EVENTS), Path(log.folder, BODIES)
    whole = events.read_bytes(), bodies.read_bytes()
    for file, data in zip((events, bodies), whole, strict=True):
        file.write_bytes(data + b'{"half')  # a line that is being written
    assert lines(sessions, "later") == [(log.count - 1, "prompt", "later")]
    for file, data in zip((events, bodies), whole, strict=True):
        file.write_bytes(data)
    with SessionLog.reopen(log.folder) as log:
        log.write(TurnStarted(turn=3))
        log.write(Prompt(turn=3, text="much later"))
    assert [what for _, what, _ in lines(sessions, "later")] == ["prompt", "prompt"]


def test_only_what_is_new_is_read(sessions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = new_log(sessions)
    log.write(started())
    found(sessions, "nothing")
    log.write(TurnStarted(turn=1))
    log.write(Prompt(turn=1, text="later"))
    seen: list[object] = []
    import devagent.audit.index as index

    real: Callable[..., tuple[str, str]] = index.spoken

    def counted(event: Event) -> tuple[str, str]:
        seen.append(type(event))
        return real(event)

    monkeypatch.setattr(index, "spoken", counted)
    assert found(sessions, "later") == [log.sid]
    assert seen == [TurnStarted, Prompt]
    assert found(sessions, "later") == [log.sid]
    assert len(seen) == 2
    log.close()


def test_a_log_that_was_rewritten_is_read_anew(sessions: str) -> None:
    folder = write(sessions, "before the change")
    assert found(sessions, "before") == [os.path.basename(folder)]
    other = write(f"{sessions}2", "after the change", "and more")
    for name in (EVENTS, BODIES):
        Path(folder, name).write_bytes(Path(other, name).read_bytes())
    assert found(sessions, "before") == []
    assert found(sessions, "after", "change") == [os.path.basename(folder)]


def test_what_a_log_loses_is_not_left_in_the_index(sessions: str) -> None:
    folder = write(sessions, "xylophone secret", "kept")
    gone = write(sessions, "zeppelin secret", day=3)
    assert len(found(sessions, "secret")) == 2
    bodies = [parse(line) for line in Path(folder, BODIES).read_bytes().splitlines()]
    changed = [
        {"by": 99, "erased": True, "seq": one["seq"]} if "xylophone" in one["content"] else one
        for one in bodies
    ]
    Path(folder, BODIES).write_bytes(b"".join(canonical(one) + b"\n" for one in changed))
    header = canonical({"type": "log.erased", "v": 1, "range": [2, 2]})
    last = Path(folder, EVENTS).read_bytes().splitlines()[-1]
    from devagent.audit.record import leaf_hash

    line = {**parse(last), **parse(header), "seq": 7, "prev": leaf_hash(last)}
    with Path(folder, EVENTS).open("ab") as file:
        file.write(canonical(line) + b"\n")
    for path in sorted(Path(gone).iterdir()):
        path.unlink()
    Path(gone).rmdir()
    assert found(sessions, "secret") == []
    assert found(sessions, "kept") == [os.path.basename(folder)]
    data = Path(sessions, INDEX).read_bytes()
    assert b"xylophone" not in data
    assert b"zeppelin" not in data


def test_a_damaged_log_is_searched_up_to_its_damage_and_that_is_told(sessions: str) -> None:
    folder = write(sessions, "first words", "second words")
    data = Path(folder, EVENTS).read_bytes().split(b"\n")
    data[4] = b"{nonsense"
    Path(folder, EVENTS).write_bytes(b"\n".join(data))
    answer = search_sessions(sessions, ["words"])
    assert [hit.line for one in answer.found for hit in one.hits] == ["first words"]
    assert answer.notes == [
        f"Session 2027-01-15/{os.path.basename(folder)} is damaged: searched up to event 4."
    ]
    assert search_sessions(sessions, ["words"]).notes == []


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "page", "version", "table"])
def test_an_index_that_is_bad_is_made_anew(sessions: str, damage: str) -> None:
    folder = write(sessions, *(f"needle {n} " + "hay " * 300 for n in range(30)))
    assert found(sessions, "needle") == [os.path.basename(folder)]
    path = Path(sessions, INDEX)
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        path.write_bytes(b"no database at all " * 500)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "page":
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
    else:
        with sqlite3.connect(path) as database:
            database.execute(
                "PRAGMA user_version = 99" if damage == "version" else "DROP TABLE log"
            )
        database.close()
    answer = search_sessions(sessions, ["needle"])
    assert [one.sid for one in answer.found] == [os.path.basename(folder)]
    told = (
        ["The index was unusable and was made anew."] if damage not in ("empty", "version") else []
    )
    assert answer.notes == told
    assert search_sessions(sessions, ["needle"]).notes == []


def test_the_index_is_private(sessions: str) -> None:
    write(sessions, "mine")
    found(sessions, "mine")
    assert Path(sessions, INDEX).stat().st_mode & 0o777 == 0o600
    Path(sessions, INDEX).chmod(0o644)
    found(sessions, "mine")
    assert Path(sessions, INDEX).stat().st_mode & 0o777 == 0o600


def test_where_the_index_cannot_be_kept_all_is_read_and_that_is_told(
    sessions: str, tmp_path: Path
) -> None:
    folder = write(sessions, "needle")
    target = tmp_path / "elsewhere"
    target.write_bytes(b"somebody's file")
    Path(sessions, INDEX).symlink_to(target)
    answer = search_sessions(sessions, ["needle"])
    assert [one.sid for one in answer.found] == [os.path.basename(folder)]
    assert "cannot be kept" in answer.notes[0]
    assert target.read_bytes() == b"somebody's file"


def test_hidden_characters_hide_nothing_from_a_search_and_do_not_come_out_of_it(
    sessions: str,
) -> None:
    events: list[Event] = [
        started(),
        TurnStarted(turn=1),
        ToolFinished(turn=1, call="c", outcome="ok", text="drop\u200b the \x1b[31mtab\u202ele\x07"),
    ]
    write_story(sessions, events)
    assert lines(sessions, "drop", "table") == [(2, "result", "drop the table")]


def test_a_word_is_found_where_no_spaces_stand_between_words(sessions: str) -> None:
    said = "免费配送将从30元开始。配達を無料にする"
    write(sessions, said, "另外一句")
    for word in ("配送", "30元", "元开始", "無料"):
        ((hit,),) = (one.hits for one in search_sessions(sessions, [word]).found)
        assert (hit.line, [hit.line[a:b] for a, b in hit.marks]) == (said, [word])
    assert found(sessions, "配始") == []
    assert found(sessions, "配送", "另外") == []


def test_a_long_line_is_cut_around_its_first_hit(sessions: str) -> None:
    write(sessions, "x " * 4000 + "needle" + " y" * 4000)
    ((_, _, line),) = lines(sessions, "needle")
    assert "needle" in line
    assert len(line) <= 160
    ((hit,),) = (one.hits for one in search_sessions(sessions, ["needle"]).found)
    assert [hit.line[a:b] for a, b in hit.marks] == ["needle"]


def test_processes_at_once_agree(sessions: str) -> None:
    for day in range(20):
        write(sessions, "needle " + "hay " * 50, day=day)
    code = (
        "import sys; from devagent.audit.search import search_sessions as s\n"
        "print(len(s(sys.argv[1], ['needle']).found))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, sessions],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[0] for process in running] == [b"20\n"] * 4
    with sqlite3.connect(Path(sessions, INDEX)) as database:
        assert database.execute("SELECT count(*) FROM said").fetchone() == (60,)
    database.close()
