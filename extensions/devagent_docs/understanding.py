"""From a question to what the index is asked for.

1. Words that no collection has, as far as the call may know, are corrected by the words that they have.
2. Words of talk (``talk.txt``) count little: that they are rare in reference documentation means nothing.
3. The trade's synonyms stand beside a word at a lower weight; not beside a name, nor where the question names a
   symbol that is documented.
4. Names are looked for as exact symbols, neighbouring words as names too (lru cache: lru_cache), and as phrases.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from devagent_docs.correcting import corrected
from devagent_docs.opening import Opened
from devagent_docs.seeing import Sight
from devagent_docs.synonyms import synonyms
from devagent_docs.talk import talk_words
from devagent_docs.words import Question, taken_apart


class Weights(NamedTuple):
    """How much each part counts; found on the open questions (docs/extensions/docs.md)."""

    stem: float = 1.0
    plain: float = 0.5
    gist: float = 0.2
    names: float = 0.7
    parts: float = 0.5
    defines: float = 1.5
    exact: float = 0.5
    joined: float = 0.4
    word_defines: float = 0.3
    pairs: float = 0.3
    synonym: float = 0.8
    talk: float = 0.4
    correction: float = 0.8
    page: float = 1.0
    lead: float = 1.0
    lead_of_symbol: float = 0.5
    prior: float = 1.0
    called: float = 5.0
    tie: float = 0.1
    cjk: float = 1.0


WEIGHTS = Weights()


class Term(NamedTuple):
    """A term to look for; of those with the same ``concept`` the best counts, and the others a little."""

    concept: str
    field: str
    term: str
    weight: float


class Understood(NamedTuple):
    """What a question was taken for. ``corrections`` maps a misspelt word to what was looked for instead.

    ``names`` is what a document may be called; ``symbol`` says whether the question names one that is documented;
    ``named`` are the collections that it names, where it names some of those searched, and not all; ``absent``
    its words that no collection has.
    """

    question: Question
    corrections: dict[str, list[str]]
    terms: tuple[Term, ...]
    pairs: tuple[tuple[str, str], ...]
    names: tuple[str, ...] = ()
    symbol: bool = False
    named: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


def understood(
    text: str, everywhere: Sequence[Opened], sight: Sight, weights: Weights = WEIGHTS
) -> Understood:
    """The question as the query's terms, as far as the call may know the words of the collections."""
    question = taken_apart(text)
    symbol = any(sight.knows(one, "defines", name) for name in question.names for one in everywhere)
    named = _named(question, everywhere)
    found = _Found(everywhere, sight, weights, frozenset(name.lower() for name in named))
    words = list(found.take_words(question.words))
    joined = [f"{a}{mark}{b}" for a, b in pairwise(words) for mark in ("_", ".", "-", "")]
    found.take_names(question.names, 1.0)
    found.take_names(joined, weights.joined)
    for name in question.exact:
        if any(one.frequency("defines", f"={name}") for one in everywhere):
            found.add("defines", f"={name}", weights.exact)
    if not symbol:
        found.take_synonyms(words, question.names)
    for gram in question.cjk:
        found.add("cjk", gram, weights.cjk)
    if not symbol:
        found.take_gists()
    names = tuple(dict.fromkeys((*words, *question.names, *joined)))
    pairs = tuple(pairwise(words))
    return Understood(
        question, found.corrections, tuple(found.terms.values()), pairs, names, symbol, named,
        frozenset(found.absent),
    )  # fmt: skip


def _named(question: Question, everywhere: Sequence[Opened]) -> frozenset[str]:
    collections = {one.collection.name for one in everywhere}
    named = {name for name in collections if name.lower() in question.words}
    return frozenset(named) if named != collections else frozenset()


class _Found:
    """The terms as they come together; of one that is met twice the higher weight holds."""

    def __init__(
        self, everywhere: Sequence[Opened], sight: Sight, weights: Weights, named: frozenset[str]
    ) -> None:
        self._everywhere, self._sight, self._weights = everywhere, sight, weights
        # What names a collection says where to look, and little about what for.
        self._talk = talk_words() | named
        self._stem = everywhere[0].stem
        self.terms: dict[tuple[str, str], Term] = {}
        self.corrections: dict[str, list[str]] = {}
        self.absent: set[str] = set()

    def add(self, field: str, term: str, weight: float, concept: str = "") -> None:
        before = self.terms.get((field, term))
        if before is None or weight > before.weight:
            self.terms[field, term] = Term(concept, field, term, weight)

    def take_words(self, words: Sequence[str]) -> Iterator[str]:
        """Each word, as it is or as it was meant."""
        for word in words:
            if word in self._talk:
                self._take_word(word, self._weights.talk, word, defines=False)
                yield word
            elif self._is_known(word):
                self._take_word(word, 1.0, word, defines=len(word) > 2)
                yield word
            else:
                self.absent.add(word)
                near = corrected(word, self._everywhere, self._sight)
                if not near:
                    continue
                self.corrections[word] = near
                for other in near:
                    self._take_word(other, self._weights.correction, word, defines=True)
                yield near[0]

    def take_names(self, names: Sequence[str], share: float) -> None:
        weights = self._weights
        wanted = (
            ("names", weights.names), ("parts", weights.parts), ("defines", weights.defines),
        )  # fmt: skip
        for name in names:
            for field, weight in wanted:
                if any(one.frequency(field, name) for one in self._everywhere):
                    self.add(field, name, weight * share)

    def take_synonyms(self, words: Sequence[str], names: Sequence[str]) -> None:
        """What words and phrases may be written as instead; each word of a phrase counts its part."""
        talk = talk_words()
        skipped = talk | {part for name in names for part in re.findall(r"[^\W_]+", name)}
        weight = self._weights.synonym * self._weights.stem
        for word, others in synonyms(words).items():
            if word in skipped:
                continue
            for other in others:
                phrase = other.split("_") if "_" in other.strip("_") else [other]
                parts = [part for part in phrase if part not in talk] or phrase
                for part in parts:
                    self.add("stem", self._stem(part), weight / len(parts), word)

    def take_gists(self) -> None:
        """Every stem once more, in what a section says it is about."""
        if self._weights.gist:
            for term in [term for term in self.terms.values() if term.field == "stem"]:
                weight = term.weight * self._weights.gist
                self.add("gist", term.term, weight, f"gist:{term.concept}")

    def _take_word(self, word: str, share: float, concept: str, *, defines: bool) -> None:
        self.add("plain", word, self._weights.plain * share)
        self.add("stem", self._stem(word), self._weights.stem * share, concept)
        if defines:
            self.add("defines", word, self._weights.word_defines * share)

    def _is_known(self, word: str) -> bool:
        stem, knows = self._stem(word), self._sight.knows
        return any(
            knows(one, "plain", word) or knows(one, "stem", stem) for one in self._everywhere
        )
