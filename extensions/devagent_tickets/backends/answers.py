"""What a tracker's answer says: its failure by class, when requests are taken again, and what cannot be read at all."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from msgspec import Struct

from devagent_tickets.contract import TicketsError
from devagent_tickets.settings import Tracker

LONGEST_WAIT_S = 366 * 86_400.0
"""What a server may say, at most, of when it takes requests again."""
_SAID = 4000
"""Characters of what a server says; the call shows fewer, once what must not be read is out of them."""
_MESSAGE = re.compile(r"\s+")


class Answer(Struct, frozen=True):
    """A whole answer: ``data`` is its JSON, None where it has no body."""

    status: int
    headers: Mapping[str, str]
    data: Any


def failure_of(tracker: Tracker, answer: Answer) -> TicketsError:
    """The class of a failure, and what the server says of it."""
    host, status = tracker.host, answer.status
    said = _said(answer.data)
    if is_rate_limit(answer):
        wait = retry_after(answer)
        when = "" if wait is None else f"; again {_clock(wait)}"
        return TicketsError(f"{host} takes no more requests for now{when}.", error="rate_limited")
    codes = graphql_codes(answer.data)
    if "AUTHENTICATION_ERROR" in codes or "FORBIDDEN" in codes:
        status = 401 if "AUTHENTICATION_ERROR" in codes else 403
    match status:
        case 401:
            text = f"{host} does not accept the secret {tracker.secret!r}{said}."
            return TicketsError(text, error="unauthorized")
        case 403:
            return TicketsError(f"{host} does not allow that{said}.", error="forbidden")
        case 404 | 410:
            return TicketsError(
                f"{host} has no such thing, or does not show it to you{said}.",
                error="no_such_ticket",
            )
        case 409 | 412:
            return TicketsError(
                f"{host} says that it was changed meanwhile: read it again{said}.",
                error="conflict",
            )
        case _ if status >= 500:
            return TicketsError(f"{host} failed ({status}).", error="server_error")
        case _ if 300 <= status < 400:
            return TicketsError(
                f"{host} has moved: check the url of the tracker.", error="unexpected_answer"
            )
        case _:
            return TicketsError(f"{host} did not take it ({status}){said}.", error="rejected")


def is_rate_limit(answer: Answer) -> bool:
    """429; or what GitHub (403 with the limits used up) and Linear (400, RATELIMITED) say in its place."""
    if answer.status == 429:
        return True
    if answer.status == 403:
        return answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    return answer.status == 400 and "RATELIMITED" in graphql_codes(answer.data)


def graphql_codes(data: Any) -> list[str]:
    """The codes of the errors in a GraphQL answer."""
    errors = data.get("errors") if isinstance(data, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    codes: list[str] = []
    for error in errors if isinstance(errors, list) else ():  # pyright: ignore[reportUnknownVariableType]
        extensions = error.get("extensions") if isinstance(error, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(extensions, dict):
            codes.append(str(extensions.get("code", "")))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return codes


def retry_after(answer: Answer) -> float | None:
    """Seconds until the server takes requests again, by what it says; None = it says nothing."""
    wait = _said_wait(answer.headers)
    return None if wait is None else min(max(0.0, wait), LONGEST_WAIT_S)


def _said_wait(headers: Mapping[str, str]) -> float | None:
    if said := headers.get("retry-after"):
        if said.strip().isdecimal():
            return float(said)
        try:
            return parsedate_to_datetime(said).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    for name, unit in (
        ("x-ratelimit-reset", 1.0),
        ("ratelimit-reset", 1.0),
        ("x-ratelimit-requests-reset", 1000.0),
    ):
        said = headers.get(name, "")
        remaining = headers.get(name.replace("reset", "remaining"))
        if said.isdecimal() and remaining in (None, "0"):
            return float(said) / unit - time.time()
        if said and remaining in (None, "0"):
            try:
                return datetime.fromisoformat(said).timestamp() - time.time()
            except (ValueError, OverflowError):
                return None
    return None


def unreachable(tracker: Tracker, error: Exception) -> TicketsError:
    """The failure of a connection, without what an engine says of it."""
    if isinstance(error, httpx2.TimeoutException):
        return TicketsError(f"{tracker.host} gave no answer in time.", error="timeout")
    return TicketsError(
        f"{tracker.host} cannot be reached ({type(error).__name__}).", error="unreachable"
    )


def shape(tracker: Tracker) -> TicketsError:
    """An answer that is not of the form that the vendor publishes."""
    return TicketsError(
        f"{tracker.host} answered in a form that is not known here: its interface may have changed.",
        error="unexpected_answer",
    )


def _said(data: Any) -> str:
    """What the server says of it, in short: in the fields in which these vendors say it."""
    texts: list[str] = []

    def add(value: Any) -> None:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            for one in value[:3]:  # pyright: ignore[reportUnknownVariableType]
                add(one)
        elif isinstance(value, dict):
            for key, one in list(value.items())[:4]:  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                if key not in ("extensions", "documentation_url", "typeKey", "errorCode"):
                    add(one)

    if isinstance(data, dict):
        for key in ("message", "error", "errorMessages", "errors", "error_description"):
            add(data.get(key))  # pyright: ignore[reportUnknownMemberType]
    text = _MESSAGE.sub(" ", "; ".join(one for one in texts if one)).strip()
    return f": {text[:_SAID]}" if text else ""


def _clock(seconds: float) -> str:
    return f"at {datetime.fromtimestamp(time.time() + seconds, UTC):%H:%M:%S} UTC"
