"""``devagent session``: what it prints, and its exit codes."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.audit.layout import EVENTS
from devagent.cli.policy.explain import explain_command
from devagent.cli.session import session
from devagent.core.errors import UsageError
from devagent.core.events.calls import ToolJudged
from devagent.repl.render import render
from devagent.settings.places import places
from tests.support.log_events import story, write_story


@pytest.fixture
def folder() -> Path:
    return Path(write_story(places().sessions, story()))


def run(*args: str) -> Result:
    return CliRunner().invoke(session, args)


def test_list_shows_each_session_on_a_line(folder: Path) -> None:
    done = run("list")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{folder.name}  2027-01-15 ")
    assert "push it, “please”" in done.stdout
    assert [one["sid"] for one in json.loads(run("list", "--format", "json").stdout)] == [
        folder.name
    ]
    assert json.loads(run("list", "--format", "json", "--limit", "1").stdout)[0]["events"] == len(
        story()
    )


@pytest.mark.parametrize("last", ['{"seq":{}}', '{"seq":[1],"type":{}}', '{"stop":[],"type":"session.ended"}', "[]"])  # fmt: skip
def test_a_log_that_was_changed_keeps_no_other_from_being_listed(folder: Path, last: str) -> None:
    other = Path(write_story(f"{places().sessions}2", story()))
    damaged = folder.with_name("7" + folder.name[1:])
    shutil.copytree(other, damaged)
    with (damaged / EVENTS).open("a") as file:
        file.write(f"{last}\n")
    done = run("list")
    assert done.exit_code == 0, done.exception
    assert [line[:26] for line in done.stdout.splitlines()] == [damaged.name, folder.name]


def test_list_without_sessions_says_what_to_do() -> None:
    done = run("list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no session yet" in done.stderr
    assert run("list", "--format", "json").stdout == "[]\n"


def test_show_prints_what_was_shown_live(folder: Path) -> None:
    live = "".join(text + "\n" for event in story() if (text := render(event)))
    assert run("show", "--no-numbers").stdout == live
    assert run("show", folder.name[:5], "--no-numbers").stdout == live


def test_show_gives_each_event_the_number_that_policy_explain_takes(folder: Path) -> None:
    numbered = [line[:6].strip() for line in run("show").stdout.splitlines()]
    told = [int(number) for number in numbered if number]
    shown = [seq for seq, event in enumerate(story()) if render(event)]
    assert told == shown
    for seq in told:
        explained = CliRunner().invoke(explain_command, ["--event", f"last:{seq}"])
        if isinstance(story()[seq], ToolJudged):
            assert f"event {seq}" in explained.stdout
        else:
            assert isinstance(explained.exception, UsageError)


def test_show_full_prints_arguments_whole(folder: Path) -> None:
    assert '{"branch":"main"}' in run("show", "--full").stdout


def test_show_as_json_is_a_line_an_event_with_its_content(folder: Path) -> None:
    lines = [json.loads(line) for line in run("show", "--format", "json").stdout.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(story())))
    assert lines[2]["content"] == {"text": "push it, “please”"}


@pytest.mark.parametrize("by", ["last", "id", "folder"])
def test_verify_says_ok_and_exits_0(folder: Path, by: str) -> None:
    done = run("verify", {"last": "last", "id": folder.name, "folder": str(folder)}[by])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == f"verify: ok {folder.name} 23 events, 15 bodies"


def test_verify_says_failed_with_the_first_bad_line_and_exits_1(folder: Path) -> None:
    (folder / "bodies.jsonl").write_text("")
    done = run("verify")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].startswith(
        "verify: FAILED events.jsonl:1: commits to content"
    )
    problem = json.loads(run("verify", "--format", "json").stdout)
    assert (problem["ok"], problem["problem"]["line"]) == (False, 1)


def test_verify_all_names_the_bad_among_the_good(folder: Path, tmp_path: Path) -> None:
    assert run("verify", "--all").stdout.splitlines()[0] == "verify: ok 1 sessions, 23 events"
    other = folder.parent / (folder.name[:-1] + "9")
    other.mkdir()
    done = run("verify", "--all")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == "verify: FAILED 1 of 2 sessions, 0 gaps between them"
    assert f"(session {other.name})" in done.stdout
    assert json.loads(run("verify", "--all", "--format", "json").stdout)["ok"] is False


def test_control_characters_of_a_forged_log_do_not_reach_the_terminal(folder: Path) -> None:
    file = folder / "events.jsonl"
    file.write_bytes(file.read_bytes().replace(folder.name.encode(), b"\\u001b]0;owned\\u0007", 1))
    done = run("verify")
    assert done.exit_code == 1
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def test_an_unknown_session_and_a_bad_key_are_usage_errors(folder: Path) -> None:
    assert isinstance(run("show", "01ZZZ").exception, UsageError)
    assert isinstance(run("verify", "/nowhere/at/all").exception, UsageError)
    assert isinstance(run("verify", "--key", "nonsense").exception, UsageError)
