"""Personal data in what a tool gives back: which kinds there are, not where.

- ``email``: an address (``links``).
- ``phone``, ``iban``, ``card``: see ``devagent_secrets.numbers``.

By form alone: names and addresses are not seen. A rule about what must not be read names data by labels
and columns; this is for what turns up where nobody expected it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from devagent.policy.links import links
from devagent.policy.lookups import leaves
from devagent.policy.readings import as_shown, with_ascii_digits
from devagent_secrets.numbers import NUMBERS


def personal_data(values: list[Any]) -> list[str]:
    """The kinds found in any text at or below these values, sorted. Linear in their size."""
    found: set[str] = set()
    for text in _texts(values):
        shown = with_ascii_digits(as_shown(text).lower())
        if "email" not in found and "@" in shown and links(shown).emails:
            found.add("email")
        for kind, pattern, length in NUMBERS:
            rest = _without(shown, pattern, length)
            if rest != shown and kind:
                found.add(kind)
            shown = rest
    return sorted(found)


def _texts(values: list[Any]) -> Iterator[str]:
    """Each different text once: what a person sees is often what the model reads."""
    scalars = (value for value, _ in leaves(values, "") if not isinstance(value, bool))
    yield from dict.fromkeys(str(scalar) for scalar in scalars)


def _without(text: str, pattern: re.Pattern[str], length: Callable[[str], int]) -> str:
    """The text with a semicolon for each match; ``length``: how much of a match is one, 0 = none of it."""

    def rest(match: re.Match[str]) -> str:
        size = length(match[0])
        return ";" + match[0][size:] if size else match[0]

    return pattern.sub(rest, text)
