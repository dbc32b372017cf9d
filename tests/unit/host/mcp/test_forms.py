"""What of a server's forms and pages comes before a person."""

from typing import Any

import pytest

from devagent.host.mcp.forms import form, page


def of(field: dict[str, Any], name: str = "colour") -> dict[str, Any]:
    return {"type": "object", "properties": {name: field}}


def test_a_form_keeps_what_counts_of_it() -> None:
    field = {
        "type": "string",
        "title": "Which\u202e colour",
        "enum": ["red", "dark blue"],
        "default": "red",
        "x-more": {"deep": [1]},
        "minLength": {"odd": 1},
    }
    assert form(of(field))["properties"]["colour"] == {
        "type": "string",
        "title": "Which colour",
        "enum": ["red", "dark blue"],
        "default": "red",
    }


@pytest.mark.parametrize(
    "field",
    [
        {"enum": ["no", "no\u200b"]},
        {"enum": ["yes\u202eon"]},
        {"enum": ["no\nallowed: yes"]},
        {"enum": ["x" * 401]},
        {"enum": [{"a": 1}]},
        {"oneOf": [{"const": "\x1b[2Jyes", "title": "no"}]},
        {"type": "array", "items": {"anyOf": [{"const": "a\u2066b"}]}},
        {"default": "\x1b]52;c;\x07"},
        {"default": {"nested": "value"}},
        {"type": "object"},
    ],
)
def test_a_form_with_something_hidden_or_odd_in_it_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="neither text, number"):
        form(of({"type": "string", **field}))


@pytest.mark.parametrize("name", ["a\u200bb", "a\nb", "n" * 201])
def test_a_field_whose_name_is_none_refuses_the_form(name: str) -> None:
    with pytest.raises(ValueError, match="a field that is none"):
        form(of({"type": "string"}, name))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\.bank.example/",
        "https://evil.example\\@bank.example/",
        "https://bank.example@evil.example/",
        "https://@evil.example/",
        "https://bank.example%2eevil.example/",
        "https://ev\u0131l.example/",
        "https://bank.example\t.evil.example/",
        "https://bank.example/a b",
        "https:///only/a/path",
        "http://bank.example/",
        "file:///etc/passwd",
        "https://bank.example/" + "x" * 2_000,
    ],
)
def test_an_address_that_a_browser_may_take_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="it is "):
        page(url)


@pytest.mark.parametrize(
    "url", ["https://Bank.example:8443/a?b=c#d", "http://127.0.0.1:9/x", "https://[2001:db8::1]/"]
)
def test_a_plain_address_is_kept_as_it_is(url: str) -> None:
    assert page(url) == url
