"""Each of our extensions keeps its word: manifest, recorded schemas and functions agree, and its tools load light."""

import inspect
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

EXTENSIONS = Path(__file__).parents[2] / "extensions"
MEAN_SIZE = {"git": 385, "workspace": 410, "sql": 410, "docs": 290, "tickets": 385}
"""Bytes that a tool takes in a request, at the most, in the mean."""
HEAVY = (
    "mcp", "pydantic", "asyncio", "anyio", "jsonschema", "git", "tree_sitter", "sqlglot", "psycopg", "duckdb", "tantivy",
    "httpx2", "httpx", "numpy",
)  # fmt: skip
USED_AT_ONCE = {"tickets": {"asyncio"}}
"""By tools that are coroutines."""
NAMES = sorted(MEAN_SIZE)
WORDS: dict[Any, str] = {
    str: "string", int: "integer", bool: "boolean", list: "array", Sequence: "array", Mapping: "object", dict: "object",
}  # fmt: skip


def recorded(name: str) -> dict[str, dict[str, Any]]:
    return json.loads((EXTENSIONS / f"devagent_{name}/tools.json").read_text("utf-8"))


def manifest(name: str) -> dict[str, Any]:
    return tomllib.loads((EXTENSIONS / f"devagent_{name}/extension.toml").read_text("utf-8"))


TOOLS = [(name, tool) for name in NAMES for tool in recorded(name)]


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_and_the_schemas_name_the_same_tools(name: str) -> None:
    declared = manifest(name)
    package = import_module(f"devagent_{name}")
    assert list(declared["tools"]) == list(recorded(name))
    assert (declared["name"], declared["module"]) == (name, f"devagent_{name}")
    assert declared["version"] == package.__version__


@pytest.mark.parametrize(("name", "tool"), TOOLS, ids=lambda one: str(one))
def test_a_recorded_schema_is_the_functions_signature(name: str, tool: str) -> None:
    function: Callable[..., Any] = getattr(import_module(f"devagent_{name}.tools"), tool)
    hints = get_type_hints(function)
    here, *parameters = inspect.signature(function).parameters.values()
    schema = recorded(name)[tool]["input_schema"]
    assert here.name == "here"
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert [one.name for one in parameters] == list(schema["properties"])
    required = [one.name for one in parameters if one.default is inspect.Parameter.empty]
    assert required == schema.get("required", [])
    for one in parameters:
        said, hint = schema["properties"][one.name], hints[one.name]
        assert one.kind is inspect.Parameter.KEYWORD_ONLY
        if get_origin(hint) is Literal:
            assert (said["type"], said["enum"]) == ("string", list(get_args(hint)))
        else:
            assert said["type"] == WORDS[get_origin(hint) or hint]
        if one.default is not inspect.Parameter.empty:
            default: object = [] if one.default == () else one.default
            assert (said["default"], type(said["default"])) == (default, type(default))


@pytest.mark.parametrize("name", NAMES)
def test_the_tools_take_little_room_in_a_request(name: str) -> None:
    sizes = [
        len(json.dumps({"name": f"{name}__{tool}", **entry}, separators=(",", ":")))
        for tool, entry in recorded(name).items()
    ]
    assert sum(sizes) / len(sizes) <= MEAN_SIZE[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_tools_load_without_anything_heavy(name: str) -> None:
    heavy = [one for one in HEAVY if one not in USED_AT_ONCE.get(name, ())]
    code = f"import sys, devagent_{name}.tools; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=EXTENSIONS, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
