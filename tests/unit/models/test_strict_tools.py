"""Strict tools: what the service is told to hold strictly, and what it is not."""

from typing import Any

import pytest

from devagent.core.tools import ToolSpec
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.models.messages_body import message_body, told
from devagent.models.sampling import Sampling
from devagent.models.strict_tools import MOST_OPTIONAL, MOST_TOOLS, strict, told_strictly
from tests.support.model_client import ask


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def tool(name: str, schema: dict[str, Any]) -> ToolSpec:
    return ToolSpec("x", name, "read", name, schema)


def test_bounds_are_the_gates_matter_and_left_out() -> None:
    schema = of(
        path={"type": "string", "minLength": 1, "description": "Where."},
        n={"type": "integer", "maximum": 9},
    )
    assert strict({**schema, "required": ["path"]}) == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where."},
            "n": {"type": "integer"},
        },
        "additionalProperties": False,
        "required": ["path"],
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},  # takes anything
        of(a={"type": "object"}),
        of(a={"oneOf": [{"type": "string"}]}),
        of(a={"type": ["string", "null"]}),
        of(a={}),
        of(a=True),
        of(a={"type": "array", "items": {"not": {}}}),
        of(a={"anyOf": [{"type": "string"}, {"$ref": "#/$defs/b"}]}),
        {**of(), "patternProperties": {}},
    ],
)
def test_what_says_more_is_told_as_ever(schema: dict[str, Any]) -> None:
    assert strict(schema) is None
    (plain,) = told_strictly([tool("a", schema)], told)
    assert "strict" not in plain


def test_no_more_than_the_service_takes_and_the_first_ones_first() -> None:
    many = [tool(f"t{n}", of(a={"type": "string"}, b={"type": "string"})) for n in range(30)]
    marked = [one for one in told_strictly(many, told) if one.get("strict")]
    assert len(marked) == MOST_OPTIONAL // 2
    assert told_strictly(many, told)[:20] == told_strictly(many[:20], told)
    bare = [tool(f"t{n}", of()) for n in range(30)]
    assert sum("strict" in one for one in told_strictly(bare, told)) == MOST_TOOLS


def test_most_of_devagents_own_tools_can_be_held_strictly() -> None:
    own = [
        one
        for package in FIRST_PARTY.values()
        for one in read_manifest(package_folder(package)).tools
    ]
    assert sum(strict(one.input_schema) is not None for one in own) > len(own) // 2


def test_nothing_is_strict_and_nothing_edited_unless_the_config_asks() -> None:
    request = ask(tools=(tool("a", of()),))
    plain = message_body(request, "m", Sampling())
    assert "strict" not in plain["tools"][0]
    assert "context_management" not in plain
    asked = Sampling(features=("context_editing", "strict_tools"))
    body = message_body(request, "m", asked)
    assert body["tools"][0]["strict"] is True
    (edit,) = body["context_management"]["edits"]
    assert edit["type"] == "clear_tool_uses_20250919"
    assert asked.betas == ("context-management-2025-06-27",)


def test_the_sdk_takes_what_is_edited_and_what_is_strict() -> None:
    from anthropic.types import ToolParam
    from anthropic.types.beta import BetaContextManagementConfigParam
    from pydantic import TypeAdapter

    features = ("context_editing", "strict_tools")
    body = message_body(ask(tools=(tool("a", of()),)), "m", Sampling(features=features))
    edits = TypeAdapter(BetaContextManagementConfigParam)
    assert (
        list(edits.validate_python(body["context_management"]).get("edits", ()))
        == body["context_management"]["edits"]
    )
    assert TypeAdapter(ToolParam).validate_python(body["tools"][0]).get("strict") is True
