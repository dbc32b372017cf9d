"""The JSON Schema of policy files: current, as wide as the parser, and not much wider."""

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from devagent.cli.policy import policy
from devagent.policy.editor_schema import editor_schema
from devagent.policy.plain import is_list, is_table
from tests.support.policy_cases import files, text_of
from tests.unit.policy.test_parse_errors import HEAD, RULE

ROOT = Path(__file__).parents[3]
STORED = ROOT / "docs" / "policy.schema.json"
VALIDATOR = jsonschema_rs.Draft7Validator(editor_schema())
POLICIES = sorted(
    file
    for file in [*ROOT.glob("policies/**/*.toml"), *ROOT.glob("devagent/cli/demo/*.toml")]
    if not file.name.endswith(".test.toml") and file.name != "rehearsal.toml"
)


def as_editors_see_it(value: Any) -> Any:
    """TOML's values as JSON's: a date is a text there."""
    if is_table(value):
        return {key: as_editors_see_it(one) for key, one in value.items()}
    if is_list(value):
        return [as_editors_see_it(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def misfits(text: str) -> list[str]:
    return [e.message for e in VALIDATOR.iter_errors(as_editors_see_it(tomllib.loads(text)))]


def test_the_stored_schema_is_the_one_that_the_command_prints() -> None:
    printed = CliRunner().invoke(policy, ["schema"], catch_exceptions=False).stdout
    assert json.loads(printed) == editor_schema()
    assert STORED.read_text(encoding="utf-8") == printed, (
        "run: devagent policy schema > docs/policy.schema.json"
    )


def test_the_schema_is_a_valid_one() -> None:
    assert jsonschema_rs.meta.is_valid(editor_schema())


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_every_shipped_policy_fits(file: Path) -> None:
    assert misfits(file.read_text(encoding="utf-8")) == []


@settings(max_examples=60, deadline=None)
@given(files(org=True), files(org=False))
def test_every_file_that_the_parser_accepts_fits(org: dict[str, Any], lower: dict[str, Any]) -> None:  # fmt: skip
    for file in (org, lower):
        assert misfits(text_of(file)) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD + 'nmae = "x"\n',
        "version = 2\n",
        'mode = "shadwo"\n',
        'layer = "orgs"\n',
        'layer = "team"\ndefault = "ask"\n',
        'name = "a#b"\n',
        "rule = 3\n",
        'default = "allow"\n',
        'default = { raed = "ask" }\n',
        '[groups]\neng = ["ana"]\n',
        "[models]\nallow = 3\n",
        "[budget]\nhour = { usd = 1 }\n",
        "[budget]\nday = { seconds = 1 }\n",
        "[budget.team]\nusd = 1\n",
        "[budget.turn]\nusd = -1\n",
        '[modes.approvals]\nscope = "ever"\n',
        "[lists]\nx = [[1]]\n",
        '[[rule]]\neffect = "deny"\n',
        '[[rule]]\nid = "a"\nefect = "deny"\n',
        '[[rule]]\nid = "a"\neffect = "dney"\n',
        '[[rule]]\nid = "a b"\neffect = "deny"\n',
        '[[rule]]\nid = "a"\neffect = "deny"\nobligations = {}\n',
        '[[rule]]\nid = "a"\neffect = "ask"\notherwise = "deny"\n',
        RULE + 'tools = "git.push"\n',
        RULE + 'tools = ["push"]\n',
        RULE + 'classes = ["reed"]\n',
        RULE + 'access = ["exec"]\n',
        RULE + 'phase = ["calls"]\n',
        RULE + 'resources = ["pth:src/**"]\n',
        RULE + 'resources = ["src/**"]\n',
        RULE + 'resources = ["path:"]\n',
        RULE + 'principals = ["grup:eng"]\n',
        RULE + 'otherwise = "allow"\n',
        RULE + "expires = 3\n",
        RULE + "sticky = 1\n",
        RULE + "obligations = { limit_row = 5 }\n",
        RULE + "obligations = { limit_rows = true }\n",
        RULE + "obligations = { limit_rows = -1 }\n",
        RULE + 'obligations = { mask = { "tag:x" = "hsah" } }\n',
        RULE + 'obligations = { mask = { "x" = "hash" } }\n',
        RULE + 'obligations = { filter = { "path:x" = "a" } }\n',
        RULE + 'examples = [{ expect = "yes" }]\n',
        RULE + "examples = [{ tol = 1 }]\n",
        RULE + 'when = { "arg.x" = 1 }\n',
        RULE + 'when = { "principal.usr" = "a" }\n',
        RULE + 'when = { "args.x" = { maxx = 1 } }\n',
        RULE + 'when = { "args.x" = { max = "1" } }\n',
        RULE + 'when = { "args.x" = { in = "partners" } }\n',
        RULE + 'when = { "args.x" = { any = { not = { eqq = 1 } } } }\n',
        RULE + 'when = { "args.x" = {} }\n',
        RULE + 'when = { taint_none = "web" }\n',
        '[[delegate]]\neffect = "allow"\n',
        '[[delegate]]\nto = ["org"]\neffect = "allow"\n',
        '[[delegate]]\nto = ["team"]\neffect = "allow"\nwhy = "x"\n',
    ],
)  # fmt: skip
def test_a_broken_file_does_not_fit(text: str) -> None:
    assert misfits(text) != []
