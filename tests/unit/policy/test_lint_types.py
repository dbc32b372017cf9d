"""Arguments by their recorded schemas, and what is refused where a policy is loaded."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.core.errors import PolicyError
from devagent.policy import parse
from devagent.policy.argument_shapes import ANYTHING, Shape, argument_shape
from devagent.policy.syntax import speaks_of_arguments
from devagent.policy.tool_types import Catalogue, check_tools
from devagent.settings import places as places_module
from devagent.settings import policies as policies_module
from devagent.settings.places import places
from devagent.settings.policies import effective_policy
from tests.support.recorded_tools import TEXT, TOOLS, closed

SLIP = 'version = 1\n[[rule]]\nid = "a"\neffect = "ask"\ntools = ["vcs.push"]\nwhen = { "args.forse" = "none" }\n'
GIT = SLIP.replace("vcs.push", "git.push")
NUMBER = frozenset({"integer"})
STRING = frozenset({"string"})


@pytest.mark.parametrize(
    ("schema", "path", "expected"),
    [
        (closed({"a": TEXT}, "a"), "a", Shape(STRING)),
        (closed({"a": TEXT}), "a", Shape(STRING, optional=True)),
        (closed({"a": {**TEXT, "default": ""}}), "a", Shape(STRING)),
        (closed({"a": {"type": ["string", "null"], "default": None}}), "a", Shape(STRING, optional=True)),
        (closed({"a": {"enum": ["x", 1]}}, "a"), "a", Shape(frozenset({"string", "number"}), ("x", 1))),
        (closed({"a": {"const": True}}, "a"), "a", Shape(frozenset({"boolean"}), (True,))),
        (closed({"a": TEXT}), "b", None),
        ({"type": "object", "properties": {}}, "b", ANYTHING),
        ({"type": "object", "additionalProperties": TEXT}, "b", Shape(STRING, optional=True)),
        (closed({"a": TEXT}), "a.b", None),
        (closed({"a": {"type": "array", "items": TEXT}}, "a"), "a", Shape(STRING, many=True)),
        (closed({"a": {"type": "array", "items": TEXT, "minItems": 1}}, "a"), "a", Shape(STRING, many=True, never_empty=True)),
        (closed({"a": {"type": "array", "items": closed({"b": TEXT}, "b")}}, "a"), "a.b", Shape(STRING, many=True)),
        (closed({"a": closed({"b": {**TEXT, "default": "x"}})}), "a.b", Shape(STRING, optional=True)),
        (closed({"a": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}}, "a"), "a", Shape(STRING, many=True)),
        (closed({"a": {"anyOf": [TEXT, {"type": "integer"}]}}, "a"), "a", Shape(STRING | NUMBER)),
        ({**closed({"a": {"$ref": "#/$defs/t"}}, "a"), "$defs": {"t": {"type": "integer"}}}, "a", Shape(NUMBER)),
        ({**closed({"a": {"$ref": "#/$defs/t"}}, "a"), "$defs": {"t": {"$ref": "#/$defs/t"}}}, "a", ANYTHING),
        (closed({"a": {"$ref": "https://x.example/t"}}, "a"), "a", ANYTHING),
        (closed({"a": {"allOf": [TEXT]}}, "a"), "a", ANYTHING),
        (closed({"a": True}, "a"), "a", ANYTHING),
        ({"properties": {"a": False}}, "a", None),
    ],
)  # fmt: skip
def test_a_schema_says_what_an_argument_can_be(
    schema: dict[str, Any], path: str, expected: Shape | None
) -> None:
    assert argument_shape(schema, path.split(".")) == expected


def test_a_schema_that_names_itself_has_an_end() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#"}}}
    assert argument_shape(schema, ["a"] * 30) == ANYTHING
    assert argument_shape({"anyOf": [{"$ref": "#"}]}, ["a"]) == ANYTHING


def test_the_tools_that_patterns_mean_are_certain_where_their_extension_is_here() -> None:
    catalogue = Catalogue(TOOLS)
    names = {t.qualified for t in catalogue.meant(["vcs.*"]).tools}
    assert names == {"vcs.status", "vcs.push"}
    assert catalogue.meant(["vcs.*", "db.query"]).certain
    for patterns in (None, ["**"], ["*.push"], ["vcs.push", "crm.find"], ["v*.push"]):
        assert not catalogue.meant(patterns).certain


def test_a_slip_is_refused_with_its_place_and_the_nearest_name() -> None:
    file = parse(SLIP, "a.toml")
    with pytest.raises(PolicyError, match=r'a.toml:6:10: vcs.push has no argument "forse"') as caught:  # fmt: skip
        check_tools(file, TOOLS, SLIP)
    assert caught.value.hint == 'Did you mean "args.force"?'
    with pytest.raises(PolicyError, match=r"a.toml:2: "):
        check_tools(file, TOOLS)
    check_tools(file, ())
    envelope = 'layer = "org"\n[[delegate]]\nto = ["team"]\neffect = "ask"\ntools = ["vcs.*"]\nwhen = { "args.forse" = "x" }\n'  # fmt: skip
    with pytest.raises(PolicyError, match=r"o.toml:6:10: none of the tools named here"):
        check_tools(parse(envelope, "o.toml", org=True), TOOLS, envelope)


def test_a_file_without_conditions_on_arguments_asks_for_no_tools(tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text('[[rule]]\nid = "a"\neffect = "ask"\nwhen = { mode = "run" }\n')
    assert not speaks_of_arguments(parse(plain.read_bytes(), "plain.toml"))
    asked: list[str] = []

    def tools() -> tuple[Any, ...]:
        asked.append("tools")
        return TOOLS

    effective_policy(places(), narrowing=[str(plain)], tools=tools)
    assert asked == []


@pytest.fixture
def slip(tmp_path: Path) -> str:
    file = tmp_path / "slip.toml"
    file.write_text(SLIP, encoding="utf-8")
    return str(file)


def test_a_lower_file_with_a_slip_is_refused(slip: str) -> None:
    for where in ({"local_file": slip}, {"narrowing": [slip]}):
        with pytest.raises(PolicyError, match=r"slip.toml:6:10: vcs.push has no argument"):
            effective_policy(places(), **where, tools=lambda: TOOLS)  # pyright: ignore[reportArgumentType]
        effective_policy(places(), **where, tools=lambda: ())  # pyright: ignore[reportArgumentType]
        effective_policy(places(), **where)  # pyright: ignore[reportArgumentType]


def test_an_organisations_file_with_a_slip_locks(
    tmp_path: Path, slip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = effective_policy(places(), org_file=slip, tools=lambda: TOOLS)
    assert 'vcs.push has no argument "forse"' in locked.locked
    assert locked.compiled.layers[0].file.name == "locked"
    assert not effective_policy(places(), org_file=slip, tools=lambda: ()).locked
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(tmp_path / "gone"))
    assert policies_module.org_file() == str(tmp_path / "gone" / "policy.toml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize(
    "command",
    [
        ["check", '{"extension": "git", "tool": "status"}'],
        ["explain", "odd.tool"],
        ["show"],
    ],
)
def test_the_commands_that_judge_by_a_file_refuse_its_slips(
    command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "git.toml"
    file.write_text(GIT, encoding="utf-8")
    with pytest.raises(PolicyError, match=r"git.toml:6:10: git.push has no argument") as caught:
        run(command[0], "--policy", str(file), *command[1:])
    assert caught.value.exit_code == 78
    file.write_text(GIT.replace("git.push", "elsewhere.push"), encoding="utf-8")
    assert run(command[0], "--policy", str(file), *command[1:]).exit_code == 0


def test_a_policy_in_force_with_a_slip_explains_nothing() -> None:
    own = Path(places().policy)
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(GIT, encoding="utf-8")
    with pytest.raises(PolicyError, match=r"git.push has no argument"):
        run("explain", "odd.tool")
    assert json.loads(run("lint", "--format", "json").stdout)["counts"]["error"] == 1
