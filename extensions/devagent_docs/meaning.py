"""Hits by meaning beside hits by words: put together by their ranks, where an embedding model is configured.

A question that names a documented symbol is answered by its words alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent_docs.embedding import model_in
from devagent_docs.opening import Opened
from devagent_docs.ranking import Ranked
from devagent_docs.settings import model_folder
from devagent_docs.understanding import Understood

RANK = 60
"""What is added to a rank before it divides: how little the first places count for more than the next."""


def fused(
    settings: Mapping[str, Any],
    about: Understood,
    everywhere: Sequence[Opened],
    found: list[Ranked],
    depth: int,
) -> list[Ranked]:
    """What words found, and what is near in meaning, in one order. Raises DocsError no_model, damaged."""
    folder = model_folder(settings)
    if not folder or about.symbol:
        return found
    near = _nearest(folder, about.question.text, everywhere, depth)
    scores: dict[tuple[int, int, int], float] = {}
    places: dict[tuple[int, int, int], Ranked] = {}
    for ranking in (found, near):
        for rank, one in enumerate(ranking):
            key = (id(one.opened), one.address.segment_ord, one.address.doc)
            places.setdefault(key, one)
            scores[key] = scores.get(key, 0.0) + 1 / (RANK + rank)
    best = sorted(scores, key=lambda key: -scores[key])
    return [places[key]._replace(score=scores[key]) for key in best]


def _nearest(folder: str, text: str, everywhere: Sequence[Opened], depth: int) -> list[Ranked]:
    model = model_in(folder)
    question = model.vectors([text])[0]
    found: list[Ranked] = []
    for one in everywhere:
        stored = one.vectors()
        # Vectors of another model say nothing; the next run of the index makes them anew.
        if stored is not None and stored.model == model.digest:
            for score, number, ordinal in stored.nearest(question, depth):
                address = one.place(number, ordinal)
                if address is not None:
                    found.append(Ranked(score, one, address, number))
    found.sort(key=lambda hit: -hit.score)
    return found[:depth]
