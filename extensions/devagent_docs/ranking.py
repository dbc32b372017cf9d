"""From what a question was taken for to chunks, best first.

1. One query over the chunks: the combined field, plain and stemmed, with names, phrases and synonyms.
2. One over the documents: each chunk gains its whole document's score, so that the right page lifts its sections.
3. Of a question that names one of the collections searched (sort a list in python) the others count less.

Frequencies are those of all the collections searched, and of no other (``opening.rarity``), so that
scores of several indexes compare and what may not be read has no influence.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from devagent_docs import schema
from devagent_docs.opening import OF_DOCUMENTS, Opened, rarity
from devagent_docs.understanding import WEIGHTS, Term, Understood, Weights

if TYPE_CHECKING:
    import tantivy

COMMON = 0.03
"""The share of chunks from which a word is too common to be looked for beside its neighbour."""
FREQUENT = {"plain": 0.05, "gist": 0.1}
"""The share of chunks from which a word is looked for by its stem in the text, and no longer in this field."""
EVERYWHERE = {"stem": 0.2, "page": 0.7, "lead": 0.7}
"""The share of chunks, or of documents, from which a word tells nothing, though all of them have to be read for it."""
LARGE = 10_000
"""Chunks from which that is worth saving; in fewer of them every word counts."""
NOT_NAMED = 0.8
"""What a hit is worth where the question names another collection."""
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


def ranked(
    about: Understood,
    everywhere: Sequence[Opened],
    weights: Weights = WEIGHTS,
    *,
    depth: int = CANDIDATES,
) -> list[Ranked]:
    """The best chunks of all the collections, best first, ``depth`` of each."""
    asked = _worth_it([*about.terms, *_of_documents(about, weights)], everywhere)
    boosts = [_boosts(term, everywhere) for term in asked]
    found: list[Ranked] = []
    for number, one in enumerate(everywhere):
        mine = [
            Term(term.concept, term.field, term.term, boost[number])
            for term, boost in zip(asked, boosts, strict=True)
            if boost[number]
        ]
        of_chunks = [term for term in mine if term.field not in OF_DOCUMENTS]
        if of_chunks:
            pages = _pages(one, about.names, mine, weights)
            share = NOT_NAMED if about.named and one.collection.name not in about.named else 1.0
            found += _search(one, about, of_chunks, pages, weights, depth, share)
    found.sort(key=lambda hit: -hit.score)
    return found


def _worth_it(terms: Sequence[Term], everywhere: Sequence[Opened]) -> list[Term]:
    """The terms that are worth their time: neither what a frequent word's stem says already, nor words that stand
    everywhere beside others that do not."""
    size = sum(one.size for one in everywhere)
    documents = sum(one.current.documents for one in everywhere)

    def share(term: Term) -> float:
        field = "stem" if term.field == "gist" else term.field
        of = documents if field in OF_DOCUMENTS else size
        return sum(one.frequency(field, term.term) for one in everywhere) / max(1, of)

    once = [t for t in terms if t.field not in FREQUENT or share(t) <= FREQUENT[t.field]]
    if size < LARGE:
        return once
    telling = [t for t in once if t.field not in EVERYWHERE or share(t) <= EVERYWHERE[t.field]]
    stem = everywhere[0].stem
    # One of the question's own words must be left, and not only what may be written in its place.
    own = any(t.field == "stem" and share(t) and t.term == stem(t.concept) for t in telling)
    return telling if own else once


def _of_documents(about: Understood, weights: Weights) -> list[Term]:
    lead = weights.lead_of_symbol if about.symbol else weights.lead
    return [
        Term(f"{field}:{term.concept}", field, term.term, term.weight * weight)
        for term in about.terms
        if term.field == "stem"
        for field, weight in (("page", weights.page), ("lead", lead))
        if weight
    ]


def _boosts(term: Term, everywhere: Sequence[Opened]) -> list[float]:
    whole, each = rarity(everywhere, term.field, term.term)
    if term.field in _FLAT:
        return [term.weight * whole if mine else 0.0 for mine in each]
    return [term.weight * whole / mine if mine else 0.0 for mine in each]


def _search(
    one: Opened,
    about: Understood,
    terms: list[Term],
    pages: dict[int, float],
    weights: Weights,
    depth: int,
    share: float,
) -> list[Ranked]:
    query = schema.library().Query
    parts = _parts(one, terms, weights)
    if weights.pairs:
        for a, b in about.pairs:
            # A pair of two frequent words says little and costs most: both their places are read everywhere.
            if 0 < min(one.frequency("plain", a), one.frequency("plain", b)) <= one.size * COMMON:
                phrase = query.phrase_query(one.schema, "plain", [a, b])
                parts.append(query.boost_query(phrase, weights.pairs))
    hits = _best(one, parts, depth)
    addresses = [address for _, address in hits]
    numbers = [int(number or 0) for number in one.numbers("number", addresses)]
    priors = one.numbers("prior", addresses)
    return [
        Ranked(
            share * (score + pages.get(number, 0.0)) * float(prior or 1.0) ** weights.prior,
            one,
            address,
            number,
        )
        for (score, address), number, prior in zip(hits, numbers, priors, strict=True)
    ]


def _pages(
    one: Opened, names: Sequence[str], terms: Sequence[Term], weights: Weights
) -> dict[int, float]:
    """The score of the best documents as wholes, by their numbers.

    A document whose own name stands in the question (git-log, json) counts more.
    """
    query = schema.library().Query
    parts = _parts(one, [term for term in terms if term.field in OF_DOCUMENTS], weights)
    called = [name for name in names if one.frequency("own", name)]
    if called and weights.called:
        terms_of_it = [query.term_query(one.schema, "own", name, "basic") for name in called]
        either = query.disjunction_max_query(terms_of_it) if len(called) > 1 else terms_of_it[0]
        parts.append(query.const_score_query(either, weights.called))
    if not parts:
        return {}
    hits = _best(one, parts, CANDIDATES)
    numbers = one.numbers("number", [address for _, address in hits])
    return {int(number or 0): score for number, (score, _) in zip(numbers, hits, strict=True)}


def _best(
    one: Opened, parts: "list[tantivy.Query]", most: int
) -> "list[tuple[float, tantivy.DocAddress]]":
    library = schema.library()
    should: Any = library.Occur.Should
    query = library.Query.boolean_query([(should, part) for part in parts])
    return one.find(query, most)


def _parts(one: Opened, terms: Sequence[Term], weights: Weights) -> "list[tantivy.Query]":
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


_FLAT = frozenset({"names", "parts", "defines"})
"""Fields whose length says nothing: a term in them weighs its rarity, however many stand beside it."""
_OPTIONS = {"plain": "freq", "stem": "freq", "gist": "freq", "cjk": "freq", "page": "freq", "lead": "freq", "names": "basic", "parts": "basic", "defines": "basic"}  # fmt: skip
