"""Names of files, branches and tags as they are kept: any bytes that the system takes, in text that is always valid.

A name that is not UTF-8 comes from the system with lone surrogates, which JSON cannot carry. Each is kept as a NUL,
which no name can hold, and the byte's two hexadecimal digits.
"""

import os
import re
from collections.abc import Callable
from typing import Any, TypeVar

from devagent.core.codec import canonical, from_plain, parse, to_plain

T = TypeVar("T")
_SURROGATE = re.compile("[\udc80-\udcff]")
_KEPT = re.compile("\0([0-9a-f]{2})")


def packed(value: Any) -> bytes:
    """Canonical JSON of a value, whatever names are in it."""
    try:
        return canonical(value)
    except UnicodeEncodeError:
        return canonical(_each(to_plain(value), _bytes_out))


def unpacked(data: bytes, kind: type[T]) -> T:
    """What ``packed`` was given. Raises ValueError and TypeError for anything else."""
    plain = parse(data)
    return from_plain(_each(plain, _bytes_in) if b"\\u0000" in data else plain, kind)


def told(name: str) -> str:
    """A name for people and for the record: bytes that are no text as ``\\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """``change`` for every string inside plain JSON values (keys too)."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(k)): _each(v, change) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_each(v, change) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _bytes_out(text: str) -> str:
    return _SURROGATE.sub(lambda match: f"\0{ord(match[0]) - 0xDC00:02x}", text)


def _bytes_in(text: str) -> str:
    return _KEPT.sub(lambda match: chr(0xDC00 + int(match[1], 16)), text)
