"""Which rules may concern a request: three dictionaries deep, so that a decision touches few of many.

A rule is filed under its principals, tools and resources as far as they are literal: a principal
without a star under itself, ``git.push`` under itself, ``git.*`` under ``git.``, ``table:dev.**`` under
``table:dev.``, anything wider under the empty key. A request looks under each of its names and the
empty key. The index only narrows down; whether a rule matches is for the rule itself to say.
"""

from collections.abc import Iterable, Sequence

from devagent.core.resources import SEPARATORS, Resource
from devagent.policy.globs import is_literal
from devagent.policy.syntax import Index, Rule

EVERY = ""
DEPTH = 6
"""How many separators of a resource's name are looked at: a long path costs no more than a short one."""
WIDTH = 64
"""In how many places one rule may stand; a rule with longer lists is filed more coarsely."""


def build_index(rules: Sequence[Rule]) -> Index:
    """The index of one file's rules, by their numbers in the file."""
    index: Index = {}
    for number, rule in enumerate(rules):
        keys = [
            _principal_keys(rule.principals),
            _tool_keys(rule.tools),
            _resource_keys(rule.resources),
        ]
        while len(keys[0]) * len(keys[1]) * len(keys[2]) > WIDTH:
            keys[max(range(3), key=lambda i: len(keys[i]))] = [EVERY]
        for principal in keys[0]:
            tools = index.setdefault(principal, {})
            for tool in keys[1]:
                resources = tools.setdefault(tool, {})
                for resource in keys[2]:
                    resources.setdefault(resource, []).append(number)
    return index


def tool_keys(extension: str, tool: str) -> tuple[str, str, str]:
    """Where the rules for a tool may be filed."""
    qualified = f"{extension}.{tool}"
    return qualified, qualified[: qualified.index(".") + 1], EVERY


def resource_keys(resource: Resource) -> list[str]:
    """Where the rules for a resource may be filed."""
    keys = [EVERY]
    if resource.id:
        keys.append(resource.id)
        _add_prefixes(resource.id, keys)
    for tag in resource.tags:
        keys.append(f"tag:{tag}")
        _add_prefixes(f"tag:{tag}", keys)
    return keys


def _add_prefixes(name: str, keys: list[str]) -> None:
    kind, colon, _ = name.partition(":")
    separator = SEPARATORS.get(kind)
    if separator is None or not colon:
        return
    end = len(kind) + 1
    keys.append(name[:end])
    for _ in range(DEPTH):
        end = name.find(separator, end) + 1
        if not end:
            return
        keys.append(name[:end])


def _principal_keys(patterns: Iterable[str] | None) -> list[str]:
    if patterns is None:
        return [EVERY]
    keys = {pattern if is_literal(pattern) else EVERY for pattern in patterns}
    return [EVERY] if EVERY in keys else sorted(keys)


def _tool_keys(patterns: Iterable[str] | None) -> list[str]:
    if patterns is None:
        return [EVERY]
    keys: set[str] = set()
    for pattern in patterns:
        literal, star, _ = pattern.partition("*")
        extension, dot, _ = literal.partition(".")
        keys.add(literal if not star else f"{extension}." if dot else EVERY)
    return [EVERY] if EVERY in keys else sorted(keys)


def _resource_keys(patterns: Iterable[str] | None) -> list[str]:
    if patterns is None:
        return [EVERY]
    return sorted({_resource_key(pattern) for pattern in patterns})


def _resource_key(pattern: str) -> str:
    literal, star, _ = pattern.partition("*")
    if not star:
        return pattern
    kind, _, _ = pattern.partition(":")
    end = len(kind) + 1
    for _ in range(DEPTH):
        after = literal.find(SEPARATORS[kind], end) + 1
        if not after:
            break
        end = after
    return literal[:end]
