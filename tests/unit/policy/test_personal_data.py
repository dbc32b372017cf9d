"""Personal data in results, by its form."""

import pytest

from devagent.policy.personal_data import personal_data


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to bob@acme.example", ["email"]),
        ("bob&#64;acme.example or bob＠acme.example", ["email"]),
        ("+49 30 1234567", ["phone"]),
        ("0049 (30) 123 4567", ["phone"]),
        ("(555) 234-5678", ["phone"]),
        ("030/1234567", ["phone"]),
        ("DE44 5001 0517 5407 3249 31", ["iban"]),
        ("gb82west12345698765432 and so on", ["iban"]),
        ("NO93 8601 1117 947", ["iban"]),
        ("4111 1111 1111 1111", ["card"]),
        ("5500-0000-0000-0004", ["card"]),
        ("378282246310005", ["card"]),
        ("٤١١١ ١١١١ ١١١١ ١١١١", ["card"]),
        ("4111\u200b111111111111", ["card"]),
        ("DE44 5001 0517 5407 3249 31 4111 1111 1111 1111 +49301234567", ["card", "iban", "phone"]),
    ],
)
def test_personal_data_is_known_by_its_form(text: str, kinds: list[str]) -> None:
    assert personal_data([text]) == kinds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gb82west12345698765433",
        "xx82west12345698765432",
        "4111 1111 1111 1112",
        "1234 5678 9012 3452",
        "2026-11-20 12:30:45, 01-02-2026",
        "order 1234567890, version 1.2.3, 10.0.0.1",
        "3f2a4b5c-1111-2222-3333-444455556666",
        "@override def f(): ...",
    ],
)
def test_what_only_resembles_personal_data_is_none(text: str) -> None:
    assert personal_data([text]) == []


def test_structured_results_are_looked_through_numbers_too() -> None:
    rows = {"rows": [{"card": 4111111111111111, "ok": True}, ["bob@acme.example", None]]}
    assert personal_data(["two rows", rows]) == ["card", "email"]
