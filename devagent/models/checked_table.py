"""One table of the config, each entry checked as it is read."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from devagent.core.errors import ConfigError
from devagent.models.plain import is_array, is_object

Path = tuple[str | int, ...]
Fault = Callable[[Path, str, str], ConfigError]
"""The place of an entry, what is wrong, a hint → the error."""
T = TypeVar("T")


class Table:
    """A table of the config with its place; each reader checks one entry and gives a default for none."""

    def __init__(self, values: Mapping[str, Any], path: Path, fault: Fault) -> None:
        self.values, self._path, self._fault = values, path, fault

    def bad(self, key: str, what: str, hint: str = "") -> ConfigError:
        return self._fault((*self._path, key), what, hint)

    def known(self, keys: Sequence[str]) -> None:
        for key in self.values:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(keys)}."
                raise self.bad(key, f"unknown key {key!r}", hint)

    def text(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str) or (key in self.values and not value.strip()):
            raise self.bad(key, f"{key} must be text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not is_array(value) or not all(isinstance(one, str) and one for one in value):
            raise self.bad(key, f"{key} must be a list of texts")
        return tuple(value)

    def choice(self, key: str, known: tuple[T, ...], default: T) -> T:
        if key not in self.values:
            return default
        for one in known:
            if self.values[key] == one:
                return one
        raise self.bad(key, f"{key} must be one of {', '.join(map(str, known))}")

    def choices(self, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
        found = self.texts(key)
        for one in found:
            if one not in known:
                raise self.bad(key, f"{key} knows no {one!r}", f"It knows {', '.join(known)}.")
        return found

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.bad(key, f"{key} must be true or false")
        return value

    def whole(self, key: str, *, least: int) -> int:
        if key not in self.values:
            return 0
        value = self.values[key]
        if type(value) is not int or not least <= value < 10_000_000:
            raise self.bad(key, f"{key} must be a whole number from {least:,}")
        return value

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        value = self.values.get(key, default)
        given = isinstance(value, int | float) and not isinstance(value, bool)
        if key in self.values and not (given and least <= value <= most):
            raise self.bad(key, f"{key} must be a number from {least:g} to {most:g}")
        return float(value)

    def headers(self, key: str) -> dict[str, str]:
        value = self.values.get(key, {})
        if not is_object(value) or not all(isinstance(one, str) for one in value.values()):
            raise self.bad(key, f"{key} must be a table of texts")
        return dict(value)
