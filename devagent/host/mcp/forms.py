"""What a server asks the person, judged before the person meets it: a flat form, or a page's address.

1. A form has at most 40 fields, each a text, number, truth value, or choice, as the protocol says; nothing else.
2. It asks for no secret: a field whose name or title says that it is one refuses the form (the protocol forbids
   such forms; a page is the way).
3. A page is on http or https, https where it is not this machine, and carries no user or password.
4. All texts are cleaned and cut.
"""

import re
from typing import Any

from devagent.core.codec import well_formed_value
from devagent.core.text import one_line, visible
from devagent.host.mcp.http_config import page_host
from devagent.policy.plain import is_list, is_table

MAX_FIELDS, MAX_MESSAGE, MAX_URL, MAX_CHOICES = 40, 4_000, 2_000, 200
MAX_NAME, MAX_CHOICE = 200, 400
_SECRET = re.compile(
    r"(?i)pass.?(?:word|wd|phrase|code)|secret|api.?key|access.?key|private.?key|credential|\bpin\b|\bcvv\b"
    r"|(?:^|[_\s-])(?:token|otp)(?:$|[_\s-])"
)
_SIMPLE = frozenset({"string", "number", "integer", "boolean"})
_KEPT = ("type", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def message(text: str) -> str:
    """The server's words above a form."""
    cleaned = visible(str(well_formed_value(text)))
    return cleaned if len(cleaned) <= MAX_MESSAGE else f"{cleaned[:MAX_MESSAGE]}…"


def form(schema: Any) -> dict[str, Any]:
    """The form's schema with what counts of it. Raises ValueError for one that no person should get."""
    schema = well_formed_value(schema)
    properties = schema.get("properties") if is_table(schema) else None
    if not is_table(schema) or schema.get("type") != "object" or not is_table(properties):
        raise ValueError("it is no form")
    if len(properties) > MAX_FIELDS:
        raise ValueError(f"it has more than {MAX_FIELDS} fields")
    fields: dict[str, Any] = {}
    for name, field in properties.items():
        if not is_table(field) or not _is_plain(name) or len(name) > MAX_NAME:
            raise ValueError("it has a field that is none")
        if any(_SECRET.search(str(word)) for word in (name, field.get("title", ""))):
            raise ValueError("it asks for a secret, which forms may not")
        fields[name] = _field(field)
    given = schema.get("required", [])
    required = [name for name in given if name in fields] if is_list(given) else []
    return {
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }


def _field(field: dict[str, Any]) -> dict[str, Any]:
    kind = field.get("type", "string")
    kept = {key: field[key] for key in _KEPT if isinstance(field.get(key), str | int | float)}
    kept |= {
        key: one_line(str(field[key]), 400) for key in ("title", "description") if key in field
    }
    kept["type"] = kind
    if "default" in field:
        kept["default"] = _default(field["default"])
    if kind == "array":
        items = field.get("items")
        if not is_table(items):
            raise ValueError("it has a list without choices")
        return {**kept, "items": _choices(items) or _refuse()}
    if not isinstance(kind, str) or kind not in _SIMPLE:
        _refuse()
    return kept | _choices(field)


def _refuse() -> dict[str, Any]:
    raise ValueError("it has a field that is neither text, number, truth value nor choice")


def _choices(field: dict[str, Any]) -> dict[str, Any]:
    """What may be chosen, in the schema's own way; empty where it is free."""
    if is_list(options := field.get("enum")):
        if len(options) > MAX_CHOICES or not all(map(_is_plain, options)):
            _refuse()
        names = field.get("enumNames")
        titles = {"enumNames": [one_line(str(n)) for n in names]} if is_list(names) else {}
        return {"type": "string", "enum": options, **titles}
    for key in ("oneOf", "anyOf"):
        if is_list(options := field.get(key)):
            if len(options) > MAX_CHOICES:
                _refuse()
            return {"type": "string", key: [_choice(one) for one in options]}
    return {}


def _is_plain(text: Any) -> bool:
    """A choice is sent back as it is, so nothing in it may be hidden from whoever makes it."""
    return (
        isinstance(text, str)
        and len(text) <= MAX_CHOICE
        and visible(text) == text
        and len(text.splitlines()) <= 1
    )


def _default(value: Any) -> Any:
    """What stands in a field already."""
    for one in value if is_list(value) else [value]:
        shown = visible(one) == one and len(one) <= MAX_MESSAGE if isinstance(one, str) else False
        if not shown and not isinstance(one, (bool, int, float)):
            _refuse()
    return value


def _choice(one: Any) -> dict[str, Any]:
    if not is_table(one) or not _is_plain(one.get("const")):
        return _refuse()
    return {"const": one["const"], "title": one_line(str(one.get("title", one["const"])))}


def page(url: str) -> str:
    """The address of a page. Raises ValueError for one that is not to be opened."""
    page_host(url)
    if len(url) > MAX_URL:
        raise ValueError("it is no address")
    return url
