"""What a check of a value against a schema may cost, and that it ends."""

import time
from typing import Any

import pytest

from devagent.host.validator import TooCostly, Validator
from tests.support.hostile_mcp_schemas import bomb, costly

RETRIED = {"type": "string", "pattern": r"^(a|a|a?)+(?=b)\1$"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (costly(), {"all": ["x899"] * 100_000}),
        (bomb(), {"text": "x"}),
        ({"items": RETRIED}, ["a" * 40] * 100_000),
        ({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": RETRIED}}, ["a"] * 100_000),
        ({"patternProperties": {"(?!b)a": {}}}, {f"a{n}": n for n in range(100_000)}),
        ({"pattern": "(.*a.{200}){8}c"}, "ab" * 1_000_000),
    ],
)
def test_what_would_take_too_long_to_check_is_not_begun(schema: dict[str, Any], value: Any) -> None:
    validator = Validator(schema)
    began = time.process_time()
    with pytest.raises(TooCostly):
        validator.is_valid(value)
    with pytest.raises(TooCostly):
        validator.misfits(value)
    assert time.process_time() - began < 5


def test_a_pattern_that_is_tried_again_and_again_is_given_up() -> None:
    began = time.process_time()
    assert not Validator(RETRIED).is_valid("a" * 5_000)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("value", "fits"), [({"all": ["x7"] * 200}, True), ({"all": ["y"]}, False), ([], False)]
)
def test_what_is_cheap_enough_is_checked(value: Any, fits: bool) -> None:
    assert Validator(costly()).is_valid(value) is fits
    assert (next(Validator(costly()).misfits(value), None) is None) is fits


def test_a_schema_that_leads_back_to_itself_can_be_used() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}}
    assert Validator(node).is_valid({"n": 1, "next": {"n": 2, "next": {}}})
    assert not Validator(node).is_valid({"next": {"n": "two"}})


def test_a_reference_to_elsewhere_is_not_fetched() -> None:
    with pytest.raises(ValueError, match="may not refer to"):
        Validator({"$ref": "http://127.0.0.1:9/x.json"})
