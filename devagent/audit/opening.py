"""Where content is opened, for every reader: what a header's body holds, sealed or not.

Whoever assembles the process says once where identities come from (``look_for_keys``), so that no reader, also
none that is written later, opens by another rule. What is opened must be what its header commits to: a sealed
line proves itself only to those who have the key, and anybody could have sealed another for them.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from devagent.audit.bodies import Bodies, Body, open_body
from devagent.audit.layout import BODIES, KEYS
from devagent.audit.lines import Damage, Line, open_to_read
from devagent.audit.record import Content
from devagent.audit.sealing import INSTALL, MISSING, SessionKey, can_open, unwrap
from devagent.core.codec import parse

Identities = Callable[[], Sequence[str]]
"""The age identities (``AGE-SECRET-KEY-1…``) that may open content here; asked when something is sealed."""

_MOST_KEYS = 1 << 20
_identities: Identities = tuple


def look_for_keys(identities: Identities) -> None:
    """Say where identities come from in this process. Without it sealed content stays sealed."""
    global _identities
    _identities = cache(identities)  # a keyring is asked once


def has_keys() -> bool:
    """Whether anything that is sealed could be opened here. Raises ConfigError as the identities do."""
    return bool(_identities())


class Opener:
    """One session's content. ``why`` says why it stays sealed, once that was tried."""

    def __init__(self, folder: str) -> None:
        self.why = ""
        self._folder = folder
        self._looked = False
        self._key: bytes = b""
        self._session_key: SessionKey | None = None

    @property
    def key(self) -> bytes:
        """The session's key, or nothing where none of the identities opens it. Raises LogError for a file that
        cannot be read, ConfigError for an identity that is named and not usable."""
        if not self._looked:
            self._looked = True
            self._key = self._unwrapped()
        return self._key

    def opened(self, body: Body, sid: str, committed: str) -> Body:
        """The body, opened where it is sealed and the key is there. Raises Damage where it is not what the
        header commits to."""
        if body.content != "sealed" or not self.key:
            return body
        try:
            line = self.line(body.seq, sid, body.sealed)
            plain = open_body(Line(body.line.number, line, True, body.line.end))
            if plain is None or plain.seq != body.seq or not plain.commits_to(committed):
                raise ValueError("what it holds is not what its header commits to")
        except ValueError as e:
            raise Damage(BODIES, body.line.number, f"is sealed, but {e}") from e
        return plain

    def line(self, seq: int, sid: str, sealed: str) -> bytes:
        """The open line of a sealed one; the key must be there. Raises ValueError."""
        if self._session_key is None:
            self._session_key = SessionKey(sid, self.key, os.urandom)
        return self._session_key.open(seq, sealed)

    def _unwrapped(self) -> bytes:
        file = open_to_read(os.path.join(self._folder, KEYS))
        if file is None:
            self.why = f"there is no {KEYS}"
            return b""
        with file:
            data = file.read(_MOST_KEYS)
        identities = _identities()
        if not identities:
            self.why = "there is no key here that could open it"
            return b""
        if not can_open():
            self.why = f"{MISSING}. {INSTALL}"
            return b""
        key = unwrap(data, identities)
        if not key:
            self.why = "none of the keys here opens it"
        return key


def content_of(
    header: dict[str, Any], bodies: Bodies, opener: Opener | None
) -> tuple[Content, dict[str, Any]]:
    """What became of a header's content, and the content where it is open. Raises Damage.

    Without an ``opener`` what is sealed stays so.
    """
    seq: int = header["seq"]
    while bodies.next and bodies.next.seq < seq:
        bodies.skip()
    if "body" not in header:
        return "none", {}
    body = bodies.take(seq)
    if body is None:
        return "missing", {}
    if opener is not None and body.content == "sealed":
        match header:
            case {"sid": str(sid), "body": str(committed)}:
                body = opener.opened(body, sid, committed)
            case _:
                raise Damage(BODIES, body.line.number, "its header has no session or commitment")
    if body.content != "open":
        return body.content, {}
    try:
        plain = parse(body.text)
    except ValueError as e:
        raise Damage(BODIES, body.line.number, "its content does not parse") from e
    if not isinstance(plain, dict):
        raise Damage(BODIES, body.line.number, "its content is no object")
    return "open", plain  # pyright: ignore[reportUnknownVariableType]
