"""Words of talk, from ``talk.txt``: what a question is made of, and not what it is about."""

import os
from functools import lru_cache


@lru_cache(maxsize=1)
def talk_words() -> frozenset[str]:
    """The words, in lower case."""
    with open(os.path.join(os.path.dirname(__file__), "talk.txt"), encoding="utf-8") as file:
        return frozenset(word for line in file if not line.startswith("#") for word in line.split())
