"""Arguments: completed with their schema's defaults, and misfits named for the model."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from devagent.core.ports import ToolFailure
from devagent.core.tools import ToolSpec
from devagent.host.arguments import Arguments, complete

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "branch": {"type": "string"},
        "force": {"type": "boolean", "default": False},
        "limit": {"type": "integer", "default": 20, "maximum": 100},
        "range": {
            "type": "object",
            "properties": {
                "first": {"type": "integer", "default": 1},
                "deep": {"type": "object", "properties": {"on": {"default": True}}},
            },
        },
        "filter": {"default": {}, "properties": {"kind": {"default": "all"}}},
        "anything": True,
    },
    "required": ["branch"],
    "additionalProperties": False,
}


def tool(schema: dict[str, Any] | None = None) -> ToolSpec:
    return ToolSpec("git", "push", "write", "Pushes.", schema or SCHEMA)


def test_absent_arguments_get_their_defaults() -> None:
    assert complete(SCHEMA, {"branch": "main"}) == {
        "branch": "main",
        "force": False,
        "limit": 20,
        "filter": {"kind": "all"},
    }


def test_given_arguments_stay_as_they_are_even_where_they_are_null() -> None:
    given = {"branch": None, "force": True, "limit": 0, "filter": {"kind": None}}
    assert complete(SCHEMA, given) == given


def test_defaults_are_filled_in_at_every_level_of_what_is_there() -> None:
    assert complete(SCHEMA, {"range": {"deep": {}}})["range"] == {"first": 1, "deep": {"on": True}}
    assert "range" not in complete(SCHEMA, {})


def test_neither_the_arguments_nor_the_schema_are_changed() -> None:
    given: dict[str, Any] = {"range": {}}
    out = complete(SCHEMA, given)
    out["filter"]["kind"] = "changed by the tool"
    out["range"]["first"] = 7
    assert given == {"range": {}}
    assert SCHEMA["properties"]["filter"]["default"] == {}
    assert complete(SCHEMA, {})["filter"] == {"kind": "all"}


def test_a_schema_without_properties_completes_nothing() -> None:
    assert complete({"type": "object"}, {"a": 1}) == {"a": 1}


def test_what_fits_comes_back_completed() -> None:
    assert Arguments().fit(tool(), {"branch": "main"})["limit"] == 20


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, '"branch" is a required property'),
        ({"branch": 5}, "branch: 5 is not of type"),
        ({"branch": "main", "limit": 1000}, "limit: 1000 is greater than the maximum of 100"),
        ({"branch": "main", "range": {"first": "a"}}, 'range/first: "a" is not of type'),
        ({"branch": "main", "odd": 1}, "'odd' was unexpected"),
    ],
)
def test_a_misfit_is_named_with_its_place(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ToolFailure) as raised:
        Arguments().fit(tool(), given)
    assert raised.value.error == "bad_arguments"
    assert raised.value.text.startswith("The arguments of git__push do not fit: ")
    assert expected in raised.value.text


def test_no_more_than_three_misfits_are_told() -> None:
    schema = {"properties": {name: {"type": "string"} for name in "abcde"}}
    with pytest.raises(ToolFailure) as raised:
        Arguments().fit(tool(schema), dict.fromkeys("abcde", 5))
    assert raised.value.text.count("is not of type") == 3


def test_a_misfit_does_not_quote_a_whole_file() -> None:
    with pytest.raises(ToolFailure) as raised:
        Arguments().fit(tool(), {"branch": ["x" * 100_000]})
    assert len(raised.value.text) < 1000


def test_a_schema_is_compiled_once_a_tool() -> None:
    arguments = Arguments()
    assert arguments.fit(tool(), {"branch": "a"})["branch"] == "a"
    other = ToolSpec("git", "pull", "net", "Pulls.", {"required": ["remote"]})
    with pytest.raises(ToolFailure, match="remote"):
        arguments.fit(other, {"branch": "a"})
    assert arguments.fit(tool(), {"branch": "b"})["branch"] == "b"


def at_the_top(reference: dict[str, Any]) -> dict[str, Any]:
    return reference


def inside(reference: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"branch": reference}}


@pytest.mark.parametrize("schema_with", [at_the_top, inside])
def test_a_reference_to_elsewhere_is_never_fetched(schema_with: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(ToolFailure) as raised:
            Arguments().fit(tool(schema_with({"$ref": url})), {"branch": "main"})
        with pytest.raises(BlockingIOError):
            server.accept()
    assert raised.value.error == "bad_schema"
    assert url in raised.value.text


def test_a_reference_to_a_file_is_never_read() -> None:
    with pytest.raises(ToolFailure, match="may not refer to file:///etc/passwd"):
        Arguments().fit(tool({"$ref": "file:///etc/passwd"}), {})


def test_a_reference_inside_the_schema_is_followed() -> None:
    schema = {
        "properties": {"branch": {"$ref": "#/$defs/name"}},
        "$defs": {"name": {"type": "string"}},
    }
    with pytest.raises(ToolFailure, match="branch: 5 is not of type"):
        Arguments().fit(tool(schema), {"branch": 5})


def test_a_schema_that_is_none_is_a_failure_of_the_tool() -> None:
    with pytest.raises(ToolFailure) as raised:
        Arguments().fit(tool({"type": "nope"}), {})
    assert raised.value.error == "bad_schema"
    assert "git__push" in raised.value.text


def test_arguments_too_deep_for_the_validator_are_a_misfit() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    with pytest.raises(ToolFailure) as refused:
        Arguments().fit(tool(), {"branch": deep})
    assert refused.value.error == "bad_arguments"
    assert "git__push" in refused.value.text
