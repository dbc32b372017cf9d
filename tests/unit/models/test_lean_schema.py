"""What the model is told of a schema: all of it but what the house does anyway."""

import copy
from typing import Any

from devagent.models.lean_schema import lean

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "default": ""},
        "ref": {"type": "string", "default": "HEAD"},
        "all": {"type": "boolean", "default": False},
        "ff": {"type": "boolean", "default": True},
        "skip": {"type": "integer", "default": 0, "minimum": 0},
        "names": {"type": "array", "items": {"type": "string", "default": ""}, "default": []},
        "nothing": {"type": ["string", "null"], "default": None},
        "default": {"type": "string", "enum": ["", "additionalProperties"]},
        "additionalProperties": {"type": "boolean"},
        "nested": {"type": "object", "properties": {}, "additionalProperties": False},
        "open": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
        "either": {"anyOf": [{"type": "string", "default": ""}, {"type": "integer"}]},
    },
    "required": ["path"],
    "additionalProperties": False,
}


def test_only_defaults_that_are_nothing_and_closed_objects_are_left_out() -> None:
    before = copy.deepcopy(SCHEMA)
    assert lean(SCHEMA) == {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "ref": {"type": "string", "default": "HEAD"},
            "all": {"type": "boolean"},
            "ff": {"type": "boolean", "default": True},
            "skip": {"type": "integer", "minimum": 0},
            "names": {"type": "array", "items": {"type": "string"}},
            "nothing": {"type": ["string", "null"], "default": None},
            "default": {"type": "string", "enum": ["", "additionalProperties"]},
            "additionalProperties": {"type": "boolean"},
            "nested": {"type": "object", "properties": {}},
            "open": {"type": "object", "additionalProperties": {"type": "string"}},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        },
        "required": ["path"],
    }
    assert before == SCHEMA
