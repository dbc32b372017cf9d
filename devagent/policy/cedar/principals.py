"""Principals: a call's own names are parents of its principal entity, the org's groups are parents of names.

    OrgGroup::"data-eng"   ⊃   User::"ana", Group::"analysts", Ci::…   ⊃   Principal (one for each caller)

A group of the org never is a member of another, as in the language, so the hierarchy says exactly what
``[groups]`` says. Members that are patterns stand in the conditions instead.
"""

from collections.abc import Iterable, Mapping

from devagent.policy.cedar import text
from devagent.policy.cedar.bounds import ALWAYS, Reach, exactly, some
from devagent.policy.globs import split_stars

ENTITIES = {
    "user": "User",
    "group": "Group",
    "agent": "Agent",
    "ci": "Ci",
    "for": "OnBehalfOf",
}
"""Kind of a principal's name → entity type."""
ATTRIBUTES = {"user": "user", "agent": "agent", "ci": "ci", "for": "on_behalf_of"}
"""Kind of a name that a principal has at most once → attribute of the Principal entity."""
Groups = Mapping[str, tuple[str, ...]]


def principals(patterns: Iterable[str] | None, groups: Groups) -> Reach:
    """Whether ``principal`` has one of these names."""
    if patterns is None:
        return ALWAYS
    literal: list[str] = []
    found: list[Reach] = []
    for pattern in patterns:
        if "*" in pattern:
            found += _matching(pattern, groups)
        else:
            literal.append(pattern)
            group = pattern.removeprefix("group:")
            if group != pattern and group in groups:
                literal.append(f"org:{group}")
                found += _by_pattern(groups[group], groups)
    return some([*([exactly(_within(literal))] if literal else []), *found])


def group_members(groups: Groups) -> dict[str, list[str]]:
    """Each name that a group lists literally, with the groups that list it."""
    members: dict[str, list[str]] = {}
    for group, patterns in groups.items():
        for pattern in patterns:
            if "*" not in pattern:
                members.setdefault(pattern, []).append(group)
    return members


def reference(name: str) -> str:
    """The entity of a name (``user:ana``); ``org:`` is a group of the org's table."""
    kind, _, rest = name.partition(":")
    return text.entity(ENTITIES.get(kind, "OrgGroup"), rest)


def _within(names: Iterable[str]) -> str:
    """Whether the principal has one of these names; a set holds entities of one type."""
    kinds: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        kinds.setdefault(name.partition(":")[0], []).append(reference(name))
    return text.any_of(
        f"(principal in {own[0] if len(own) == 1 else text.listed(own)})" for own in kinds.values()
    )


def _matching(pattern: str, groups: Groups) -> list[Reach]:
    """Names that a pattern with stars matches, the org's groups among them."""
    found = _own(pattern)
    for group, members in groups.items():
        if _names_group(pattern, group):
            found.append(exactly(_within([f"org:{group}"])))
            found += _by_pattern(members, groups)
    return found


def _by_pattern(members: Iterable[str], groups: Groups) -> list[Reach]:
    """Members that are patterns: of the caller's own names, never of a group of the org."""
    return [one for member in members if "*" in member for one in _own(member)]


def _own(pattern: str) -> list[Reach]:
    """The caller's own names that match: attributes, and the groups it came with."""
    found = [
        exactly(
            text.all_of([text.has("principal", attribute), _like(f"principal.{attribute}", rest)])
        )
        for kind, attribute in ATTRIBUTES.items()
        for rest in _after(pattern, f"{kind}:")
    ]
    for rest in _after(pattern, "group:"):
        any_group = "!(principal.groups.isEmpty())"
        if not rest.strip("*"):
            found.append(exactly(any_group))
        elif "*" in rest:
            found.append(Reach(text.FALSE, any_group))
        else:
            found.append(exactly(_within([f"group:{rest}"])))
    return found


def _like(subject: str, pattern: str) -> str:
    if "*" not in pattern:
        return f"({subject} == {text.text(pattern)})"
    return f"({subject} like {text.pattern(split_stars(pattern)[0])})"


def _names_group(pattern: str, group: str) -> bool:
    return any(_matches(rest, group) for rest in _after(pattern, "group:"))


def _matches(pattern: str, name: str) -> bool:
    return any(not rest.strip("*") for rest in _after(pattern, name))


def _after(pattern: str, head: str) -> list[str]:
    """What patterns must match the rest of a text that begins with ``head``, for all of it to match."""
    states = {pattern}
    for c in head:
        states = {after for state in states for after in _step(state, c)}
    return sorted(states)


def _step(pattern: str, c: str) -> Iterable[str]:
    if not pattern:
        return ()
    if pattern[0] != "*":
        return (pattern[1:],) if pattern[0] == c else ()
    return (pattern, *_step(pattern.lstrip("*"), c))
