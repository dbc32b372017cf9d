"""OpenAPI and Swagger descriptions (JSON, or YAML where PyYAML is installed): a section for each operation."""

import json
from collections.abc import Iterator
from typing import Any

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, Unreadable

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def looks_like(beginning: bytes) -> bool:
    """Whether a JSON or YAML file names the version of OpenAPI or Swagger near its beginning."""
    head = beginning[:4096].lstrip()
    return any(
        mark in head for mark in (b'"openapi"', b"openapi:", b'"swagger"', b"swagger:")
    ) and head[:1] in (b"{", b"o", b"s", b"#", b"'", b'"', b"-", b"i")


def read(data: bytes, path: str) -> Document:
    """The description. YAML has no line of a section here. Raises Unreadable."""
    text = decoded(data)
    spec = _json(text) if text.lstrip().startswith("{") else _yaml(text)
    try:
        return _document(spec, text, path)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable("it is no OpenAPI description") from error


def _document(spec: dict[str, Any], text: str, path: str) -> Document:
    info: dict[str, Any] = spec.get("info", {})
    builder = Builder(str(info.get("title", "")))
    builder.heading(1, builder.title or path, 1)
    builder.text(str(info.get("description", "")), 1)
    lines = _Lines(text)
    for route, item in spec.get("paths", {}).items():
        for method in _METHODS:
            if isinstance(operation := item.get(method), dict):
                _operation(builder, method, str(route), operation, item, lines.of(str(route)))  # pyright: ignore[reportUnknownArgumentType]
    schemas: dict[str, Any] = spec.get("components", {}).get("schemas", {}) or spec.get(
        "definitions", {}
    )
    for name, schema in schemas.items():
        line = lines.of(name)
        builder.heading(2, name, line, anchor=f"schema-{name}", symbols=(name,))
        builder.text(str(schema.get("description", "")), line)
        for one in _properties(schema):
            builder.text(one, line)
    return builder.document(path, version=str(info.get("version", "")))


def _operation(
    builder: Builder,
    method: str,
    route: str,
    operation: dict[str, Any],
    item: dict[str, Any],
    line: int,
) -> None:
    name = str(operation.get("operationId", ""))
    heading = f"{method.upper()} {route}"
    builder.heading(
        2, heading, line, anchor=name or "", symbols=[one for one in (name, route) if one]
    )
    builder.text(str(operation.get("summary", "")), line)
    builder.text(str(operation.get("description", "")), line)
    for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
        if "name" in parameter:
            required = ", required" if parameter.get("required") else ""
            about = parameter.get("description", "")
            builder.text(
                f"{parameter['name']} ({parameter.get('in', '')}{required}): {about}", line
            )
    for media in operation.get("requestBody", {}).get("content", {}).values():
        for one in _properties(media.get("schema", {})):
            builder.text(one, line)
    for status, response in operation.get("responses", {}).items():
        builder.text(f"{status}: {response.get('description', '')}", line)


def _properties(schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        yield str(schema["$ref"]).rpartition("/")[2]
    for name, inner in schema.get("properties", {}).items():
        kind = inner.get("type", "") or str(inner.get("$ref", "")).rpartition("/")[2]
        yield f"{name} ({kind}): {inner.get('description', '')}"
    if "enum" in schema:
        yield f"one of: {', '.join(map(str, schema['enum']))}"


class _Lines:
    """Where a key stands first, found in the order of the text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, key: str) -> int:
        """The line of the first ``"key":``, 1 where there is none."""
        for form in (f'"{key}"', f"{key}:", f"'{key}'"):
            at = self._text.find(form)
            if at >= 0:
                return self._text.count("\n", 0, at) + 1
        return 1


def _json(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error


def _yaml(text: str) -> dict[str, Any]:
    try:
        import yaml  # noqa: PLC0415  # pyright: ignore[reportMissingModuleSource]  (optional)
    except ImportError:
        raise Unreadable(
            "YAML needs PyYAML, which is not installed; JSON is read without"
        ) from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable("it is no YAML") from error
