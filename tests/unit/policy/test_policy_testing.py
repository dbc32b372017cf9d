"""``devagent policy test``: examples, test files, coverage, formats."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.core.errors import PolicyError
from devagent.policy import parse
from devagent.policy.cases import example_cases, parse_cases
from tests.support.recorded_tools import TOOLS

ORG = """version = 1
name = "acme"
layer = "org"
[groups]
data = ["user:ana"]
[[delegate]]
to = ["team"]
effect = "allow"
tools = ["git.fetch"]
[[rule]]
id = "read"
effect = "allow"
principals = ["group:data"]
tools = ["sql.query"]
resources = ["table:dev.**"]
when = { mode = ["run"], "args.limit" = { max = 100 }, taint_none = ["web"] }
obligations = { limit_rows = 50 }
examples = [
    { args = { source = "dev", sql = "select 1" }, resources = ["table:dev.shop.orders"], expect = "allow" },
    { args = { limit = 5 }, resources = ["table:dev.shop.orders"] },
    { args = { limit = 500 }, resources = ["table:dev.shop.orders"], expect = "deny" },
    { principal = { user = "bo" }, resources = ["table:dev.shop.orders"], expect = "deny" },
]
[[rule]]
id = "no-force"
effect = "deny"
tools = ["git.push"]
when = { "args.force" = "force" }
"""
TEAM = """version = 1
name = "web"
layer = "team"
[[rule]]
id = "fetch"
effect = "allow"
tools = ["git.fetch"]
examples = [{ expect = "allow" }]
"""
CASES = """version = 1
policies = ["acme.toml", "team.toml"]
today = 2026-11-20

[defaults]
principal = { user = "ana" }
context = { mode = "run" }
class = "read"

[[case]]
name = "ana reads"
extension = "sql"
tool = "query"
args = { limit = 5 }
resources = ["table:dev.shop.orders"]
expect = "allow"
rules = ["read", "org/acme#read"]
obligations = { limit_rows = 50 }

[[case]]
name = "nobody forces"
extension = "git"
tool = "push"
class = "net"
args = { force = "force" }
expect = "deny"
rules = ["#no-force"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("acme.toml", ORG), ("team.toml", TEAM), ("acme.test.toml", CASES)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(policy, ["test", *map(str, arguments)], catch_exceptions=False)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_examples_take_what_they_leave_out_from_their_rule(folder: Path) -> None:
    result = run(folder / "acme.toml")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "4 passed, 0 failed.",
        "1 of 2 rules met by a case (50 %).",
        f"  never met: org/acme#no-force  ({folder}/acme.toml:24)",
    ]


def test_an_example_as_a_whole_request() -> None:
    text = '[[rule]]\nid = "a"\neffect = "ask"\nprincipals = ["ci:acme/*"]\ntools = ["vcs.p*"]\nphase = ["result"]\nwhen = { mode = "run" }\nexamples = [{}, { extension = "crm", tool = "find", context = { mode = "chat", env = "x" } }]\n'  # fmt: skip
    first, second = example_cases(parse(text, "a.toml"), text, TOOLS)
    assert first.request == {
        "extension": "vcs",
        "tool": "push",
        "phase": "result",
        "principal": {"ci": "acme/x"},
        "context": {"mode": "run"},
    }
    assert (first.expect, first.line, first.name) == ("ask", 8, "a, example 1")
    assert second.request["context"] == {"mode": "chat", "env": "x"}
    assert (second.request["extension"], second.request["tool"]) == ("crm", "find")


def test_a_class_is_filled_in_only_beside_a_tool_that_is() -> None:
    text = '[[rule]]\nid = "a"\neffect = "ask"\ntools = ["crm.*"]\nclasses = ["secret"]\nexamples = [{}, { extension = "crm", tool = "find" }]\n'  # fmt: skip
    first, second = example_cases(parse(text, "a.toml"), text, TOOLS)
    assert (first.request["tool"], first.request["class"]) == ("x", "secret")
    assert "class" not in second.request


def test_a_failing_example_is_told_with_its_place_and_the_reason(folder: Path) -> None:
    change(folder / "acme.toml", 'limit = 500 }, resources = ["table:dev.shop.orders"], expect = "deny"', 'limit = 500 }, resources = ["table:dev.shop.orders"], expect = "allow"')  # fmt: skip
    result = run(folder / "acme.toml")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"FAIL  {folder}/acme.toml:21: read, example 3"
    assert lines[1].startswith("      expected allow, but it is deny: denied by the default of org/acme")  # fmt: skip
    assert lines[2] == "3 passed, 1 failed."


def test_a_test_file_runs_its_cases_and_the_examples_of_its_policies(folder: Path) -> None:
    result = run(folder / "acme.test.toml")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines() == ["7 passed, 0 failed.", "3 of 3 rules met by a case (100 %)."]  # fmt: skip
    again = run(folder / "acme.test.toml", folder / "acme.toml", folder / "team.toml")
    assert again.stdout == result.stdout


def test_a_file_named_in_two_ways_counts_once(folder: Path) -> None:
    (folder / "sub").mkdir()
    moved = CASES.replace('"acme.toml", "team.toml"', '"../acme.toml", "../sub/../team.toml"')
    (folder / "sub" / "x.test.toml").write_text(moved, encoding="utf-8")
    result = run(folder / "acme.toml", folder / "team.toml", folder / "sub" / "x.test.toml")
    assert "3 of 3 rules met" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('expect = "allow"', 'expect = "ask"', "expected ask, but it is allow: allowed by org/acme#read"),
        ("limit_rows = 50", "limit_rows = 5", "expected the obligations limit_rows = 5, but they are limit_rows = 50"),
        ('["read", "org', '["no-force", "org', "no-force does not match; these do: org/acme#read"),
        ('["read", "org', '["raed", "org', "there is no rule raed; did you mean read?"),
        ('class = "read"', 'class = "reed"', "cannot be judged"),
        ("limit = 5 }", "limit = 500 }", "expected allow, but it is deny"),
    ],
)  # fmt: skip
def test_a_case_fails_by_effect_rule_or_obligation(
    folder: Path, old: str, new: str, problem: str
) -> None:
    change(folder / "acme.test.toml", old, new)
    result = run(folder / "acme.test.toml")
    assert result.exit_code == 1
    assert f"acme.test.toml:10: ana reads\n      {problem}" in result.stdout


def test_a_lower_files_examples_stand_below_the_org_or_else_the_baseline(folder: Path) -> None:
    assert run(folder / "acme.toml", folder / "team.toml").exit_code == 0
    alone = run(folder / "team.toml")
    assert "expected allow, but it is ask: needs approval by the default of org/baseline" in alone.stdout  # fmt: skip


def test_too_little_coverage_fails(folder: Path) -> None:
    assert run(folder / "acme.toml", "--min-coverage", "50").exit_code == 0
    result = run(folder / "acme.toml", "--min-coverage", "51")
    assert result.exit_code == 1
    assert "The cases meet 50 % of the rules, fewer than 51 %." in result.stderr
    assert run(folder / "acme.toml", "--min-coverage", "101").exit_code == 2


def test_rules_in_shadow_mode_can_be_met(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('layer = "org"\n[[rule]]\nid = "a"\neffect = "allow"\ntools = ["git.status"]\nmode = "shadow"\nexamples = [{ expect = "deny" }]\n')  # fmt: skip
    assert "1 of 1 rules met" in run(file).stdout


def test_examples_of_an_expired_rule_are_judged_on_its_last_day(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('layer = "org"\n[[rule]]\nid = "a"\neffect = "allow"\ntools = ["git.status"]\nexpires = 2026-01-01\nexamples = [{}]\n')  # fmt: skip
    assert run(file, "--today", "2026-11-20").exit_code == 0
    assert run(file, "--today", "tomorrow").exit_code == 2


def test_a_result_is_kept_where_no_rule_speaks(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    rule = '[[rule]]\nid = "a"\neffect = "deny"\nphase = ["result"]\nwhen = { "context.result.bytes" = { min = 10, absent = false } }\n'  # fmt: skip
    file.write_text(
        f'layer = "org"\n{rule}examples = [{{ context = {{ result = {{ bytes = 50 }} }} }}, {{ context = {{ result = {{ bytes = 5 }} }}, expect = "allow" }}]\n'
    )
    result = run(file)
    assert result.exit_code == 0, result.stdout


def test_json_has_every_case_and_every_rule(folder: Path) -> None:
    told = json.loads(run(folder / "acme.test.toml", "--format", "json").stdout)
    assert (told["passed"], told["failed"]) == (7, 0)
    first = told["cases"][0]
    assert (first["name"], first["effect"], first["rules"]) == ("ana reads", "allow", ["org/acme#read"])  # fmt: skip
    assert first["obligations"] == {"limit_rows": 50}
    assert told["coverage"]["percent"] == 100
    assert {(r["rule"], r["cases"]) for r in told["coverage"]["rules"]} == {("org/acme#read", 3), ("org/acme#no-force", 1), ("team/web#fetch", 1)}  # fmt: skip


def test_junit_tells_failures_case_by_case(folder: Path) -> None:
    change(folder / "acme.test.toml", 'name = "ana reads"', 'name = "<ana> & \\u0007 reads"')
    change(folder / "acme.test.toml", "limit_rows = 50", "limit_rows = 5")
    result = run(folder / "acme.test.toml", "--format", "junit")
    assert result.exit_code == 1
    root = ElementTree.fromstring(result.stdout)
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "7", "1")
    suite = root[0]
    assert (suite.get("name"), suite.get("tests")) == (f"{folder}/acme.test.toml", "2")
    assert suite[0].get("name") == "<ana> & reads"
    assert "limit_rows = 50" in str(suite[0][0].get("message"))
    assert len(suite[1]) == 0


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("version = 2\n", (1, 1), "version 1"),
        ('policies = ["a.toml"]\ncases = []\n', (2, 1), 'a test file has no key "cases"'),
        ('policies = "a.toml"\n', (1, 1), "must be a list"),
        ("[[case]]\n", (1, 1), "must name the policies"),
        ('policies = ["a.toml"]\n[[case]]\nname = "x"\n', (2, 1), 'must have "expect"'),
        ('policies = ["a.toml"]\n[[case]]\nexpect = "yes"\n', (3, 1), '"yes"'),
        ('policies = ["a.toml"]\n[[case]]\nexpect = "deny"\nrule = ["x"]\n', (4, 1), 'no key "rule"'),
        ('policies = ["a.toml"]\ntoday = "2026-11-20"\n', (2, 1), "must be a date"),
        ('policies = ["a.toml"]\n[defaults]\nexpect = "deny"\n', (3, 1), "defaults has no key"),
        ('policies = ["a.toml"\n', (1, 21), "not TOML"),
    ],
)  # fmt: skip
def test_a_bad_test_file_is_refused_with_its_place(
    text: str, place: tuple[int, int], what: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_cases(text.encode(), "x.test.toml")
    assert what in caught.value.what
    assert (caught.value.line, caught.value.column) == place
    assert caught.value.exit_code == 78


def test_a_file_that_is_missing_or_no_policy_is_an_error_of_configuration(folder: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        run(folder / "none.toml")
    change(folder / "acme.test.toml", '"team.toml"', '"none.toml"')
    with pytest.raises(PolicyError, match=r"none.toml: cannot be read"):
        run(folder / "acme.test.toml")
    change(folder / "acme.toml", "args.force", "args.forse")
    with pytest.raises(PolicyError, match=r"git.push has no argument"):
        run(folder / "acme.toml")


def test_without_a_file_the_policies_in_force_are_tested() -> None:
    result = run()
    assert result.exit_code == 0
    assert re.search(r"(\d+) of \1 rules met", result.stdout)
