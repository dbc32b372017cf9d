"""What the conformance suite's fixture has: schemas, results that are always the same, resources, prompts."""

from typing import Any

from mcp.types import CallToolResult

Table = dict[str, Any]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
NO_ARGUMENTS: Table = {"type": "object", "properties": {}}
NAMED: Table = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
CONFIRMED: Table = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
}
USER: Table = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "required": ["username", "email"],
}
DEFAULTS: Table = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
}
_PLAIN = ["option1", "option2", "option3"]
_TITLED = [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]
CHOICES: Table = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _PLAIN},
        "titledSingle": {"type": "string", "oneOf": _TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _PLAIN}},
        "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    },
}
SCHEMA_2020_12: Table = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def text_block(text: str) -> Table:
    return {"type": "text", "text": text}


def image_block() -> Table:
    return {"type": "image", "data": PNG, "mimeType": "image/png"}


def embedded_block(uri: str, mime: str, text: str) -> Table:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime, "text": text}}


def result_of(*blocks: Table, failed: bool = False) -> CallToolResult:
    return CallToolResult.model_validate({"content": list(blocks), "isError": failed})


PLAIN: dict[str, CallToolResult] = {
    "test_simple_text": result_of(text_block("This is a simple text response for testing.")),
    "test_image_content": result_of(image_block()),
    "test_audio_content": result_of({"type": "audio", "data": WAV, "mimeType": "audio/wav"}),
    "test_embedded_resource": result_of(
        embedded_block(
            "test://embedded-resource", "text/plain", "This is an embedded resource content."
        )
    ),
    "test_multiple_content_types": result_of(
        text_block("Multiple content types test:"),
        image_block(),
        embedded_block(
            "test://mixed-content-resource", "application/json", '{"test":"data","value":123}'
        ),
    ),
    "test_error_handling": result_of(
        text_block("This tool intentionally returns an error for testing"), failed=True
    ),
    "json_schema_2020_12_tool": result_of(text_block("ok")),
}
"""The tools that always give the same."""


RESOURCES: dict[str, Table] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": PNG},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Watched."},
}


def _argument(name: str) -> Table:
    return {"name": name, "description": f"The argument {name}", "required": True}


PROMPTS: dict[str, list[Table]] = {
    "test_simple_prompt": [],
    "test_prompt_with_arguments": [_argument("arg1"), _argument("arg2")],
    "test_prompt_with_embedded_resource": [_argument("resourceUri")],
    "test_prompt_with_image": [],
    "test_input_required_result_prompt": [],
}
