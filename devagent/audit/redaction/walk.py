"""An event's fields, value by value: texts, names of fields, numbers, and what a name says of its value."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from devagent.audit.redaction.spans import Placeholders
from devagent.audit.redaction.vocabulary import vocabulary
from devagent.policy.plain import is_list, is_table
from devagent_secrets import assignments, shapes, values
from devagent_secrets.span import Span

Find = Callable[[str], Iterable[Span]]
"""Where in a text stands what must not be kept, the most telling kind first."""

_SHORTEST = 4
_SMALLEST_NUMBER = 10**7
_PASSES = 4
_names_a_secret = lru_cache(1024)(assignments.names_a_secret)


class Walk:
    """One pass over plain values; ``counts`` goes up by each thing that was replaced, by its kind.

    ``numbers``: whether integers too may become a placeholder (in a header they never may).
    """

    def __init__(
        self, find: Find, placeholders: Placeholders, counts: dict[str, int], *, numbers: bool
    ) -> None:
        self._find = find
        self._placeholders = placeholders
        self._counts = counts
        self._numbers = numbers

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return self.text(value, name)
        if is_table(value):
            return self._object(value)
        if is_list(value):
            return self._list(value, name)
        if (
            self._numbers
            and isinstance(value, int)
            and not isinstance(value, bool)
            and abs(value) >= _SMALLEST_NUMBER
        ):
            text = str(value)
            found = self.text(text, name)
            return value if found == text else found
        return value

    def text(self, text: str, name: str = "") -> str:
        """A text, which is the value of ``name`` where it has one."""
        meant = _names_a_secret(name) if name and text else ""
        if (len(text) < _SHORTEST and not meant) or text in vocabulary():
            return text
        spans = list(self._find(text))
        if meant:
            strong = meant == "strong"
            if values.is_secret(text, strong=strong, quoted=True, data=True):
                spans.append(Span(0, len(text), "password" if strong else "secret"))
        # Once more behind what went: a key that ran on into the next one ends there now.
        for _ in range(_PASSES):
            before, text = (
                text,
                self._placeholders.put(text, spans, self._counts) if spans else text,
            )
            if text == before:
                break
            spans = list(self._find(text))
        return text

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, one in value.items():
            key = self.text(name)
            while key in out:
                key += "~"  # two names, one placeholder: neither value is lost
            out[key] = self.value(one, name)
        return out

    def _list(self, value: Iterable[Any], name: str) -> list[Any]:
        out: list[Any] = []
        in_key = False
        flag = ""
        for one in value:
            if not isinstance(one, str):
                out.append(self.value(one, name))
                in_key, flag = False, ""
                continue
            in_key = in_key and shapes.is_line_of_key(one)
            if in_key:
                out.append(self._placeholders.put(one, [Span(0, len(one), "private-key")], self._counts))  # fmt: skip
                in_key = not shapes.closes_private_key(one)
            else:
                out.append(self.text(one, flag or name))
                in_key = shapes.opens_private_key(one)
            flag = one[2:] if one.startswith("--") and "=" not in one else ""
        return out
