"""``devagent policy check`` and ``explain``."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.core.errors import PolicyError, UsageError
from devagent.core.text import visible
from tests.support import repositories

ORG = """version = 1
name = "acme"
default = { read = "ask" }
[[rule]]
id = "no-main"
effect = "deny"
tools = ["git.push"]
resources = ["branch:*/main"]
why = "main is protected"
grant = "Open a pull request"
[[rule]]
id = "small"
effect = "allow"
tools = ["db.query"]
when = { "args.limit" = { max = 10 } }
obligations = { limit_rows = 10 }
[[rule]]
id = "soon"
effect = "deny"
tools = ["db.query"]
mode = "shadow"
"""


@pytest.fixture
def org(tmp_path: Path) -> str:
    file = tmp_path / "org.toml"
    file.write_text(ORG, encoding="utf-8")
    return str(file)


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(policy, list(arguments), input=stdin, catch_exceptions=False)


def test_a_batch_is_answered_line_for_line_in_order(org: str) -> None:
    asked: list[dict[str, Any] | str] = [
        {"extension": "git", "tool": "push", "class": "net", "resources": ["branch:origin/main"]},
        "not json",
        {"extension": "db", "tool": "query", "class": "read", "args": {"limit": 5}},
        "",
        {"extension": "db", "tool": "query", "class": "read", "args": {"limit": 50}},
        {"extension": "odd", "tool": "x"},
    ]
    lines = [one if isinstance(one, str) else json.dumps(one) for one in asked]
    result = run("check", "--policy", org, "--batch", stdin="\n".join(lines))
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["effect"] for one in answers] == ["deny", "deny", "allow", "deny", "ask", "deny"]
    assert all(set(one) == {"effect", "rules", "obligations", "reason", "near"} for one in answers)
    assert answers[0]["rules"] == ["org/acme#no-main"]
    assert answers[1]["reason"].startswith("cannot be judged: ")
    assert answers[2]["obligations"] == {"limit_rows": 10}
    assert answers[4]["near"] == ["org/acme#small (args.limit must be at most 10)"]


def test_bytes_that_are_no_utf_8_are_a_deny_and_do_not_end_the_batch(org: str) -> None:
    line = (
        b'{"extension":"\xff","tool":"x"}\n'
        + b"[" * 100_000
        + b"\n"
        + b'{"extension":"a","tool":"b"}\n'
    )
    result = run("check", "--policy", org, "--batch", stdin=line)
    answers = [json.loads(one) for one in result.stdout.splitlines()]
    assert [one["effect"] for one in answers] == ["deny"] * 3
    assert "cannot be judged" in answers[1]["reason"]


def test_one_request_is_judged_from_an_argument_or_from_standard_input(org: str) -> None:
    request = json.dumps({"extension": "odd", "tool": "x", "class": "read"})
    from_argument = run("check", "--policy", org, request)
    from_stdin = run("check", "--policy", org, stdin=request)
    assert from_argument.stdout == from_stdin.stdout
    assert json.loads(from_stdin.stdout)["effect"] == "ask"


def test_a_broken_or_missing_policy_judges_nothing(org: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('[[rule]]\nid = "a"\nefect = "deny"\n', encoding="utf-8")
    with pytest.raises(PolicyError, match=r"broken.toml:3:1") as caught:
        run("check", "--policy", org, "--policy", str(broken), "--batch", stdin="{}\n")
    assert caught.value.exit_code == 78
    with pytest.raises(PolicyError, match=r"missing.toml: cannot be read"):
        run("check", "--policy", str(tmp_path / "missing.toml"), "--batch", stdin="{}\n")


def test_check_wants_to_know_the_files_and_one_source_of_requests(org: str) -> None:
    assert run("check", "--batch").exit_code == 2
    assert run("check", "--policy", org, "--batch", "{}").exit_code == 2


def test_explain_shows_the_rule_its_place_and_the_way_to_be_granted(org: str) -> None:
    result = run("explain", "git.push", "--class", "net", "--resource", "branch:origin/main", "--user", "ana", "--policy", org)  # fmt: skip
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "deny  git.push (net) for ana"
    assert lines[1] == "  denied by org/acme#no-main (org.toml:4): main is protected"
    assert f"  deny   org/acme#no-main on branch:origin/main  ({org}:4)" in lines
    assert "To be granted: Open a pull request" in lines


def test_explain_names_near_misses_obligations_and_shadow(org: str) -> None:
    far = run("explain", "db.query", "--class", "read", "--arg", "limit=50", "--policy", org)
    assert "ask  db.query" in far.stdout
    assert "         args.limit must be at most 10" in far.stdout.splitlines()
    near = run("explain", "db.query", "--class", "read", "--args", '{"limit": 5}', "--policy", org)
    assert 'Obligations: {"limit_rows":10}' in near.stdout
    assert "Rules in shadow mode would make this deny" in near.stdout


def test_explain_names_the_tool_that_was_probably_meant(org: str) -> None:
    slip = run("explain", "git.psh", "--resource", "branch:origin/x", "--policy", org)
    assert slip.stderr == (
        "devagent: git has no tool 'psh'; judged by name. Did you mean git.push?\n"
    )
    assert slip.stdout.startswith("deny  git.psh (exec) for ")
    stranger = run("explain", "db.query", "--policy", org)
    assert stranger.stderr == ""


def test_explain_names_a_rule_about_several_kinds_of_resources_once(tmp_path: Path) -> None:
    file = tmp_path / "org.toml"
    file.write_text(
        'version = 1\nname = "o"\n[[rule]]\nid = "r"\neffect = "allow"\nclasses = ["read"]\n'
        'resources = ["repo:**", "branch:**", "remote:**"]\n',
        encoding="utf-8",
    )
    told = run("explain", "a.b", "--class", "net", "--resource", "repo:.", "--policy", str(file))
    assert told.stdout.count("org/o#r") == 1


def test_explain_speaks_json(org: str) -> None:
    result = run("explain", "db.query", "--arg", "limit=5", "--policy", org, "--format", "json")
    told = json.loads(result.stdout)
    assert told["decision"]["effect"] == "allow"
    assert told["spoke"][0]["rule"] == "org/acme#small"
    assert told["spoke"][0]["line"] == 11


def test_explain_without_files_asks_the_policy_in_force() -> None:
    result = run("explain", "files.read", "--class", "read", "--resource", "path:src/a.py")
    assert result.stdout.splitlines()[0].startswith("allow  files.read (read) for ")
    assert "org/baseline#read-inside" in result.stdout


def test_what_is_left_out_of_a_first_party_call_is_computed_as_the_gate_would(
    org: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repositories.with_origin(tmp_path / "here"))
    asked = [{"extension": "git", "tool": "push"}, {"extension": "git", "tool": "status"}]
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    push, status = map(json.loads, run("check", "--policy", org, "--batch", stdin=lines).stdout.splitlines())  # fmt: skip
    assert push["rules"] == ["org/acme#no-main"]
    assert status["reason"].startswith("needs approval by the default of org/acme for read tools")
    told = run("explain", "git.push", "--policy", org).stdout
    assert "deny   org/acme#no-main on branch:origin/main" in told


def test_a_first_party_call_whose_resources_cannot_be_said_is_denied(
    org: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("check", "--policy", org, '{"extension": "git", "tool": "status"}')
    assert json.loads(answer.stdout)["effect"] == "deny"
    with pytest.raises(UsageError, match="cannot be judged"):
        run("explain", "git.status", "--policy", org)


@pytest.mark.parametrize(
    "arguments",
    [
        ["push"],
        [".push"],
        ["git.push", "--arg", "x"],
        ["git.push", "--args", "[]"],
        ["git.push", "--args", "{"],
    ],
)
def test_a_malformed_question_is_wrong_usage(arguments: list[str], org: str) -> None:
    with pytest.raises(UsageError):
        run("explain", *arguments, "--policy", org)


def test_what_is_shown_has_no_control_characters(tmp_path: Path) -> None:
    file = tmp_path / "org.toml"
    file.write_text(
        '[[rule]]\nid = "r"\neffect = "deny"\nwhy = "\\u001b[2Jgone"\n', encoding="utf-8"
    )
    result = run("explain", "a.b", "--resource", "path:\x1b[31mred", "--policy", str(file))
    assert visible(result.stdout) == result.stdout
