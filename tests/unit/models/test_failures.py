"""What a failing service says, and how long it is borne with."""

import calendar
import time

import pytest

from devagent.models.failures import Failure, Redactor, disconnected, from_response, retry_after
from devagent.models.patience import Patience, RetryPolicy

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def test_a_date_is_read_as_the_calendar_has_it() -> None:
    for day in range(0, 60_000, 29):
        at = day * 86_400 + 45_296
        parts = time.gmtime(at)
        assert calendar.timegm(parts) == at
        date = f"Mon, {parts.tm_mday:02} {MONTHS[parts.tm_mon - 1]} {parts.tm_year} 12:34:56 GMT"
        assert retry_after({"retry-after": date}, now=at - 30.0) == 30.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:37 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
    ],
)
def test_a_retry_after_that_says_nothing_usable_is_none(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, now=1_800_000_000.0) == seconds


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": 1}', b'{"error": {"type": 1}}', b"[" * 100_000]
)
def test_an_answer_without_a_readable_error_is_told_by_its_status(body: bytes) -> None:
    failure = from_response(502, {}, body, Redactor(), 0.0)
    assert failure.what == "The model service answered 502"
    assert (failure.kind, failure.again) == ("server", True)


def test_what_the_service_says_is_cleaned() -> None:
    body = b'{"error":{"type":"api_error","message":"a\\u001b[31m\\n' + b"x" * 5000 + b'"}}'
    failure = from_response(500, {"request-id": "req\x1b[2J1"}, body, Redactor(), 0.0)
    assert "\x1b" not in failure.what + failure.request_id
    assert len(failure.what) < 400


def test_anything_that_looks_like_a_key_is_hidden() -> None:
    assert Redactor("abc")("x abc y sk-ant-api03-Zz_9-x z") == "x [hidden] y [hidden] z"


def busy(retry_after_s: float | None = None) -> Failure:
    return Failure("Busy", kind="overloaded", again=True, retry_after_s=retry_after_s)


def test_waits_double_up_to_a_limit_less_a_chance() -> None:
    patience = Patience(1e9, RetryPolicy(first_s=1.0, longest_s=4.0))
    waits: list[float] = []
    for _ in range(4):
        waits.append(patience.wait_s(busy(), 0.0))
        patience.after(busy(), 0.0, waits[-1])
    assert waits == [1.0, 2.0, 4.0, 4.0]
    assert patience.wait_s(busy(), 1.0) == 3.0
    assert patience.wait_s(busy(9.0), 1.0) == 9.0


def test_silence_and_waits_use_patience_up() -> None:
    patience = Patience(60.0, RetryPolicy())
    assert patience.left_s is None
    assert patience.after(disconnected("Gone"), 40.0, 10.0).again
    assert patience.left_s == 10.0
    last = patience.after(disconnected("Gone"), 5.0, 6.0)
    assert not last.again
    assert "given up after 2 attempts" in last.what


def test_a_final_failure_stays_as_it_is() -> None:
    failure = Failure(
        "No", kind="authentication", again=False, status=401, request_id="r", hint="h"
    )
    told = Patience(60.0, RetryPolicy()).after(failure, 0.0, 0.0)
    assert (told.what, told.status, told.request_id, told.hint) == ("No", 401, "r", "h")
