"""The part of a chunk that is shown with a hit."""

import re
from collections.abc import Sequence

from devagent_docs.understanding import Understood

SNIPPET = 280
"""Characters that are shown of a chunk."""


def snippet(text: str, about: Understood) -> str:
    """The part of a chunk where the question's words are thickest."""
    flat = " ".join(text.replace("```", " ").split())
    if len(flat) <= SNIPPET:
        return flat
    wanted = [*about.question.words, *(near[0] for near in about.corrections.values())]
    pattern = "|".join(re.escape(word[: max(4, len(word) - 2)]) for word in wanted if len(word) > 2)
    places = [found.start() for found in re.finditer(pattern, flat.lower())] if pattern else []
    start = _thickest(places)
    start = max(0, min(start - 40, len(flat) - SNIPPET))
    start = flat.rfind(" ", 0, start) + 1 if start else 0
    end = start + SNIPPET
    return f"{'…' if start else ''}{flat[start:end].rstrip()}{'…' if end < len(flat) else ''}"


def _thickest(places: Sequence[int]) -> int:
    """The first place from which a snippet's length holds the most places; they are in order."""
    best, most, end = 0, 0, 0
    for first, start in enumerate(places):
        while end < len(places) and places[end] < start + SNIPPET - 40:
            end += 1
        if end - first > most:
            best, most = start, end - first
    return best
