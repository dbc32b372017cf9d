"""Canonical JSON and digests: one byte form for a value, everywhere.

Canonical: keys sorted by code point, ``,`` and ``:`` without spaces, UTF-8 unescaped except what JSON
must escape (the form that the session log's page fixes). The same value gives the same bytes, so a
digest of them names the value.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


def canonical(value: Any) -> bytes:
    """The canonical JSON of a plain value or a Struct.

    Raises TypeError for what JSON cannot say and UnicodeEncodeError for lone surrogates
    (see ``well_formed``).
    """
    return _encoder.encode(value)


def parse(data: bytes | str) -> Any:
    """JSON to plain Python values. Raises ValueError (msgspec.DecodeError) with the byte position."""
    try:
        return _decoder.decode(data)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def to_plain(value: Any) -> Any:
    """A Struct as dictionaries, lists, strings and numbers."""
    return msgspec.to_builtins(value, str_keys=True)


def from_plain(data: Any, kind: type[T]) -> T:
    """Plain values to a typed one; unknown keys are kept out, wrong types raise ValueError."""
    return msgspec.convert(data, kind)


def sha256(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """``sha256`` of the canonical JSON of a value: what the log, approvals and caches compare."""
    return sha256(canonical(value))


def well_formed(text: str) -> str:
    """Text that UTF-8 can carry: lone surrogates (from odd file names or bytes) become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_value(value: Any) -> Any:
    """``well_formed`` for every string inside plain JSON values (keys too)."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Mapping):
        return {well_formed(str(k)): well_formed_value(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [well_formed_value(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value
