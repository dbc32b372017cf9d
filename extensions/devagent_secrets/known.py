"""Secrets whose values are known: the model service's key, the environment's, what handles gave out.

Each is looked for as it is, and in the forms that programs give it on the way: escaped for JSON, percent-encoded,
hexadecimal, and in base64 at any of the three positions.
"""

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from devagent_secrets.shapes import begins
from devagent_secrets.span import Span

SHORTEST = 8
"""Characters of a value that is looked for everywhere: a shorter one stands in too many innocent places."""

_LONGEST = 4096
_LONG_LINE = 16
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_BASE64 = _WORD | frozenset("+/-")
_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")

_NAMES = frozenset(
    ["KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASS", "PASSPHRASE", "PWD", "PAT",
     "CREDENTIAL", "CREDENTIALS", "AUTH", "COOKIE", "SALT", "JWT"]
)  # fmt: skip
_STRONG = ("SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "APIKEY", "API_KEY", "ACCESS_KEY", "TOKEN")
_NOT_THE_VALUE = frozenset(
    ["FILE", "PATH", "DIR", "SOCK", "SOCKET", "URL", "URI", "ENDPOINT", "HOST", "NAME", "ID", "TYPE", "TTL",
     "LIMIT", "LENGTH", "SIZE", "COUNT", "COMMAND", "CMD", "HELPER", "STORE", "EXPIRY", "EXPIRES", "VERSION",
     "ASKPASS", "PROVIDER", "METHOD", "MODE", "PARALLELISM", "REGION", "BACKEND", "FORMAT", "ALGORITHM"]
)  # fmt: skip
_NO_SECRETS = frozenset(["PWD", "OLDPWD", "SSH_ASKPASS", "GIT_ASKPASS", "SUDO_ASKPASS", "KEY"])


class _Form(msgspec.Struct, frozen=True):
    """A text that gives ``secret`` away. ``whole``: only where no letter or digit touches it (a plain word as a
    password would else tear other words); ``run``: it is the middle of a base64 text, all of which goes."""

    text: str
    secret: str
    kind: str
    whole: bool
    run: bool


class Known:
    """The known secrets of one session; more can be learnt while it goes on."""

    def __init__(self) -> None:
        self._forms: dict[str, _Form] = {}
        self._needles: dict[bytes, None] = {}

    def learn(self, value: str, kind: str, *, shortest: int = SHORTEST) -> None:
        """Look for this value from now on. Nothing happens for one shorter than ``shortest``."""
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").strip()
        if len(value) < shortest:
            return
        if "\n" in value:  # a key in several lines: each of them by itself too
            for line in value.splitlines():
                if len(line) >= _LONG_LINE and not line.startswith("-----"):
                    self.learn(line, kind)
        if len(value) > _LONGEST:
            value = value[:_LONGEST]
        whole = value.isalpha() or len(value) < SHORTEST
        data = value.encode()
        self._keep(_Form(value, value, kind, whole, run=False))
        for text in (msgspec.json.encode(value).decode()[1:-1], *_percent_encoded(data)):
            self._keep(_Form(text, value, kind, whole, run=False))
        if len(data) >= SHORTEST:
            self._keep(_Form(data.hex(), value, kind, whole=False, run=False))
            for text in _base64_middles(data):
                self._keep(_Form(text, value, kind, whole=False, run=True))

    def _keep(self, form: _Form) -> None:
        if form.text not in self._forms:
            self._forms[form.text] = form
            self._needles[msgspec.json.encode(form.text)[1:-1]] = None

    def may_stand_in(self, data: bytes) -> bool:
        """Whether any of them is in this JSON text."""
        for needle in self._needles:  # noqa: SIM110  (a third of the time of any())
            if needle in data:
                return True
        return False

    def spans(self, text: str) -> Iterator[Span]:
        for form in self._forms.values():
            at = text.find(form.text)
            while at >= 0:
                start, end = at, at + len(form.text)
                if form.run:
                    start, end = _run(text, start, end)
                if not (form.whole and _touches_word(text, start, end)):
                    yield Span(start, end, form.kind, form.secret)
                at = text.find(form.text, end)


def secrets_of(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(value, kind) of the environment variables whose names say that they hold a secret, and of passwords in URLs."""
    for name, value in environment.items():
        if len(value) >= SHORTEST and names_a_secret(name):
            yield value, "environment"
        if "://" in value and "@" in value:
            for password in _url_passwords(value):
                yield password, "environment"


def names_a_secret(name: str) -> bool:
    """Whether an environment variable of this name holds a secret (not a file's or a server's name)."""
    name = name.upper()
    if name in _NO_SECRETS:
        return False
    words = name.split("_")
    if words[-1] in _NOT_THE_VALUE:
        return False
    if words[-1] in _NAMES:
        return words[0] != "PUBLIC" and "PUBLIC_KEY" not in name
    return any(word in name for word in _STRONG) and not name.endswith("S")


def _url_passwords(value: str) -> Iterator[str]:
    for part in value.split("://")[1:]:
        authority = part.split("/", 1)[0]
        user, at, _ = authority.rpartition("@")
        _, colon, password = user.partition(":")
        if at and colon and len(password) >= SHORTEST:
            yield password


def _percent_encoded(data: bytes) -> Iterable[str]:
    upper = "".join(chr(b) if b in _UNRESERVED else f"%{b:02X}" for b in data)
    if "%" not in upper:
        return (upper,)
    lower = "".join(chr(b) if b in _UNRESERVED else f"%{b:02x}" for b in data)
    return upper, lower, upper.replace("%20", "+")


def _base64_middles(data: bytes) -> Iterator[str]:
    """What base64 of any text around the data must contain: those characters that the data alone decides."""
    for before in range(3):
        text = b2a_base64(bytes(before) + data, newline=False).decode().rstrip("=")
        first = (0, 2, 3)[before]
        middle = text[first : len(text) - ((before + len(data)) % 3 != 0)]
        yield middle
        yield middle.replace("+", "-").replace("/", "_")


def _run(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start - 1] in _BASE64:
        start -= 1
    while end < len(text) and text[end] in _BASE64:
        end += 1
    return start, end


def _touches_word(text: str, start: int, end: int) -> bool:
    return (
        text[max(0, start - 1) : start] == "_"
        or not begins(text, start)
        or (end < len(text) and text[end] in _WORD)
    )
