"""What conditions look at beside a call's own words, so that nothing is worked out that no rule asks for."""

from collections.abc import Iterable, Mapping
from typing import Any

from devagent.core.verdicts import Needs
from devagent.policy.plain import is_list, is_table

ASKS_FOR_PERSONAL_DATA = frozenset({"result.personal_data", "result"})
"""Parts of a context that take looking for personal data in what a tool gave back."""


def needs_of(whens: Iterable[Mapping[str, Any]]) -> Needs:
    """What these (validated) conditions need together."""
    facts: set[str] = set()
    origins: set[str] = set()
    context: set[str] = set()
    for when in whens:
        for key, spec in when.items():
            for part in key.split("|"):
                if "@" in part:
                    facts.add(part)
                if part.startswith("context."):
                    context.add(part.removeprefix("context."))
                elif part.startswith("args.") and asks_for_origin(spec):
                    origins.add(part)
    return Needs(frozenset(facts), frozenset(origins), frozenset(context))


def asks_for_origin(spec: Any) -> bool:
    """Whether a condition asks, at any depth, where a value came from."""
    if is_table(spec):
        return "origin_in" in spec or any(asks_for_origin(inner) for inner in spec.values())
    return is_list(spec) and any(asks_for_origin(inner) for inner in spec)
