"""The small checks that a policy file's schema is made of.

Each takes a value and its path in the file and gives it back typed, or raises Refusal; ``parse`` turns
a Refusal into a PolicyError with file, line and column.
"""

import math
from collections.abc import Sequence
from datetime import date, time
from typing import Any, TypeVar

from devagent.policy.names import did_you_mean
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path

T = TypeVar("T", bound=str)
Scalar = str | int | float | bool

DEEPEST = 64
"""How deeply plain data may nest."""
LARGEST_INTEGER = 2**63 - 1
IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class Refusal(Exception):
    """One bad entry: where (the path in the file), what, and what was probably meant."""

    def __init__(self, path: Path, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.path, self.what, self.hint = path, what, hint


def kind_of(value: object) -> str:
    """A TOML value's type in words."""
    match value:
        case bool():
            return "a true/false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def table(value: object, path: Path) -> dict[str, Any]:
    if not is_table(value):
        raise Refusal(path, f"{name_of(path)} must be a table, not {kind_of(value)}")
    return value


def listed(value: object, path: Path) -> Sequence[Any]:
    if not is_list(value):
        hint = f'Write ["{value}"].' if isinstance(value, str) else ""
        raise Refusal(path, f"{name_of(path)} must be a list, not {kind_of(value)}", hint)
    return value


def text(value: object, path: Path) -> str:
    if not isinstance(value, str):
        raise Refusal(path, f"{name_of(path)} must be a text, not {kind_of(value)}")
    return value


def truth(value: object, path: Path) -> bool:
    if not isinstance(value, bool):
        raise Refusal(path, f"{name_of(path)} must be true or false, not {kind_of(value)}")
    return value


def number(value: object, path: Path, *, least: float | None = None) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(path, f"{name_of(path)} must be a number, not {kind_of(value)}")
    _representable(value, path)
    if least is not None and value < least:
        raise Refusal(path, f"{name_of(path)} must be at least {least:g}")
    return value


def whole(value: object, path: Path, *, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(path, f"{name_of(path)} must be a whole number, not {kind_of(value)}")
    number(value, path, least=least)
    return value


def scalar(value: object, path: Path) -> Scalar:
    if not isinstance(value, Scalar):
        raise Refusal(
            path,
            f"{name_of(path)} must be a text, a number or true/false, not {kind_of(value)}",
        )
    _representable(value, path)
    return value


def choice(value: object, valid: Sequence[T], path: Path) -> T:
    given = text(value, path)
    for one in valid:
        if one == given:
            return one
    raise Refusal(
        path, f'{name_of(path)} can not be "{shortened(given)}"', did_you_mean(given, valid)
    )


def choices(value: object, valid: Sequence[T], path: Path) -> tuple[T, ...]:
    return tuple(choice(one, valid, (*path, i)) for i, one in enumerate(listed(value, path)))


def known_keys(entry: dict[str, Any], valid: Sequence[str], path: Path, where: str) -> None:
    for key in entry:
        if key not in valid:
            raise Refusal(
                (*path, key),
                f'{where} has no key "{shortened(key)}"',
                did_you_mean(key, valid),
            )


def identifier(value: object, path: Path) -> str:
    given = text(value, path)
    if not given or not IDENTIFIER.issuperset(given):
        raise Refusal(
            path,
            f'{name_of(path)} "{shortened(given)}" is not a name',
            "Use letters a-z, digits, - _ and . only.",
        )
    return given


def plain(value: object, path: Path, depth: int = 0) -> Any:
    """Data that JSON can say: dates become ISO text; what can not be said is refused."""
    if depth > DEEPEST:
        raise Refusal(path, "this is nested too deeply")
    if is_table(value):
        return {k: plain(v, (*path, k), depth + 1) for k, v in value.items()}
    if is_list(value):
        return [plain(one, (*path, i), depth + 1) for i, one in enumerate(value)]
    if isinstance(value, date | time):
        return value.isoformat()
    return scalar(value, path)


def name_of(path: Path) -> str:
    """How an entry is called in a message: its key, or an element of it."""
    last = path[-1] if path else "the file"
    if isinstance(last, int):
        return f"element {last + 1} of {name_of(path[:-1])}"
    return shortened(last)


def shortened(given: str) -> str:
    """A name from the file, short and on one line, for a message."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in given[:60])
    return f"{shown}…" if len(given) > 60 else shown


def _representable(value: object, path: Path) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise Refusal(path, f"{name_of(path)} must be a finite number")
    if isinstance(value, int) and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        raise Refusal(path, f"{name_of(path)} is too large a number")
