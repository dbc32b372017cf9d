"""Facts: lists that the house takes from the text of arguments (spec: "Conditions").

A fact's key is as rules write it: ``args.body.@hosts``, ``args.**.@emails``. Its value is a list, lower
case, in order, empty where the text holds none; the key is left out only where the argument is absent.
The text of an argument is every string in it, in tables also the names.

- ``@hosts``, ``@urls``, ``@emails``: see ``links``. ``@amounts``: see ``amounts``; numbers count too.
- ``@domains``: see ``recipients``; one for each element of a list or part between commas of a text.

The other lists name each thing once. Pure, total, and linear in the size of the arguments.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from devagent.policy.amounts import amount_of, amounts
from devagent.policy.links import Links, links
from devagent.policy.lookups import ABSENT, walk
from devagent.policy.plain import is_list, is_table
from devagent.policy.recipients import recipient_domains

Facts = dict[str, list[Any]]


def facts_of(args: Mapping[str, Any], keys: Iterable[str]) -> Facts:
    """The facts of these keys. A text of which several facts are asked is read once.

    Raises RecursionError for arguments nested deeper than any JSON reader lets through.
    """
    seen: dict[str, Links] = {}

    def of(text: str) -> Links:
        found = seen.get(text)
        if found is None:
            found = seen[text] = links(text)
        return found

    facts: Facts = {}
    for key in sorted(set(keys)):
        *path, kind = key.split(".")[1:]
        value = args if path == ["**"] else walk(args, path, "")[0]
        if value is not ABSENT and value is not None:
            facts[key] = _fact(kind, value, of)
    return facts


def text_facts(kind: str, text: str) -> list[Any]:
    """The fact of one text: what a source, unlike an argument, has."""
    if kind == "@amounts":
        return list(amounts(text))
    if kind == "@domains":
        found = links(text)
        domains = (email.rpartition("@")[2] for email in found.emails)
        return list(dict.fromkeys((*domains, *found.hosts)))
    return _of_kind(kind, links(text))


def _fact(kind: str, value: Any, of: Callable[[str], Links]) -> list[Any]:
    match kind:
        case "@domains":
            return list(recipient_domains(value))
        case "@amounts":
            return list(dict.fromkeys(_amounts(value)))
        case _:
            texts = (scalar for scalar in _scalars(value) if isinstance(scalar, str))
            return list(dict.fromkeys(one for text in texts for one in _of_kind(kind, of(text))))


def _of_kind(kind: str, found: Links) -> list[str]:
    match kind:
        case "@hosts":
            return found.hosts
        case "@urls":
            return found.urls
        case "@emails":
            return found.emails
        case _:
            raise ValueError(f"there is no fact {kind}")


def _amounts(value: Any) -> Iterator[int | float]:
    for scalar in _scalars(value):
        if isinstance(scalar, str):
            yield from amounts(scalar)
        elif isinstance(scalar, int | float) and not isinstance(scalar, bool):
            yield from amount_of(scalar)


def _scalars(value: Any) -> Iterator[Any]:
    """Every scalar, and the names in tables below the arguments' own."""
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        one, is_name_given = waiting.pop()
        if is_table(one):
            for name, inner in reversed(one.items()):
                waiting.append((inner, True))
                if is_name_given:
                    waiting.append((name, True))
        elif is_list(one):
            waiting += [(inner, True) for inner in reversed(one)]
        elif one is not None:
            yield one
