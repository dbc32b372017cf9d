"""``policy diff``, ``suggest`` and ``explain`` on recorded sessions, as a person runs them."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from devagent.audit.layout import EVENTS
from devagent.cli.demo import company, demo
from devagent.cli.policy import policy
from devagent.cli.session import session
from devagent.core.errors import LogError, PolicyError, UsageError
from devagent.policy import parse
from devagent.settings.places import places
from tests.support.recorded_calls import (
    NOVEMBER,
    Call,
    policy_of,
    request_of,
    write_of,
    write_session,
)

ACME = """version = 1
name = "acme"
default = "ask"
[[delegate]]
to = ["local"]
effect = "allow"
[[rule]]
id = "sources"
effect = "allow"
tools = ["workspace.write"]
resources = ["path:src/**"]
[[rule]]
id = "no-env"
effect = "deny"
resources = ["path:**/.env"]
why = "Keys are not for an agent"
grant = "Use the keyring"
"""
SHADOW = """[[rule]]
id = "no-generated"
effect = "deny"
mode = "shadow"
resources = ["path:src/gen/**"]
"""
HOSTILE = "path:src/<script>alert(1)</script>\u202e"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(
        policy, list(arguments), catch_exceptions=False, standalone_mode=False
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Acme's policy, and a candidate that lets less be written."""
    acme, candidate = tmp_path / "acme.toml", tmp_path / "candidate.toml"
    acme.write_text(ACME, encoding="utf-8")
    candidate.write_text(ACME.replace("path:src/**", "path:src/lib/**"), encoding="utf-8")
    return str(acme), str(candidate)


@pytest.fixture
def recorded_session() -> str:
    calls = [
        Call(write_of("src/lib/a.py")),
        Call(write_of("src/gen/b.py")),
        Call(write_of("src/.env")),
        Call(write_of("notes.md"), "yes"),
        Call(write_of("notes.md"), "yes"),
        Call(request_of("workspace.write", HOSTILE)),
    ]
    return write_session(places().sessions, policy_of(ACME + SHADOW), calls)


def test_a_replay_tells_what_changes_by_principal_and_tool(
    files: tuple[str, str], recorded_session: str
) -> None:
    result = run("diff", "--replay", "all", "--policy", files[1])
    lines = result.stdout.splitlines()
    assert lines[0] == f"Recorded answers → {files[1]}: 1 session"
    assert lines[1] == "  6 judged, 4 the same (1 by other rules), 2 changed"
    assert "  -       2  allow → ask    ana  workspace.write  2026-11-18" in lines
    sid = Path(recorded_session).name
    assert any(re.fullmatch(rf" +{sid}:\d+  path:src/gen/b.py", line) for line in lines)
    assert "               was: org/acme#sources" in lines
    assert "\u202e" not in result.stdout
    assert result.return_value == 0
    assert run("diff", "--replay", "all", "--policy", files[1], "--exit-code").return_value == 1
    assert run("diff", "--replay", "all", "--policy", files[0], "--exit-code").return_value == 0


def test_a_replay_in_json_is_one_object_with_every_count(
    files: tuple[str, str], recorded_session: str
) -> None:
    told = json.loads(run("diff", "--replay", recorded_session, "--policy", files[1], "--format", "json", "--examples", "1").stdout)  # fmt: skip
    assert (told["judged"], told["same"], told["changed"]) == (6, 4, 2)
    assert (told["sessions"], told["unreadable"], told["aside"]) == (1, [], {})
    (change,) = told["changes"]
    assert (change["principal"], change["count"], len(change["examples"])) == ("ana", 2, 1)
    assert change["examples"][0]["rules_before"] == ["org/acme#sources"]


@pytest.mark.usefixtures("recorded_session")
def test_the_page_stands_alone_and_escapes_what_was_recorded(files: tuple[str, str]) -> None:
    html = run("diff", "--replay", "last", "--policy", files[1], "--format", "html").stdout
    assert html.startswith("<!doctype html>")
    assert html.endswith("</html>\n")
    assert "<script" not in html
    assert "path:src/&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\u202e" not in html
    assert not re.search(r"https?:|src=|href=|@import|url\(", html)
    assert "default-src 'none'" in html
    assert "prefers-color-scheme: dark" in html


def test_two_policies_are_compared_on_the_sessions_and_on_the_rules_examples(
    files: tuple[str, str], recorded_session: str
) -> None:
    acme = Path(files[0])
    acme.write_text(ACME + 'examples = [{ extension = "workspace", tool = "write", class = "write", resources = ["path:src/x/.env"], expect = "deny" }]\n', encoding="utf-8")  # fmt: skip
    only = run("diff", "--from", files[0], "--to", files[1], "--replay", recorded_session, "--format", "json")  # fmt: skip
    both = run("diff", "--from", files[0], "--to", files[1], "--format", "json")
    assert (json.loads(only.stdout)["judged"], json.loads(both.stdout)["judged"]) == (6, 7)
    assert json.loads(both.stdout)["changed"] == 2


@pytest.mark.usefixtures("recorded_session")
def test_shadow_mode_is_summed_up_from_the_record_and_shown_with_the_session() -> None:
    told = json.loads(run("diff", "--shadow", "last", "--format", "json").stdout)
    assert [(r["rule"], r["before"], r["after"], r["count"]) for r in told["by_rule"]] == [
        ("org/acme#no-generated", "allow", "deny", 1)
    ]
    text = run("diff", "--shadow", "last").stdout
    assert (
        "  -       1  allow → deny   org/acme#no-generated  (1 principal; workspace.write)" in text
    )
    assert "would be: denied by org/acme#no-generated" in text
    shown = (
        CliRunner().invoke(session, ["show", "last", "--no-numbers"], catch_exceptions=False).stdout
    )
    line = "  · in shadow mode this would be denied by org/acme#no-generated (0.toml:"
    assert sum(one.startswith(line) for one in shown.splitlines()) == 1


def test_what_is_compared_must_be_said_and_be_there(files: tuple[str, str], tmp_path: Path) -> None:
    for wrong in (
        (),
        ("--policy", files[0]),
        ("--from", files[0]),
        ("--from", files[0], "--to", files[1], "--policy", files[0]),
        ("--shadow", "all", "--replay", "all"),
    ):
        with pytest.raises(click.UsageError):
            run("diff", *wrong)
    for missing in (str(tmp_path), str(tmp_path / "no"), "NOSUCH"):
        with pytest.raises(UsageError):
            run("diff", "--replay", missing)
    with pytest.raises(PolicyError):
        run("diff", "--replay", "all", "--policy", str(tmp_path / "none.toml"))
    assert "0 sessions" in run("diff", "--replay", "all", "--policy", files[0]).stdout


def test_a_session_that_cannot_be_read_is_told_and_keeps_no_other_out(
    files: tuple[str, str], recorded_session: str
) -> None:
    other = write_session(
        places().sessions, policy_of(ACME), [Call(write_of("src/a"))], start=NOVEMBER + 10**15
    )
    events = Path(recorded_session, EVENTS)
    events.write_bytes(events.read_bytes().replace(b'"class":"write"', b'"class":"odd"', 1))
    result = run("diff", "--replay", "all", "--policy", files[0])
    assert "1 judged" in result.stdout
    assert result.stderr.startswith(f"devagent: not read to its end: The session log is damaged: {events}")  # fmt: skip
    with pytest.raises(LogError):
        run("explain", "--event", f"{recorded_session}:3")
    assert Path(other).exists()


def test_a_session_of_the_demo_replayed_under_its_policies_changes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(demo, [], catch_exceptions=False, standalone_mode=False)
    assert result.return_value == 0
    folder = Path(company.__file__).parent
    own = ["--policy", str(folder / "acme.toml"), "--policy", str(folder / "mine.toml")]
    told = json.loads(run("diff", "--replay", "last", *own, "--format", "json").stdout)
    assert told["judged"] == told["same"] == 10
    assert (told["changed"], told["other_rules"], told["aside"]) == (0, 0, {})


# --- explain ---


def test_the_last_denial_is_explained_as_it_was_and_as_it_would_be_now(
    files: tuple[str, str], recorded_session: str
) -> None:
    write_session(places().sessions, policy_of(ACME), [Call(write_of("src/a"))], start=NOVEMBER + 10**15)  # fmt: skip
    lines = run("explain", "--last-denial", "--policy", files[0]).stdout.splitlines()
    assert lines[0].startswith("Recorded 2026-11-18 ")
    assert f"session {Path(recorded_session).name}, event " in lines[0]
    assert lines[1] == "deny workspace.write for ana"
    assert "  write path:src/.env" in lines
    assert "  deny   org/acme#no-env on path:src/.env  (0.toml:12)" in lines
    assert "To be granted: Use the keyring" in lines
    assert any(line.startswith("Policy ") for line in lines)
    assert "Judged again now: the same, deny" in lines


def test_an_event_is_named_by_session_and_number(
    files: tuple[str, str], recorded_session: str
) -> None:
    example = json.loads(run("diff", "--replay", "last", "--policy", files[1], "--format", "json").stdout)["changes"][0]["examples"][0]  # fmt: skip
    name = f"{example['session']}:{example['seq']}"
    told = run("explain", "--event", name, "--policy", files[1]).stdout
    assert "Judged again now: it differs, allow → ask" in told
    assert "would make this deny: denied by org/acme#no-generated" in told
    as_json = json.loads(run("explain", "--event", name, "--policy", files[1], "--format", "json").stdout)  # fmt: skip
    assert (as_json["decision"]["effect"], as_json["differs"]) == ("allow", True)
    assert as_json["now"]["decision"]["effect"] == "ask"
    assert as_json["shadow"]["effect"] == "deny"
    with pytest.raises(UsageError, match=r"no judged call.*\n.*are 3, 5, 7"):
        run("explain", "--event", f"{recorded_session}:0")
    for wrong in ("last", "last:", ":3", "last:x"):
        with pytest.raises(UsageError):
            run("explain", "--event", wrong)


def test_an_unanswered_or_refused_ask_counts_as_a_denial(files: tuple[str, str]) -> None:
    calls = [Call(write_of("a"), "yes"), Call(write_of("b"), "no", "unattended")]
    write_session(places().sessions, policy_of(ACME), calls)
    told = run("explain", "--last-denial", "--policy", files[0]).stdout
    assert "  write path:b" in told
    assert "Answered no by ana (unattended)" in told
    assert "Judged again now: the same, ask" in told
    policy = [line for line in told.splitlines() if line.startswith("Policy ")]
    again = run("explain", "--last-denial", "--policy", files[1]).stdout.splitlines()
    assert len([line for line in again if line.startswith("Policy ")]) == len(policy) + 1


def test_where_nothing_was_denied_that_is_said() -> None:
    with pytest.raises(UsageError, match="No recorded session has a denial"):
        run("explain", "--last-denial")


# --- suggest ---


@pytest.mark.usefixtures("recorded_session")
def test_suggestions_are_printed_as_a_policy_file_that_saves_the_asks(
    files: tuple[str, str], tmp_path: Path
) -> None:
    result = run("suggest", "--from", "all", "--policy", files[0])
    assert result.stderr == ""
    mine = tmp_path / "mine.toml"
    mine.write_text(result.stdout, encoding="utf-8")
    (rule,) = parse(result.stdout, "mine.toml").rules
    assert rule.resources == ("path:notes.md",)
    told = json.loads(run("diff", "--replay", "all", "--policy", files[0], "--policy", str(mine), "--format", "json").stdout)  # fmt: skip
    assert [(c["before"], c["after"], c["count"]) for c in told["changes"]] == [("ask", "allow", 2)]
    assert parse(run("suggest", "--from", "all", "--policy", files[0], "--min-count", "3").stdout, "x").rules == ()  # fmt: skip
    as_json = json.loads(run("suggest", "--from", "all", "--policy", files[0], "--format", "json").stdout)  # fmt: skip
    assert (as_json["rules"], as_json["asks"], as_json["saved"]) == (1, 2, 2)
    assert as_json["text"] == result.stdout
