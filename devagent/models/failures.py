"""What can go wrong with the service, as one family: ``Failure``, a ModelError that knows whether
another attempt may help.

Retried: 408, 409, 429, 5xx, 529, connections that fail or break, silence. A reply that breaks the
protocol is retried too, but once (it was billed). Everything else is final. ``x-should-retry`` of
the service overrides this for a status. No text here ever holds a secret: what the service says is
cleaned by ``Redactor`` first.
"""

import re
from collections.abc import Mapping
from typing import Any

from devagent.core import codec
from devagent.core.errors import ModelError, Stop
from devagent.core.text import one_line
from devagent.models.plain import is_object

_KEY_LIKE = re.compile(r"sk-ant-[A-Za-z0-9_\-]{4,}")

_KIND_OF_STATUS = {
    400: "invalid_request",
    401: "authentication",
    402: "permission",
    403: "permission",
    404: "not_found",
    407: "permission",
    408: "timeout",
    413: "too_large",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_KIND_OF_TYPE = {
    "authentication_error": "authentication",
    "billing_error": "permission",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "request_too_large": "too_large",
    "rate_limit_error": "rate_limited",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
    "api_error": "server",
    "invalid_request_error": "invalid_request",
}
_TOO_LONG = ("prompt is too long", "context length", "context window", "context size")
"""How services say that a conversation does not fit, with a status that says nothing of it."""
_TRANSIENT = frozenset({"rate_limited", "overloaded", "server", "timeout"})
_RETRIED_STATUS = frozenset({408, 409, 429})

_HINTS = {
    "authentication": "Run `devagent auth login`, or set ANTHROPIC_API_KEY.",
    "permission": "Ask whoever manages your organisation's access to the service.",
    "not_found": "Is the model known to this service? See `model` and `base_url` in `devagent config show`.",
    "too_large": "Start a new session, or give it less to read at once.",
    "rate_limited": "Wait a little, or ask for a higher limit.",
    "overloaded": "The service is busy: try again in a few minutes.",
    "connection": "Check the network, the proxy and `base_url`.",
    "stalled": "Try again; `stall_s` in the config sets how long silence is borne.",
}


class Failure(ModelError):
    """One attempt failed. ``again``: whether another attempt may help."""

    def __init__(
        self,
        what: str,
        *,
        kind: str,
        again: bool,
        status: int = 0,
        retry_after_s: float | None = None,
        request_id: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(
            what,
            kind=kind,
            status=status,
            retry_after_s=retry_after_s,
            request_id=request_id,
            hint=hint or _HINTS.get(kind, ""),
        )
        self.again = again

    def final(self, why: str = "") -> "Failure":
        """The same failure with no further attempt; ``why`` says why not."""
        return type(self)(
            f"{self.what} ({why})" if why else self.what,
            kind=self.kind,
            again=False,
            status=self.status,
            retry_after_s=self.retry_after_s,
            request_id=self.request_id,
            hint=self.hint,
        )


class Unusable(Failure):
    """What the config names to reach the service with cannot be used: no attempt will be another's luck."""

    exit_code = 78
    stop: Stop = "config"


class Redactor:
    """Takes the secrets that were sent out of what comes back."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret for secret in secrets if secret]

    def add(self, secret: str) -> None:
        """Another secret that goes out from now on."""
        if secret and secret not in self._secrets:
            self._secrets.append(secret)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        return _KEY_LIKE.sub("[hidden]", text)


def disconnected(what: str, **more: Any) -> Failure:
    """The connection could not be made or broke."""
    return Failure(what, kind="connection", again=True, **more)


def stalled(silent_s: float) -> Failure:
    """The service said nothing for too long."""
    return Failure(f"The model service was silent for {silent_s:.3g} s", kind="stalled", again=True)


def protocol(what: str, **more: Any) -> Failure:
    """The service answered, but not as the Messages API."""
    return Failure(what, kind="protocol", again=True, **more)


def from_event(error: object, redact: Redactor, request_id: str) -> Failure:
    """The failure that an ``error`` event inside a stream tells."""
    kind_name, message = _type_and_message(error)
    kind = _KIND_OF_TYPE.get(kind_name, "server")
    return Failure(
        f"The model service broke off its reply ({kind_name or 'error'}): {one_line(redact(message))}",
        kind=kind,
        again=kind in _TRANSIENT,
        request_id=request_id,
    )


def from_response(
    status: int, headers: Mapping[str, str], body: bytes, redact: Redactor, now: float
) -> Failure:
    """The failure that a response other than 200 tells. ``now`` is Unix time, for a Retry-After date."""
    if status < 300:
        return protocol(f"The model service answered {status}, where 200 was due", status=status)
    try:
        answer = codec.parse(body)
    except (ValueError, RecursionError):
        answer = None  # a proxy's page: its text is of no use to the person
    error = answer.get("error") if is_object(answer) else None
    kind_name, message = _type_and_message(error)
    message = one_line(redact(message), 300)
    kind = _KIND_OF_STATUS.get(status) or ("server" if status >= 500 else "invalid_request")
    if status == 409:
        kind = "server"
    if status in (400, 422) and any(sign in message.lower() for sign in _TOO_LONG):
        kind = "too_large"
    hint = ""
    if 300 <= status < 400:
        message = message or "it redirects, and a key is not sent after a redirect"
        hint = "Set `base_url` to the service's own address."
    elif status == 407:
        message = message or "the proxy asks for a user name and password"
        hint = "Put them into the proxy's URL: http://user:password@proxy:port."
    again = status in _RETRIED_STATUS or status >= 500
    said = headers.get("x-should-retry")
    if said in ("true", "false"):
        again = said == "true"
    name = f"{status} {kind_name}".strip()
    return Failure(
        f"The model service answered {name}" + (f": {message}" if message else ""),
        kind=kind,
        again=again,
        status=status,
        retry_after_s=retry_after(headers, now),
        request_id=one_line(redact(request_id_of(headers)), 80),
        hint=hint,
    )


_REQUEST_IDS = ("request-id", "x-request-id", "x-amzn-requestid", "apim-request-id")


def request_id_of(headers: Mapping[str, str]) -> str:
    """The id under which the service, or the gateway before it, knows the request."""
    for name in _REQUEST_IDS:
        if found := headers.get(name):
            return found
    return ""


def _type_and_message(error: object) -> tuple[str, str]:
    if not is_object(error):
        return "", ""
    kind, message = error.get("type"), error.get("message")
    return (
        one_line(kind, 60) if isinstance(kind, str) else "",
        codec.well_formed(message) if isinstance(message, str) else "",
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the service asks to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as
    a date (judged by the service's own clock where it sends one). None where it says nothing usable.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    at = _unix_time(headers.get("retry-after", ""))
    if at is None:
        return None
    sent = _unix_time(headers.get("date", ""))
    return max(0.0, at - (now if sent is None else sent))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT")


def _unix_time(date: str) -> float | None:
    """An IMF-fixdate (RFC 9110, 5.6.7); the obsolete forms are not sent by this service.

    By hand, because ``email.utils`` and ``time.strptime`` cost more to import than this whole module.
    """
    found = _DATE.fullmatch(date.strip())
    if found is None or found[2] not in _MONTHS:
        return None
    day, year = int(found[1]), int(found[3])
    month = _MONTHS.index(found[2]) + 1
    shifted = year - (month < 3)  # years that begin in March, so that a leap day is the last
    days = (
        365 * shifted
        + shifted // 4
        - shifted // 100
        + shifted // 400
        + (153 * (month + (9 if month < 3 else -3)) + 2) // 5
        + day
        - 719_469
    )
    return days * 86_400.0 + int(found[4]) * 3600 + int(found[5]) * 60 + int(found[6])
