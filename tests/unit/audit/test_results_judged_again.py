"""What came back of a call is judged again like the call itself, from what the record says of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.audit.requests import recorded
from devagent.cli.policy import policy
from devagent.cli.session import session
from devagent.core.events.calls import ToolFinished
from devagent.repl.approver import Unattended
from devagent.session import Options, open_session
from devagent.settings.places import places

SCRIPT = """
name = "tour"
[[reply]]
[[reply.call]]
name = "read"
tool = "workspace.read"
args = { path = "people.txt" }
[[reply.call]]
name = "plain"
tool = "workspace.read"
args = { path = "plain.txt" }
[[reply]]
text = "That was it."
"""
ALLOW = """
version = 1
[[rule]]
id = "here"
effect = "allow"
tools = ["workspace.*"]
"""
NO_PERSONS = """
[[rule]]
id = "no-persons"
effect = "deny"
tools = ["workspace.read"]
phase = ["result"]
why = "Personal data stays out"
when = { "context.result.personal_data" = { any = "email" } }
"""
NOT_LARGE = """
[[rule]]
id = "not-large"
effect = "deny"
tools = ["workspace.read"]
phase = ["result"]
when = { "context.result.bytes" = { min = 150 } }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    (work / "people.txt").write_text("write to ada.lovelace@mail.example\n")
    (work / "plain.txt").write_text("nothing here\n" * 20)
    (tmp_path / "tour.toml").write_text(SCRIPT)
    return work


async def ran(folder: Path, rules: str) -> list[ToolFinished]:
    """A session under these rules; what came back of its two calls."""
    path = Path(places().policy)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(rules)
    path.chmod(0o600)
    model = f"rehearsal:{folder.parent / 'tour.toml'}"
    opened = await open_session(
        Options(folder=str(folder), mode="run", approver=Unattended(), model=model)
    )
    try:
        events = [event async for event in opened.turn("Go on")]
    finally:
        await opened.close("done", 0)
    return [one for one in events if isinstance(one, ToolFinished)]


def replay(tmp_path: Path, rules: str, *args: str) -> Result:
    candidate = tmp_path / "candidate.toml"
    candidate.write_text(rules)
    return CliRunner().invoke(session, ["replay", "--policy", str(candidate), *args])


def diff(tmp_path: Path, rules: str) -> dict[str, Any]:
    candidate = tmp_path / "candidate.toml"
    candidate.write_text(rules)
    done = CliRunner().invoke(
        policy,
        ["diff", "--replay", "last", "--policy", str(candidate), "--format", "json"],
        catch_exceptions=False,
    )
    return json.loads(done.stdout)


async def test_a_rule_that_withholds_says_so_of_what_was_shown(
    tmp_path: Path, folder: Path
) -> None:
    first, second = await ran(folder, ALLOW)
    assert (first.outcome, second.outcome) == ("ok", "ok")
    assert first.about == {"bytes": first.bytes, "rows": first.rows, "labels": list(first.taint)}
    said = replay(tmp_path, ALLOW + NOT_LARGE, "--exit-code")
    assert said.exit_code == 1
    assert "by candidate.toml this would be denied by" in said.stdout
    assert "4 decisions judged again by candidate.toml: 3 the same" in said.stdout
    (change,) = diff(tmp_path, ALLOW + NOT_LARGE)["changes"]
    assert change["tool"] == "workspace.read (result)"
    assert (change["before"], change["after"], change["count"]) == ("allow", "deny", 1)


async def test_personal_data_is_looked_for_in_the_record_where_no_rule_of_the_day_did(
    tmp_path: Path, folder: Path
) -> None:
    await ran(folder, ALLOW)
    report = diff(tmp_path, ALLOW + NO_PERSONS)
    assert (report["judged"], report["changed"], report["aside"]) == (3, 1, {})


async def test_what_was_withheld_would_be_shown_again(tmp_path: Path, folder: Path) -> None:
    first, _ = await ran(folder, ALLOW + NO_PERSONS)
    assert (first.outcome, first.about["personal_data"]) == ("denied", ["email"])
    report = diff(tmp_path, ALLOW)
    (change,) = report["changes"]
    assert (change["before"], change["after"]) == ("deny", "allow")
    assert diff(tmp_path, ALLOW + NO_PERSONS)["changed"] == 0
    same = replay(tmp_path, ALLOW + NO_PERSONS, "--exit-code")
    assert (same.exit_code, "would be" in same.stdout) == (0, False)


async def test_what_is_not_on_record_as_it_came_is_set_aside(tmp_path: Path, folder: Path) -> None:
    first, _ = await ran(folder, ALLOW + NOT_LARGE.replace("150", "10"))
    assert first.outcome == "denied"
    report = diff(tmp_path, ALLOW + NO_PERSONS)
    assert report["aside"] == {"unseen": 2}
    said = replay(tmp_path, ALLOW + NO_PERSONS)
    assert (
        "not judged again: whether personal data was in the result is not on record" in said.stdout
    )


async def test_results_are_read_only_where_that_is_asked_for(folder: Path) -> None:
    await ran(folder, ALLOW + NO_PERSONS)
    session_folder = next(Path(places().sessions).glob("*/*"))
    tools = {
        how: [one.tool for one in recorded(str(session_folder), how)]
        for how in ("none", "spoken", "all")
    }
    call, result = "workspace.read", "workspace.read (result)"
    assert tools["none"] == [call, call]
    assert sorted(tools["spoken"]) == [call, call, result]
    assert sorted(tools["all"]) == [call, call, result, result]
