"""How sure an answer is: how much of the question, by the rarity of its words, the best hits speak of."""

from collections.abc import Sequence
from typing import NamedTuple

from devagent_docs.hits import Hit
from devagent_docs.opening import Opened, rarity
from devagent_docs.synonyms import synonyms
from devagent_docs.talk import talk_words
from devagent_docs.understanding import WEIGHTS, Understood

SURE = 0.45
"""Confidence from which the best hits are taken for an answer; below it grounded mode says "not found"."""
SUPPORT = 3
"""How many of the best hits confidence looks at."""
_CORRECTED = 0.8
_SYNONYM = 0.5
"""What a word counts of which a hit has the correction, or a synonym, instead."""


class Supporting(NamedTuple):
    """A hit with the stems of its breadcrumb and text."""

    hit: Hit
    stems: frozenset[str]


def supporting(hits: Sequence[Hit], everywhere: Sequence[Opened]) -> list[Supporting]:
    """The hits that confidence looks at."""
    stems = everywhere[0].stems
    return [
        Supporting(hit, frozenset(stems(f"{' '.join(hit.chunk.crumbs)}\n{hit.chunk.text}")))
        for hit in hits[:SUPPORT]
    ]


def confidence(
    about: Understood, best: Sequence[Supporting], everywhere: Sequence[Opened]
) -> float:
    """From 0 to 1: what the best hit has of the question.

    A word that no collection has weighs as much as the rarest one; a word of talk, as in ranking, a part of what
    its rarity in reference documentation would make it.
    """
    words = about.question.words
    weight = {word: _weight(word, about, everywhere) for word in words}
    weight |= {gram: rarity(everywhere, "cjk", gram)[0] for gram in about.question.cjk}
    whole = sum(weight.values())
    if not whole or not best:
        return 0.0
    stem = everywhere[0].stem
    others = synonyms(tuple(words))

    def share(word: str, found: Supporting) -> float:
        if word in about.question.cjk:
            return float(word in found.hit.chunk.text)
        if stem(word) in found.stems:
            return 1.0
        if any(stem(near) in found.stems for near in about.corrections.get(word, ())):
            return _CORRECTED
        has = any(stem(other) in found.stems for other in others.get(word, ()))
        return _SYNONYM if has else 0.0

    return max(
        sum(share(word, found) * value for word, value in weight.items()) / whole for found in best
    )


def _weight(word: str, about: Understood, everywhere: Sequence[Opened]) -> float:
    term = "" if word in about.absent else everywhere[0].stem(word)
    rare, _ = rarity(everywhere, "stem", term)
    named = {name.lower() for name in about.named}
    return rare * WEIGHTS.talk if word in talk_words() or word in named else rare
