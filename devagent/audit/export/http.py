"""Sending to a server: one address and those below it, proxies of the environment, no redirects, secrets by handle.

A request is tried again where the server says that it could not take it now (429, 502, 503, 504) or cannot be
reached, a few times, and as the server asks within limits. What became of a request whose answer never came is not
known: whoever sends makes sure that sending it again does no harm.
"""

import gzip
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from ssl import SSLContext
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from devagent.audit.export.target import ExportError
from devagent.core.errors import UsageError
from devagent.core.text import one_line

TIMEOUT_S = 30.0
ATTEMPTS = 4
LONGEST_WAIT_S = 30.0
_FIRST_WAIT_S = 1.0
_MOST_ANSWER = 1 << 24
_AGAIN = frozenset({429, 502, 503, 504})


class Answer(Struct, frozen=True):
    status: int
    body: bytes


class Server:
    """A server below ``address``. ``headers`` hold secrets and are never told; ``tls`` gives the context, once,
    where the address is https."""

    def __init__(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        tls: Callable[[], SSLContext] | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            parts = urlsplit(address)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            parts, usable = SplitResult("", "", "", "", ""), False
        odd = " " in address or not address.isprintable()  # urlsplit overlooks some of these
        if not usable or odd or parts.query or parts.fragment:
            raise UsageError("That is no address of a server.", hint="As https://host:4318")
        if parts.username or parts.password:
            raise UsageError(
                "An address must not hold a password.",
                hint="Name where it is: --header 'Authorization=Bearer env:NAME'.",
            )
        if headers and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise UsageError(
                f"Headers with secrets are not sent to {parts.hostname} without TLS.",
                hint="Use an https address.",
            )
        self.address = address.rstrip("/")
        self._headers = dict(headers or {})
        self._wait = wait
        self._tls = tls
        # What is for this machine stays on it: a proxy would be told secrets without TLS.
        self._proxies = parts.hostname not in _LOOPBACK
        self._opener: urllib.request.OpenerDirector | None = None

    def post(
        self,
        path: str,
        data: bytes,
        content_type: str,
        *,
        headers: Mapping[str, str] | None = None,
        compressed: bool = False,
    ) -> Answer:
        """Post to a path below the address. Raises ExportError where no answer came but errors."""
        more = {"Content-Type": content_type, **(headers or {})}
        if compressed:
            data, more["Content-Encoding"] = gzip.compress(data, 5, mtime=0), "gzip"
        return self._send("POST", path, data, more)

    def get(self, path: str) -> Answer:
        """Get what is at a path below the address. Raises ExportError as ``post``."""
        return self._send("GET", path, None, {})

    def refused(self, answer: Answer, what: str) -> ExportError:
        """The error for an answer that is none to go on with."""
        said = self.told(answer.body.decode("utf-8", "replace"))
        why = {
            401: "it asks for credentials: --header 'Authorization=Bearer env:NAME'",
            403: "the credentials do not suffice",
            404: "there is no such thing at that address",
        }.get(answer.status, said)
        return ExportError(
            f"{self.address} did not take {what}: {answer.status}, {why}.",
            hint="What is not exported yet stays to be exported: run it again.",
        )

    def told(self, text: str) -> str:
        """What a server said, as a short line without the secrets that it was sent: some say headers back."""
        for value in self._headers.values():
            for secret in (value, value.rpartition(" ")[2]):
                text = text.replace(secret, "[the header's secret]")
        return one_line(text[:300])

    def _send(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        request = urllib.request.Request(  # noqa: S310  (the address is http or https)
            f"{self.address}{path}",
            data=data,
            headers={**headers, **self._headers},
            method=method,
        )
        why = ""
        for attempt in range(ATTEMPTS):
            wait_s = _FIRST_WAIT_S * 2**attempt
            try:
                with self._open(request) as answer:
                    return Answer(answer.status, answer.read(_MOST_ANSWER))
            except urllib.error.HTTPError as e:
                with e:
                    answered = Answer(e.code, e.read(_MOST_ANSWER))
                if e.code not in _AGAIN:
                    return answered
                why = f"it answered {e.code}"
                wait_s = _asked_wait_s(e.headers.get("Retry-After", ""), wait_s)
            except (OSError, HTTPException) as e:
                why = self.told(str(getattr(e, "reason", "") or e or type(e).__name__))
            except (
                ValueError
            ) as e:  # a name or a proxy that is none; its text may hold the proxy's password
                raise ExportError(
                    f"{self.address} cannot be reached: the host's name, or the proxy that the environment names, is none.",
                    hint="Look at the address and at HTTPS_PROXY.",
                ) from e
            if attempt + 1 < ATTEMPTS:
                self._wait(min(wait_s, LONGEST_WAIT_S))
        raise ExportError(
            f"{self.address} cannot be reached, or does not answer: {why}.",
            hint="What is not exported yet stays to be exported: run it again.",
        )

    def _open(self, request: urllib.request.Request):
        if self._opener is None:
            tls = self._tls() if self._tls and request.type == "https" else None
            self._opener = _opener(tls, proxies=self._proxies)
        return self._opener.open(request, timeout=TIMEOUT_S)


_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _asked_wait_s(text: str, otherwise: float) -> float:
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return otherwise


def _opener(tls: SSLContext | None, *, proxies: bool) -> urllib.request.OpenerDirector:
    """Proxies of the environment are used where ``proxies`` says so, redirects are not followed: what leaves goes
    where it was told to."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(None if proxies else {}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=tls),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
