"""``devagent session search`` and ``rename``: what they print, and names in the place of ids."""

import gc
import json
import os
import shutil
import stat
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from devagent.audit.layout import find_session
from devagent.audit.names import names
from devagent.cli.session import session
from devagent.core.errors import LogError, UsageError
from devagent.core.events.calls import ToolFinished
from devagent.settings.places import places
from tests.support.log_events import call, started, story, turn, write_story


@pytest.fixture
def folder() -> Path:
    return Path(write_story(places().sessions, story()))


def run(*args: str) -> Result:
    return CliRunner().invoke(session, args)


def test_search_prints_the_session_when_it_was_and_the_lines_with_the_words(folder: Path) -> None:
    done = run("search", "please")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{folder.name}  2027-01-15 08:00",
        "       2  prompt     push it, “please”",
    ]


def test_search_shows_a_few_hits_a_session_and_says_how_to_see_the_rest(folder: Path) -> None:
    *_, last = run("search", "push").stdout.splitlines()
    assert last == f"          … more: add --in {folder.name}"
    everything = run("search", "push", "--in", "last").stdout
    assert everything.count("\n") > 5
    assert "more" not in everything


def test_what_was_cut_for_the_model_is_found_shown_in_full_and_erased() -> None:
    events = [
        replace(one, text="1\n[cut]\n9", whole="1\nthe needle\n9")
        if isinstance(one, ToolFinished)
        else one
        for one in story()
    ]
    folder = Path(write_story(places().sessions, events))
    assert "the needle" in run("search", "needle").stdout
    assert "the needle" in run("show", "last", "--full").stdout
    assert "needle" not in run("show", "last").stdout
    assert '"whole":"1\\nthe needle\\n9"' in run("show", "last", "--format", "json").stdout
    assert run("erase", "last", "--reason", "asked for", "--yes").exit_code == 0
    assert b"needle" not in b"".join(one.read_bytes() for one in folder.iterdir())
    assert run("search", "needle").stdout == ""


def test_search_as_json_is_one_list(folder: Path) -> None:
    (one,) = json.loads(run("search", "please", "--format", "json").stdout)
    assert one["sid"] == folder.name
    assert one["hits"][0] == {
        "seq": 2,
        "at": 1_800_000_000_000_003,
        "what": "prompt",
        "line": "push it, “please”",
        "marks": [[10, 16]],
    }
    assert run("search", "nowhere", "--format", "json").stdout == "[]\n"


def test_nothing_found_and_no_sessions_are_no_errors(folder: Path) -> None:
    assert (run("search", "nowhere").exit_code, run("search", "nowhere").stdout) == (0, "")
    assert "Nothing was found" in run("search", "nowhere").stderr


def test_search_before_the_first_session_makes_nothing() -> None:
    assert run("search", "word").exit_code == 0
    assert not os.path.exists(places().sessions)


def test_a_name_stands_wherever_an_id_may(folder: Path) -> None:
    done = run("rename", "last", "Orders export")
    assert done.stdout == f"{folder.name} is now Orders export\n"
    assert find_session(places().sessions, "orders EXPORT") == str(folder)
    assert run("show", "Orders export").stdout == run("show", folder.name).stdout
    assert run("verify", "Orders export").exit_code == 0
    assert "[Orders export] push it" in run("list").stdout
    assert run("search", "please").stdout.splitlines()[0].endswith("  Orders export")
    assert json.loads(run("list", "--format", "json").stdout)[0]["name"] == "Orders export"
    assert run("rename", "Orders export", "x").stdout.endswith("is now x (it was Orders export)\n")
    assert run("rename", "x", "").stdout == f"{folder.name} has no name now (it was x)\n"
    assert names(places().sessions) == {}


def test_a_name_changes_nothing_of_the_record_and_outlives_the_index(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run("rename", "last", "kept")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    run("search", "please")
    os.unlink(os.path.join(places().sessions, "index.sqlite"))
    assert run("search", "please").stdout.splitlines()[0].endswith("  kept")
    file = os.stat(os.path.join(places().sessions, "names.json"))
    assert stat.S_IMODE(file.st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    ["last", "ALL", "a/b", "..", "-x", " x", "x\n", "\x1b[2J", "a\u202eb", "n" * 81,
     "01MCC5RM000000000000000009"],
)  # fmt: skip
def test_a_name_that_could_be_something_else_is_refused(folder: Path, name: str) -> None:
    done = CliRunner().invoke(session, ["rename", "last", "--", name])
    assert isinstance(done.exception, UsageError)
    assert names(places().sessions) == {}


def test_two_sessions_do_not_bear_one_name(folder: Path) -> None:
    run("rename", "last", "mine")
    second = folder.parent / (folder.name[:-1] + "2")
    second.mkdir()
    (second / "events.jsonl").write_bytes(b"")
    done = run("rename", second.name, "MINE")
    assert isinstance(done.exception, UsageError)
    assert f"Session {folder.name} is named “mine” already" in str(done.exception)


def test_a_damaged_names_file_is_told_and_not_written_over(folder: Path) -> None:
    file = Path(places().sessions, "names.json")
    file.write_text("{nonsense")
    assert isinstance(run("rename", "last", "x").exception, LogError)
    assert file.read_text() == "{nonsense"
    assert find_session(places().sessions, folder.name) == str(folder)
    listed = run("list")
    assert folder.name in listed.stdout
    assert "names.json cannot be used" in listed.stderr


@pytest.mark.parametrize("command", [["list"], ["search", "nowhere"], ["diff", "last", "last"]])
def test_memory_does_not_grow_with_what_was_said(command: list[str]) -> None:
    peaks = [_peak_of(command, turns) for turns in (5, 15, 100)][1:]  # the first imports modules
    # A line for each step is what comparing keeps; nothing else keeps anything.
    most = 2_000 * 3 * 85 if command[0] == "diff" else 300_000
    assert peaks[1] < peaks[0] + most


def _peak_of(command: list[str], turns: int) -> int:
    """The most memory that a command took on a session of so many turns, with 20 kB said in each."""
    shutil.rmtree(places().sessions, ignore_errors=True)
    said = [replace(e, text="said " * 4_000) if isinstance(e, ToolFinished) else e for e in call()]
    every = [event for number in range(turns) for event in turn(said, number=number + 1)]
    write_story(places().sessions, [started(), *every])
    gc.collect()
    tracemalloc.start()
    try:
        assert CliRunner().invoke(session, command).exit_code == 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
