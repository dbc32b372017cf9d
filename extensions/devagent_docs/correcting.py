"""Misspelt words, corrected by the words of the collections searched, and of those alone."""

from collections.abc import Sequence
from itertools import islice

from devagent_docs.opening import Opened, letters
from devagent_docs.seeing import Sight

LEAST = 4
"""Letters below which a word is not corrected: too many words are near."""


def corrected(word: str, everywhere: Sequence[Opened], sight: Sight) -> list[str]:
    """The likeliest words for one that no collection has, best first, at most two; none where none is near.

    Words of documents that the call may not read are none.
    """
    if len(word) < LEAST or word.isdigit():
        return []
    found: dict[str, tuple[int, int]] = {}
    most = 1 if len(word) < 6 else 2
    own = letters(word)
    for first in dict.fromkeys((word[0], word[1])):
        for one in everywhere:
            vocabulary = one.vocabulary(first)
            for length in range(len(word) - most, len(word) + most + 1):
                # A step changes one letter for another at most; what makes it longer or shorter, one letter alone.
                letters_apart = 2 * most - abs(length - len(word))
                for bits, known, count in vocabulary.get(length, ()):
                    if (bits ^ own).bit_count() > letters_apart:
                        continue
                    if (steps := distance(word, known, most)) <= most:
                        had = found.get(known, (steps, 0))
                        found[known] = (steps, had[1] + count)
        best = _likeliest(found, everywhere, sight)
        if best and found[best[0]][0] == 1:
            return best
    return _likeliest(found, everywhere, sight)


def _likeliest(
    found: dict[str, tuple[int, int]], everywhere: Sequence[Opened], sight: Sight
) -> list[str]:
    """Of the nearest the most frequent one, and another that is about as frequent."""
    order = sorted(found, key=lambda word: (-found[word][0], found[word][1], word), reverse=True)
    known = (word for word in order if any(sight.knows(one, "plain", word) for one in everywhere))
    best = list(islice(known, 2))
    steps, most = found[best[0]] if best else (0, 0)
    return [one for one in best if found[one][0] == steps and found[one][1] * 4 >= most]


def distance(a: str, b: str, most: int) -> int:
    """The steps (one letter more, fewer, another, or two swapped) between two words; more than ``most`` = most + 1."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    start = 0
    least = min(len(a), len(b))
    while start < least and a[start] == b[start]:
        start += 1
    end = 0
    while end < least - start and a[-1 - end] == b[-1 - end]:
        end += 1
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    if not a or not b:
        return len(a) + len(b)
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            step = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                step = min(step, before_last[j - 2] + 1)
            row.append(step)
        if min(row) > most:
            return most + 1
        before_last, last = last, row
    return last[-1]
