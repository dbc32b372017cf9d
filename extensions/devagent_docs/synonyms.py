"""The trade's synonyms, from ``synonyms.txt``: words that mean one thing in documentation."""

import os
from functools import lru_cache
from itertools import pairwise


@lru_cache(maxsize=1)
def groups() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Word or phrase (``look_up``) → the groups that it stands in."""
    with open(os.path.join(os.path.dirname(__file__), "synonyms.txt"), encoding="utf-8") as file:
        lines = [tuple(line.split()) for line in file if line.strip() and not line.startswith("#")]
    table: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        for word in line:
            table.setdefault(word, []).append(line)
    return {word: tuple(found) for word, found in table.items()}


def synonyms(words: tuple[str, ...]) -> dict[str, list[str]]:
    """Each word or phrase of the question that has any → the others of its groups."""
    table = groups()
    pairs = [f"{a}_{b}" for a, b in pairwise(words)]
    return {
        word: list(
            dict.fromkeys(other for group in table[word] for other in group if other != word)
        )
        for word in (*words, *pairs)
        if word in table
    }
