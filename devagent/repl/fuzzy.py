"""Names that fit what is typed: whose letters stand in this order, best first, among hundreds of thousands without a pause.

A letter more looks only through what the letters before had left.
"""

from collections.abc import Sequence

SHOWN = 50
_RANKED = 3_000
"""Ranking more would take longer than a keypress."""


class Fuzzy:
    """The names. ``use`` puts others in their place; any thread may."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._lower: list[str] = []
        self._last: tuple[list[str], str, list[int]] = ([], "", [])
        self.use(names)

    def use(self, names: Sequence[str]) -> None:
        self._lower = [one.lower() for one in names]

    def found(self, typed: str, most: int = SHOWN) -> list[int]:
        """The places of the names that fit best, at most so many: in the last part of a path rather than before it,
        letters together rather than apart."""
        wanted, names = typed.lower(), self._lower
        if not wanted:
            return list(range(min(most, len(names))))
        of, before, left = self._last
        if of is names and before and wanted.startswith(before):
            kept = left
        else:
            kept = [n for n, name in enumerate(names) if wanted[0] in name]
            before = wanted[0]
        for letter in wanted[len(before) :]:
            kept = [n for n in kept if letter in names[n]]
        if len(wanted) > 1:
            kept = [n for n in kept if wanted in names[n] or _holds(names[n], wanted)]
        self._last = (names, wanted, kept)
        if len(kept) > _RANKED:
            kept = ([n for n in kept if wanted in names[n]] or kept)[:_RANKED]
        return sorted(kept, key=lambda n: rank(names[n], wanted))[:most]


def _holds(name: str, wanted: str) -> bool:
    at = 0
    for letter in wanted:
        at = name.find(letter, at) + 1
        if not at:
            return False
    return True


def rank(name: str, wanted: str) -> tuple[int, int, str]:
    """How well a name that fits does; both in lower case. The smaller the better."""
    last = name.rpartition("/")[2]
    if last.startswith(wanted):
        order = 0
    elif wanted in last:
        order = 1
    elif wanted in name:
        order = 2
    else:
        order = 3 if _holds(last, wanted) else 4
    return order, len(name), name
