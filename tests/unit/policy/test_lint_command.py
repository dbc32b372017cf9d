"""``devagent policy lint``: formats, exit codes, which files."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.core.errors import ConfigError, PolicyError
from devagent.policy.lint import CODES, Finding, lint
from devagent.policy.lint.sarif import sarif
from devagent.settings.places import places
from tests.support.recorded_tools import TOOLS

CLEAN = """version = 1
name = "acme"
layer = "org"
[[rule]]
id = "look"
effect = "allow"
tools = ["git.status"]
examples = [{}]
"""
WARNING = (
    CLEAN + '[[rule]]\nid = "no-push"\neffect = "deny"\ntools = ["git.push"]\nexamples = [{}]\n'
)
ERROR = CLEAN + '[[rule]]\nid = "typo"\neffect = "ask"\ntools = ["git.psuh"]\nexamples = [{}]\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, ["lint", *arguments], catch_exceptions=False)


def file(folder: Path, text: str, name: str = "acme.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "flags", "code"),
    [
        (CLEAN, (), 0),
        (CLEAN, ("--strict",), 0),
        (WARNING, (), 0),
        (WARNING, ("--strict",), 1),
        (ERROR, (), 1),
        ("rule = 3\n", (), 1),
    ],
)
def test_the_exit_code_says_whether_there_are_errors(
    tmp_path: Path, text: str, flags: tuple[str, ...], code: int
) -> None:
    assert run(file(tmp_path, text), *flags).exit_code == code


def test_each_finding_is_a_line_with_its_place_and_one_with_what_to_do(tmp_path: Path) -> None:
    path = file(tmp_path, ERROR)
    result = run(path)
    assert result.stdout.splitlines() == [
        f'{path}:12:10: error: git has no tool "git.psuh" [unknown-tool]',
        '    Did you mean "git.push"?',
    ]
    assert result.stderr == "1 file: 1 error.\n"


def test_json_has_the_findings_and_their_counts(tmp_path: Path) -> None:
    told = json.loads(run(file(tmp_path, WARNING), "--format", "json").stdout)
    assert told["counts"] == {"error": 0, "warning": 1, "note": 0}
    [finding] = told["findings"]
    assert finding["code"] == "no-grant"
    assert (finding["rule"], finding["line"], finding["column"]) == ("no-push", 9, 1)


def test_a_file_that_cannot_be_read_is_an_error_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"missing.toml: cannot be read") as caught:
        run(str(tmp_path / "missing.toml"))
    assert caught.value.exit_code == 78
    assert run("--format", "yaml").exit_code == 2


def test_without_a_file_those_in_force_are_looked_at_even_where_they_are_broken() -> None:
    assert run().exit_code == 0
    own = Path(places().policy)
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("nmae = 1\n", encoding="utf-8")
    result = run()
    assert result.exit_code == 1
    assert f'{own}:1:1: error: a policy file has no key "nmae" [refused]' in result.stdout
    own.write_text('[[rule]]\nid = "x"\neffect = "ask"\ntools = ["git.psuh"]\n', encoding="utf-8")
    assert "unknown-tool" in run().stdout


def test_recorded_tools_of_other_extensions_are_typed_too(tmp_path: Path) -> None:
    text = CLEAN.replace("git.status", "crm.find") + 'when = { "args.nme" = "x" }\n'
    tools = [{"extension": "crm", "name": "find", "class": "read", "input_schema": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}}]  # fmt: skip
    recorded = file(tmp_path, json.dumps(tools), "tools.json")
    result = run(file(tmp_path, text), "--tools", recorded)
    assert 'error: crm.find has no argument "nme" [unknown-argument]' in result.stdout
    with pytest.raises(ConfigError):
        run(file(tmp_path, text), "--tools", file(tmp_path, "{", "broken.json"))


def test_what_is_shown_has_no_control_characters(tmp_path: Path) -> None:
    path = file(tmp_path, 'layer = "org"\n[[rule]]\nid = "x"\neffect = "deny"\n"\\u001b[2J" = 1\n')
    assert "\x1b" not in run(path).stdout


# --- SARIF 2.1.0: what the standard requires of the parts that are written ---


def log_of(findings: list[Finding]) -> dict[str, Any]:
    return json.loads(json.dumps(sarif(findings, "1.2.3")))


def test_sarif_has_what_the_standard_requires(tmp_path: Path) -> None:
    path = file(tmp_path, ERROR)
    log = json.loads(run(path, "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"  # 3.13.2
    assert log["$schema"].endswith("sarif-2.1.0.json")
    [one_run] = log["runs"]  # 3.13.4
    driver = one_run["tool"]["driver"]  # 3.14.6, 3.18.2
    assert driver["name"]
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)  # 3.49.3, unique
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert {rule["defaultConfiguration"]["level"] for rule in driver["rules"]} <= {"error", "warning", "note"}  # 3.50.3  # fmt: skip
    [result] = one_run["results"]
    assert (
        driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "unknown-tool"
    )  # 3.27.6
    assert result["level"] == "error"
    assert result["message"]["text"] == 'git has no tool "git.psuh". Did you mean "git.push"?'
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"file://{path}"  # 3.4.3: a URI reference
    assert place["region"] == {"startLine": 12, "startColumn": 10}  # 3.30.5: from 1


def test_sarif_names_files_as_uris_and_keeps_a_finding_the_same_while_lines_move() -> None:
    text = 'layer = "org"\n[[rule]]\nid = "x"\neffect = "deny"\nexamples = [{}]\n'
    before = log_of(lint([("my policies/a#b.toml", text.encode())], TOOLS, "2026-11-20"))
    after = log_of(lint([("my policies/a#b.toml", b"\n\n" + text.encode())], TOOLS, "2026-11-20"))
    one, other = before["runs"][0]["results"][0], after["runs"][0]["results"][0]
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20policies/a%23b.toml"
    assert one["partialFingerprints"] == other["partialFingerprints"]
    assert one["locations"] != other["locations"]
    assert log_of([])["runs"][0]["results"] == []
