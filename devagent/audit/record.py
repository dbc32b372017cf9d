"""Events as they are written down, and back: header fields in the chain, content beside it.

A header holds integers, strings, booleans, lists and objects only, so that every language writes the
same bytes: no floats, no nulls. ``decision`` is the one field that is split: what a reviewer counts by
(``effect rules obligations policy nearest``) stands in the header, the rest of it in the content.
"""

import hashlib
import hmac
from binascii import a2b_base64, b2a_base64
from typing import Any, Literal, get_args

from msgspec import Struct

from devagent.core.codec import from_plain, to_plain
from devagent.core.events import Event
from devagent.policy.plain import is_table

VERSION = 1
NO_LEAF = "0" * 64
"""``prev`` of the first line."""

ENVELOPE = frozenset(
    {"v", "seq", "sid", "ts", "mono", "type", "prev", "body", "sealed", "redacted"}
)
"""What the log adds to an event's own fields (``type`` is the event's tag)."""

AFTER_THE_END = ("log.", "review.", "feedback.")
"""How the types begin of what may be recorded of a session that has ended: it stays ended."""

Content = Literal["none", "open", "sealed", "erased", "missing"]

_DECISION_HEADER = ("effect", "rules", "obligations", "policy", "nearest")
_EMPTY: dict[str, Any] = {
    "effect": "",
    "rules": [],
    "obligations": {},
    "policy": "",
    "nearest": [],
}
_KINDS: dict[str, type[Event]] = {kind.__struct_config__.tag: kind for kind in get_args(Event)}


class Unknown(Struct, frozen=True):
    """A line that this version cannot turn into an event: its type is newer, or its content is gone.

    ``fields`` are the header's (without the envelope) and, where it is open, the content's.
    """

    type: str
    content: Content
    fields: dict[str, Any]


class Record(Struct, frozen=True):
    """One line of the log as read. ``header`` and ``body`` keep every field, known or not.

    ``ts`` is UTC microseconds since 1970; ``mono`` the writing process's monotonic nanoseconds.
    """

    seq: int
    ts: int
    mono: int
    event: Event | Unknown
    header: dict[str, Any]
    body: dict[str, Any]
    content: Content

    @property
    def redactions(self) -> dict[str, int]:
        """What was replaced in the event before it was recorded: how often, by kind."""
        found = self.header.get("redacted")
        if not isinstance(found, dict):
            return {}
        return {
            kind: n
            for kind, n in found.items()  # pyright: ignore[reportUnknownVariableType]
            if isinstance(kind, str) and isinstance(n, int)
        }


def is_afterwards(event: Event) -> bool:
    """Whether this may be recorded of a session that has ended."""
    return str(event.__struct_config__.tag).startswith(AFTER_THE_END)


def split(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """An event's header fields (with ``type``) and its body, which is empty where it has no content."""
    header: dict[str, Any] = to_plain(event)
    body = {name: header.pop(name) for name in type(event).BODY if name in header}
    if "decision" in header:
        header["decision"], rest = _split_decision(header["decision"])
        if rest:
            body["decision"] = rest
    return header, body


def join(header: dict[str, Any], body: dict[str, Any], content: Content) -> Event | Unknown:
    """The event that ``split`` took apart; ``Unknown`` where that cannot be said."""
    fields = {name: value for name, value in header.items() if name not in ENVELOPE} | body
    answer, rest = header.get("decision"), body.get("decision")
    if is_table(answer) and is_table(rest):
        fields["decision"] = {**answer, **rest}
    kind = _KINDS.get(header["type"])
    if kind is not None and content in ("none", "open"):
        try:
            return from_plain({"type": header["type"], **fields}, kind)
        except ValueError:  # written by a later version whose fields mean something else
            pass
    return Unknown(header["type"], content, fields)


def leaf_hash(line: bytes) -> str:
    """RFC 6962's hash of a leaf, hex: what the next line's ``prev`` holds."""
    return hashlib.sha256(b"\0" + line).hexdigest()


def commitment(salt: bytes, content: bytes) -> str:
    """What a header's ``body`` holds: hex HMAC-SHA256 under the salt of that line alone."""
    # Not hmac.digest: that takes three times as long, and lets go of the interpreter meanwhile.
    return hmac.new(salt, content, "sha256").hexdigest()


def to_base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def from_base64(text: str) -> bytes:
    """Strict: padding and the unused last bits must be as an encoder leaves them. Raises ValueError."""
    data = a2b_base64(text, strict_mode=True)
    if to_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def _split_decision(decision: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    header = {name: decision.get(name, _EMPTY[name]) for name in _DECISION_HEADER}
    rest = {name: value for name, value in decision.items() if name not in _EMPTY}
    header["obligations"] = _chained(header["obligations"])
    if header["obligations"] != decision.get("obligations", {}):
        rest["obligations"] = decision["obligations"]  # exact, where the header could not be
    return header, rest


def _chained(value: Any) -> Any:
    """A value as a header may hold it: decimal strings for non-integers, nothing for null."""
    if isinstance(value, float):
        text = repr(value)
        return text if "e" not in text else f"{value:.30f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        return {key: _chained(one) for key, one in value.items() if one is not None}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list):
        return [_chained(one) for one in value if one is not None]  # pyright: ignore[reportUnknownVariableType]
    return value
