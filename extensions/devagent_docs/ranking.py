"""From a question to chunks, best first.

1. Words that no collection has are corrected by the words that they have.
2. One query over the combined field, plain and stemmed, with names as exact symbols, pairs of neighbouring words as
   phrases, and the trade's synonyms at a lower weight.
3. Each chunk gains a part of its whole document's score: the right page lifts its sections.

Frequencies are those of all the collections searched, and of no other (``opening.rarity``), so that
scores of several indexes compare and what may not be read has no influence.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from devagent_docs import schema
from devagent_docs.correcting import corrected
from devagent_docs.opening import OF_DOCUMENTS, Opened, rarity
from devagent_docs.synonyms import synonyms
from devagent_docs.words import Question, taken_apart

if TYPE_CHECKING:
    import tantivy


class Weights(NamedTuple):
    """How much each part counts; found on the open half of the questions (docs/extensions/docs.md)."""

    stem: float = 1.0
    plain: float = 0.5
    names: float = 0.7
    parts: float = 0.5
    defines: float = 1.5
    exact: float = 0.5
    joined: float = 0.4
    word_defines: float = 0.3
    pairs: float = 0.3
    synonym: float = 0.5
    correction: float = 0.8
    page: float = 1.0
    lead: float = 0.5
    prior: float = 1.0
    own: float = 0.1
    called: float = 5.0
    tie: float = 0.1
    sections_of_one: int = 2
    cjk: float = 1.0


WEIGHTS = Weights()
COMMON = 0.03
"""The share of chunks from which a word is too common to be looked for beside its neighbour."""
CANDIDATES = 60
"""Chunks of each collection that are looked at."""
DEEP = 600
"""As many where policy left too few of them."""


class Ranked(NamedTuple):
    """A chunk's place and score."""

    score: float
    opened: Opened
    address: "tantivy.DocAddress"
    number: int


class Term(NamedTuple):
    """A term to look for; of those with the same ``concept`` the best counts, and the others a little."""

    concept: str
    field: str
    term: str
    weight: float


class Understood(NamedTuple):
    """What a question was taken for. ``corrections`` maps a misspelt word to what was looked for instead."""

    question: Question
    corrections: dict[str, list[str]]
    terms: tuple["Term", ...]
    pairs: tuple[tuple[str, str], ...]
    names: tuple[str, ...] = ()
    """What a document may be called."""


def understood(text: str, everywhere: Sequence[Opened], weights: Weights = WEIGHTS) -> Understood:
    """The question as the query's terms."""
    question = taken_apart(text)
    stem = everywhere[0].stem
    terms: dict[tuple[str, str], Term] = {}

    def add(field: str, term: str, weight: float, concept: str = "") -> None:
        if (field, term) not in terms or weight > terms[field, term].weight:
            terms[field, term] = Term(concept, field, term, weight)

    corrections: dict[str, list[str]] = {}
    words: list[str] = []
    for word in question.words:
        if _is_known(word, everywhere):
            add("plain", word, weights.plain)
            add("stem", stem(word), weights.stem, word)
            if len(word) > 2:
                add("defines", word, weights.word_defines)
            words.append(word)
            continue
        near = corrected(word, everywhere)
        if near:
            corrections[word] = near
            words.append(near[0])
        for other in near:
            add("plain", other, weights.plain * weights.correction)
            add("stem", stem(other), weights.stem * weights.correction, word)
            add("defines", other, weights.word_defines * weights.correction)
    joined = [f"{a}{mark}{b}" for a, b in pairwise(words) for mark in ("_", ".", "-", "")]
    for names, share in ((question.names, 1.0), (joined, weights.joined)):
        for name in names:
            for field, weight in (
                ("names", weights.names),
                ("parts", weights.parts),
                ("defines", weights.defines),
            ):
                if any(one.frequency(field, name) for one in everywhere):
                    add(field, name, weight * share)
    for name in question.exact:
        if any(one.frequency("defines", f"={name}") for one in everywhere):
            add("defines", f"={name}", weights.exact)
    for word, others in synonyms(tuple(words)).items():
        for other in others:
            for part in other.split("_"):
                add("stem", stem(part), weights.synonym * weights.stem, word)
    for gram in question.cjk:
        add("cjk", gram, weights.cjk)
    pairs = tuple(pairwise(words))
    names = tuple(dict.fromkeys((*words, *question.names, *joined)))
    return Understood(question, corrections, tuple(terms.values()), pairs, names)


def ranked(
    about: Understood,
    everywhere: Sequence[Opened],
    weights: Weights = WEIGHTS,
    *,
    depth: int = CANDIDATES,
) -> list[Ranked]:
    """The best chunks of all the collections, best first, ``depth`` of each."""
    return _run(about, about.terms, everywhere, weights, depth)


def _is_known(word: str, everywhere: Sequence[Opened]) -> bool:
    return any(
        one.frequency("plain", word) or one.frequency("stem", one.stem(word)) for one in everywhere
    )


def _run(
    about: Understood,
    terms: Sequence[Term],
    everywhere: Sequence[Opened],
    weights: Weights,
    depth: int,
) -> list[Ranked]:
    of_documents = [
        term._replace(field=field)
        for term in terms
        for field, weight in (("page", weights.page), ("lead", weights.lead))
        if term.field == "stem" and weight
    ]
    asked = [*terms, *of_documents]
    boosts = [_boosts(term, everywhere) for term in asked]
    found: list[Ranked] = []
    for number, one in enumerate(everywhere):
        mine = [
            term._replace(weight=boost[number])
            for term, boost in zip(asked, boosts, strict=True)
            if boost[number] and one.frequency(term.field, term.term)
        ]
        if any(term.field not in OF_DOCUMENTS for term in mine):
            own = 1 + weights.own if _is_meant(one, about.question.words) else 1.0
            found += [
                hit._replace(score=hit.score * own)
                for hit in _search(one, about, mine, weights, depth)
            ]
    found.sort(key=lambda hit: -hit.score)
    return found


def _is_meant(one: Opened, words: Sequence[str]) -> bool:
    """Whether the question names the collection itself: git, postgres for postgresql."""
    name = one.collection.name.lower()
    return any(len(word) > 2 and (name.startswith(word) or word.startswith(name)) for word in words)


def _boosts(term: Term, everywhere: Sequence[Opened]) -> list[float]:
    whole, each = rarity(everywhere, term.field, term.term)
    if term.field in _FLAT:
        return [term.weight * whole for _ in each]
    return [term.weight * whole / mine if mine else 0.0 for mine in each]


def _search(
    one: Opened, about: Understood, terms: list[Term], weights: Weights, depth: int
) -> list[Ranked]:
    query = schema.library().Query
    should: Any = schema.library().Occur.Should
    of_chunks = [term for term in terms if term.field not in OF_DOCUMENTS]
    parts = [(should, part) for part in _parts(one, of_chunks, weights)]
    if weights.pairs:
        for a, b in about.pairs:
            # A pair of two frequent words says little and costs most: both their places are read everywhere.
            if 0 < min(one.frequency("plain", a), one.frequency("plain", b)) <= one.size * COMMON:
                phrase = query.phrase_query(one.schema, "plain", [a, b])
                parts.append((should, query.boost_query(phrase, weights.pairs)))
    hits = one.searcher.search(query.boolean_query(parts), limit=depth, count=False).hits
    addresses = [address for _, address in hits]
    numbers = [int(number or 0) for number in one.searcher.fast_field_values("number", addresses)]
    priors = one.searcher.fast_field_values("prior", addresses)
    whole = [
        (weight, _of_documents(one, [term for term in terms if term.field == field], weights))
        for field, weight in (("page", weights.page), ("lead", weights.lead))
    ]
    called = _called(one, about.names) if weights.called else set[int]()
    return [
        Ranked(
            (
                score
                + sum(weight * pages.get(number, 0.0) for weight, pages in whole)
                + weights.called * (number in called)
            )
            * float(prior or 1.0) ** weights.prior,
            one,
            address,
            number,
        )
        for (score, address), number, prior in zip(hits, numbers, priors, strict=True)
    ]


def _parts(one: Opened, terms: list[Term], weights: Weights) -> "list[tantivy.Query]":
    """A query for each concept, and for each term that belongs to none."""
    query = schema.library().Query
    concepts: dict[str, list[tantivy.Query]] = {}
    for concept, field, term, boost in terms:
        made = query.term_query(one.schema, field, term, _OPTIONS[field])
        flat = field in _FLAT
        made = query.const_score_query(made, boost) if flat else query.boost_query(made, boost)
        concepts.setdefault(concept or f"{field}:{term}", []).append(made)
    return [
        made[0] if len(made) == 1 else query.disjunction_max_query(made, weights.tie)
        for made in concepts.values()
    ]


def _called(one: Opened, names: Sequence[str]) -> set[int]:
    """Documents whose own name stands in the question, by their numbers: git-log, json."""
    query = schema.library().Query
    should: Any = schema.library().Occur.Should
    wanted = [name for name in names if one.frequency("own", name)]
    if not wanted:
        return set()
    parts = [(should, query.term_query(one.schema, "own", name, "basic")) for name in wanted]
    hits = one.searcher.search(query.boolean_query(parts), limit=CANDIDATES, count=False).hits
    numbers = one.searcher.fast_field_values("number", [address for _, address in hits])
    return {int(number or 0) for number in numbers}


def _of_documents(one: Opened, terms: list[Term], weights: Weights) -> dict[int, float]:
    """The score of the best documents as wholes, by their numbers."""
    if not terms:
        return {}
    query = schema.library().Query
    should: Any = schema.library().Occur.Should
    parts = [(should, part) for part in _parts(one, terms, weights)]
    hits = one.searcher.search(query.boolean_query(parts), limit=CANDIDATES, count=False).hits
    numbers = one.searcher.fast_field_values("number", [address for _, address in hits])
    return {int(number or 0): score for number, (score, _) in zip(numbers, hits, strict=True)}


_FLAT = frozenset({"names", "parts", "defines"})
"""Fields whose length says nothing: a term in them weighs its rarity, however many stand beside it."""
_OPTIONS = {"plain": "freq", "stem": "freq", "cjk": "freq", "page": "freq", "lead": "freq", "names": "basic", "parts": "basic", "defines": "basic"}  # fmt: skip
