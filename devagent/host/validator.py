"""A JSON Schema that values are checked against, where neither schema nor value are trusted to be cheap to check.

A check holds the event loop and nobody can end it. So what it may cost is reckoned before, from both sides: each part of the
value against each part of the schema, references followed; each character against each pattern, where the regular expressions of
an automaton take a while at worst; and a pattern that has to be tried again and again (one that looks ahead or back) has a limit.
"""

import re
from collections.abc import Iterator
from typing import Any

from devagent.policy.plain import is_list, is_table

MOST_WORK = 20_000_000
"""Steps of a check, some ten to a hundred nanoseconds each."""
CHARACTER_WORK, RETRIED_WORK = 20, 1_000
"""Steps for a character against a pattern, and for a text against one that is retried."""
RETRIES = 2_000
_RETRIED = re.compile(r"\(\?(?:[=!>]|<[=!])|\\[1-9kKG]|[*+?}]\+")
"""What makes a pattern one that automata cannot decide."""


class TooCostly(ValueError):
    """Checking this value against its schema would take too long."""


class Validator:
    """A compiled schema. Raises ValueError where it cannot be used; a reference to elsewhere is never fetched."""

    def __init__(self, schema: dict[str, Any]) -> None:
        import jsonschema_rs  # noqa: PLC0415  (a native library, on the first check only)

        self._validator = jsonschema_rs.Draft202012Validator(
            schema,
            retriever=_no_fetch,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=RETRIES),
        )
        self._cost = _Cost(schema)

    def is_valid(self, value: object) -> bool:
        """Whether the value fits. Raises TooCostly, and ValueError for one nested more deeply than the validator goes."""
        self._afford(value)
        return self._validator.is_valid(value)

    def misfits(self, value: object) -> Iterator[Any]:
        """What does not fit. Raises as ``is_valid``."""
        self._afford(value)
        return self._validator.iter_errors(value)

    def _afford(self, value: object) -> None:
        nodes, characters = _size(value)
        cost = self._cost
        work = nodes * (cost.parts + cost.retried * RETRIED_WORK)
        if work + characters * cost.patterns * CHARACTER_WORK > MOST_WORK:
            raise TooCostly("it is too large to be checked against its schema")


class _Cost:
    """What meeting one part of a value costs at most."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema
        self._known: dict[int, tuple[int, int, int]] = {}
        self.parts, self.patterns, self.retried = self._of(schema)

    def _of(self, node: Any) -> tuple[int, int, int]:
        if not is_table(node) and not is_list(node):
            return 1, 0, 0
        if id(node) in self._known:
            return self._known[id(node)]
        self._known[id(node)] = (0, 0, 0)  # a reference that leads back to where it stands
        inner = [self._of(one) for one in (node.values() if is_table(node) else node)]
        if is_table(node):
            inner += [(0, 1, bool(_RETRIED.search(one))) for one in _patterns(node)]
            inner.append(self._of(self._target(node)))
        parts, patterns, retried = (sum(column) for column in zip((1, 0, 0), *inner, strict=True))
        self._known[id(node)] = parts, patterns, retried
        return parts, patterns, retried

    def _target(self, node: dict[str, Any]) -> Any:
        reference = node.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        target: Any = self._root
        for part in filter(None, reference[1:].split("/")):
            key = part.replace("~1", "/").replace("~0", "~")
            if is_table(target):
                target = target.get(key)
            elif is_list(target) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                return None
        return target


def _patterns(node: dict[str, Any]) -> Iterator[str]:
    if isinstance(one := node.get("pattern"), str):
        yield one
    if is_table(several := node.get("patternProperties")):
        yield from several


def _size(value: object) -> tuple[int, int]:
    """Parts of a value, and characters of all its texts and names."""
    nodes = characters = 0
    left = [value]
    while left:
        one = left.pop()
        nodes += 1
        if isinstance(one, str):
            characters += len(one)
        elif is_table(one):
            left.extend(one.values())
            characters += sum(map(len, one))
        elif is_list(one):
            left.extend(one)
    return nodes, characters


def _no_fetch(uri: str) -> Any:
    raise ValueError(f"a tool's schema may not refer to {uri}")
