"""Plain data told apart: what JSON and TOML give is dictionaries, lists and scalars."""

from collections.abc import Sequence
from typing import Any, TypeGuard

_LISTS = (list, tuple)


def is_table(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether the value is a dictionary; JSON's and TOML's keys are text."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether the value is a list of values (a tuple where a tool's own code made one)."""
    return isinstance(value, _LISTS)
