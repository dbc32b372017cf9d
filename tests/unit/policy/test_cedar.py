"""``policy.cedar`` in words, and ``devagent policy export --cedar``."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.core.errors import DevagentError, UsageError
from devagent.core.tools import ToolClass, ToolSpec
from devagent.core.verdicts import Effect
from devagent.policy import compile_policy, parse, request_from_json
from devagent.policy.cedar import CedarPolicies, NotExpressible, export_cedar
from devagent.policy.cedar.shapes import shape_of

Data = dict[str, Any]


def tool(name: str, properties: Data, tool_class: ToolClass = "read", **more: Any) -> ToolSpec:
    extension, _, own = name.partition(".")
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return ToolSpec(extension, own, tool_class, "", schema)


TOOLS = [
    tool("sql.query", {"sql": {"type": "string"}, "limit": {"type": "integer"}}),
    tool("git.push", {"force": {"type": "string"}}, "net"),
]


def exported(text: str, *lower: str, least: Effect = "allow") -> CedarPolicies:
    files = [parse(one, f"{n}.toml", org=n == 0) for n, one in enumerate((text, *lower))]
    return export_cedar(compile_policy(files), TOOLS, least=least)


def test_an_allow_is_a_permit_where_its_conditions_are_true() -> None:
    text = exported(
        '[[rule]]\nid = "a"\neffect = "allow"\ntools = ["sql.*"]\nwhen = { "args.limit" = { max = 5.5 } }\n'
    ).policies
    assert 'permit (principal, action in Devagent::Action::"sql.query", resource)' in text
    assert "when { ((context.args has limit) && (context.args.limit <= 5)) };" in text


def test_a_deny_is_a_forbid_unless_its_conditions_are_false() -> None:
    text = exported(
        '[[rule]]\nid = "d"\neffect = "deny"\ntools = ["git.push"]\nwhen = { "args.force" = "force" }\n'
    ).policies
    assert 'forbid (principal, action in Devagent::Action::"git.push", resource)' in text
    assert 'when { !((context.args has force) && !(context.args.force == "force")) };' in text


def test_a_condition_on_an_argument_that_a_tool_does_not_have_never_permits() -> None:
    text = exported('[[rule]]\nid = "a"\neffect = "allow"\nwhen = { "args.sql" = "x" }\n').policies
    assert "git.push" not in text


def test_an_ask_is_a_forbid_or_a_permit_by_what_is_asked_of_cedar() -> None:
    rule = '[[rule]]\nid = "a"\neffect = "ask"\n'
    assert "forbid (principal" in exported(rule).policies
    assert "permit (principal" in exported(rule, least="ask").policies
    assert "forbid (principal" not in exported(rule, least="ask").policies


def test_what_is_not_carried_over_is_named_with_its_rule_and_line() -> None:
    found = exported(
        '[[rule]]\nid = "m"\neffect = "deny"\nwhen = { "args.sql" = { mentions = ["x"] } }\n'
        '[[rule]]\nid = "r"\neffect = "deny"\nphase = ["result"]\n'
        '[[rule]]\nid = "s"\neffect = "deny"\nmode = "shadow"\n'
    )
    assert [str(note) for note in found.notes] == [
        "org/#m (0.toml:1): args.sql of sql.query can only be judged more strictly",
        "org/#r (0.toml:5): it judges results, which are not exported",
        "org/#s (0.toml:9): in shadow mode: it judges nothing",
    ]
    assert [note.rule for note in found.stricter] == ["org/#m"]
    assert all(
        f"// Not carried over as it stands: {note}" in found.policies for note in found.notes
    )


def test_texts_of_the_policy_can_not_leave_their_annotation() -> None:
    text = exported(
        '[[rule]]\nid = "a"\neffect = "allow"\nwhy = "x\\") permit (principal, action, resource); // \\\\ \\n"\n'
    ).policies
    assert '@why("x\\") permit (principal, action, resource); // \\\\ \\u{a}")' in text
    assert len([line for line in text.splitlines() if line.startswith("permit ")]) == 1


def test_a_lower_layers_allow_permits_inside_an_envelope_alone() -> None:
    lower = 'layer = "local"\n[[rule]]\nid = "a"\neffect = "allow"\n'
    org = '[[delegate]]\nto = ["local"]\neffect = "allow"\ntools = ["git.push"]\n'
    assert "permit (" not in exported("", lower).policies
    text = exported(org, lower).policies
    assert 'permit (principal, action in Devagent::Action::"git.push", resource);' in text
    assert '@envelope("0.toml:1")' in text


@pytest.mark.parametrize(
    ("schema", "declared"),
    [
        ({"type": "string"}, "a?: String"),
        ({"type": ["integer", "null"]}, "a?: Long"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "a?: Bool"),
        ({"type": "array", "items": {"type": "string"}}, "a?: Set<String>"),
        ({"enum": ["x", "y"]}, "a?: String"),
        ({"$ref": "#/$defs/A"}, "a?: { b?: Long }"),
        ({"type": "number"}, ""),
        ({"type": ["string", "integer"]}, ""),
        ({"type": "array", "items": {"type": "object"}}, ""),
        ({"type": "object"}, ""),
        ({}, ""),
    ],
)
def test_the_schema_has_the_arguments_that_cedar_has_a_type_for(
    schema: Data, declared: str
) -> None:
    definitions = {"A": {"type": "object", "properties": {"b": {"type": "integer"}}}}
    whole = {"type": "object", "properties": {"a": schema}, "$defs": definitions}
    assert shape_of(whole).declared() == f"{{ {declared} }}"


def test_a_schema_that_refers_to_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/N"}, "n": {"type": "integer"}},
    }
    found = shape_of(
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
    )
    assert "n?: Long" in found.declared()


CALL: Data = {
    "extension": "sql", "tool": "query", "class": "read", "args": {"sql": "x", "limit": 5},
    "principal": {"user": "ana"}, "resources": ["table:dev.a", "table:dev.b"],
}  # fmt: skip


def test_a_call_is_one_request_for_each_resource() -> None:
    call = exported("").call(request_from_json(CALL))
    assert [one["resource"]["id"] for one in call.requests] == ["table:dev.a", "table:dev.b"]
    assert call.requests[0]["action"] == {"type": "Devagent::Action", "id": "sql.query"}
    assert call.requests[0]["context"]["args"] == {"sql": "x", "limit": 5}


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "odd"},
        {"class": "exec"},
        {"phase": "result"},
        {"args": {"sql": 5}},
        {"args": {"sql": "x", "limit": 2**70}},
        {"args": {"sql": "x", "limit": True}},
        {"context": {"mode": ["run"]}},
        {"context": {"taint": [1]}},
    ],
)
def test_a_call_that_has_no_place_in_the_schema_is_refused(change: Data) -> None:
    with pytest.raises(ValueError, match=r"type|tools|class|results|texts|labels") as refused:
        exported("").call(request_from_json({**CALL, **change}))
    assert isinstance(refused.value, NotExpressible) or "labels" in str(refused.value)


# --- the command ---


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, ["export", *arguments], catch_exceptions=False)


@pytest.fixture
def org(tmp_path: Path) -> str:
    file = tmp_path / "org.toml"
    file.write_text(
        '[groups]\neng = ["user:ana"]\n[[rule]]\nid = "m"\neffect = "deny"\nprincipals = ["group:eng"]\n'
        'tools = ["git.commit"]\nwhen = { "args.message" = { mentions = ["x"] } }\n',
        encoding="utf-8",
    )
    return str(file)


def test_the_set_goes_to_standard_output_and_the_rest_beside(org: str, tmp_path: Path) -> None:
    schema, entities = tmp_path / "s.cedarschema", tmp_path / "e.json"
    result = run("--cedar", "--policy", org, "--schema", str(schema), "--entities", str(entities))
    assert 'forbid (principal, action in Devagent::Action::"git.commit", resource)' in result.stdout
    assert "args.message of git.commit can only be judged more strictly" in result.stderr
    assert 'action "sql.query" in ["tools", "class:read"]' in schema.read_text(encoding="utf-8")
    assert {one["uid"]["id"] for one in json.loads(entities.read_text(encoding="utf-8"))} == {
        "eng",
        "ana",
    }


def test_exact_refuses_what_can_only_be_said_more_strictly(org: str) -> None:
    with pytest.raises(DevagentError, match="only be exported more strictly"):
        run("--cedar", "--policy", org, "--exact")


def test_a_file_that_can_not_be_written_is_said(org: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        run("--cedar", "--policy", org, "--schema", str(tmp_path / "none" / "s"))


def test_the_language_has_to_be_named(org: str) -> None:
    result = run("--policy", org)
    assert result.exit_code == 2
    assert "--cedar" in result.output
