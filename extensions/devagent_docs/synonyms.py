"""The trade's synonyms, from ``synonyms.txt``: words that mean one thing in documentation."""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache

LONGEST = 4
"""Words of the longest phrase."""


@lru_cache(maxsize=1)
def table() -> dict[str, tuple[str, ...]]:
    """Word or phrase (``look_up``) → what it may be written as instead."""
    with open(os.path.join(os.path.dirname(__file__), "synonyms.txt"), encoding="utf-8") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    found: dict[str, dict[str, None]] = {}
    for line in lines:
        asked, arrow, written = line.partition(">")
        words, others = asked.split(), written.split()
        for word in words:
            others_of_it = others if arrow else words
            found.setdefault(word, {}).update(
                (other, None) for other in others_of_it if other != word
            )
    return {word: tuple(others) for word, others in found.items()}


def synonyms(words: Sequence[str]) -> dict[str, list[str]]:
    """Each word or phrase of the question that has any → what it may be written as instead."""
    known = table()
    return {one: list(known[one]) for one in _phrases(words) if one in known}


def _phrases(words: Sequence[str]) -> Iterator[str]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST, len(words)) + 1):
            yield "_".join(words[start:end])
