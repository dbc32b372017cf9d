"""Canonical names: no name of a table can pass for another."""

import pytest

from devagent_sql.names import fold, matches, resource_id, segment


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("orders", "orders"),
        ("Order_Lines-2$", "Order_Lines-2$"),
        ("a.b", "a%2Eb"),
        ("a%2Eb", "a%252Eb"),
        ("a b", "a%20b"),
        ("*", "%2A"),
        ("größe", "größe"),
        ("zero\u200bwidth", "zero%E2%80%8Bwidth"),
        ("rtl\u202e", "rtl%E2%80%AE"),
        ("a:b", "a%3Ab"),
        ("", ""),
    ],
)
def test_a_segment_is_escaped_reversibly(name: str, spelled: str) -> None:
    assert segment(name) == spelled


def test_a_dotted_table_name_cannot_pass_for_schema_and_table() -> None:
    assert resource_id("table", "shop", "main", "a.b") != resource_id(
        "table", "shop", "main.a", "b"
    )
    assert not matches("table:shop.*.b", resource_id("table", "shop", "a.b"))


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("column:shop.main.customers.*", "column:shop.main.customers.email", True),
        ("column:shop.main.CUSTOMERS.Email", "column:shop.main.customers.email", True),
        ("column:shop.*.email", "column:shop.main.customers.email", False),
        ("column:shop.**.email", "column:shop.main.customers.email", True),
        ("column:**", "column:shop.main.customers.email", True),
        ("tag:pii.*", "tag:pii.email", True),
        ("tag:pii.*", "tag:pii", False),
        ("tag:p.i", "tag:pxi", False),
    ],
)
def test_a_pattern_matches_whole_segments(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def test_only_ascii_letters_fold() -> None:
    assert fold("ÄKEY\u212a") == "Äkey\u212a"
