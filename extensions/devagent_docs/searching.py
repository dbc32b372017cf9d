"""Search as the tools and the command line have it: readable hits with their places, and how sure they are."""

import re
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from devagent_docs.citing import Citation, cited
from devagent_docs.contract import DocsError, ResourceDict, Surroundings, may_read
from devagent_docs.meaning import fused
from devagent_docs.opening import Opened, Stored, opened, rarity
from devagent_docs.ranking import CANDIDATES, DEEP, Ranked, ranked
from devagent_docs.seeing import Sight
from devagent_docs.settings import Collection, index_folder, read_collections
from devagent_docs.sources import Source, open_source
from devagent_docs.store import Store
from devagent_docs.synonyms import synonyms
from devagent_docs.understanding import Understood, understood

MOST_QUERY = 1000
SURE = 0.4
"""Confidence from which the best hits are taken for an answer; below it grounded mode says "not found"."""
OF_ONE = 2
"""Sections of one document that are given."""
SNIPPET = 280
SUPPORT = 3
"""How many of the best hits confidence looks at."""


class Hit(NamedTuple):
    """One section that may answer. ``freshness`` says when it was indexed and whether its file changed since."""

    collection: str
    version: str
    chunk: Stored
    score: float
    snippet: str
    freshness: str

    @property
    def anchor(self) -> str:
        return self.chunk.anchors[0] if self.chunk.anchors else ""

    @property
    def document(self) -> str:
        """``collection:path``."""
        return f"{self.collection}:{self.chunk.path}"

    @property
    def places(self) -> Sequence[str]:
        """Anchors of its section and those around it, and the names it defines."""
        return (*self.chunk.anchors, *self.chunk.symbols)

    @property
    def citation(self) -> str:
        """``collection@version:path#anchor``."""
        return cited(Citation(self.collection, self.version, self.chunk.path, self.anchor))


class Answer(NamedTuple):
    """Hits, best first; ``confidence`` from 0 to 1; ``corrections`` are those that a hit bears out.

    ``missing`` are collections that were to be searched and have no index yet.
    """

    hits: list[Hit]
    confidence: float
    corrections: dict[str, str]
    missing: list[str]


def readable(here: Surroundings, name: str = "") -> list[Collection]:
    """The collections that the call may read: all, or the one that is named.

    Raises DocsError: nothing_readable; no_such_collection, said alike where it is not there and where it
    may not be read.
    """
    configured = read_collections(here.settings)
    if name:
        chosen = [configured[name]] if name in configured else []
    else:
        chosen = list(configured.values())
    allowed = may_read(here, [one.resource() for one in chosen])
    found = [one for one, may in zip(chosen, allowed, strict=True) if may]
    if found:
        return found
    if name:
        raise DocsError(f"There is no collection {name!r} for you.", error="no_such_collection")
    raise DocsError("There is no collection that you may read.", error="nothing_readable")


def search(here: Surroundings, query: str, collections: Sequence[Collection], limit: int) -> Answer:
    """The best sections for a question, one hit a section, a few of one document.

    Raises DocsError: bad_arguments, not_indexed, damaged, no_tantivy, no_model, cancelled.
    """
    if not query.strip() or len(query) > MOST_QUERY:
        raise DocsError(f"query has 1 to {MOST_QUERY} characters.", error="bad_arguments")
    everywhere, missing = _open(here, collections)
    about = understood(query, everywhere, Sight(here))
    for depth in (CANDIDATES, DEEP):
        found = ranked(about, everywhere, depth=depth)
        found = fused(here.settings, about, everywhere, found, depth)
        hits, refused = _chosen(here, about, found, limit)
        if len(hits) >= limit or not refused:
            break
    supporting = _supporting(hits, everywhere)
    bearing = {stem for _, stems in supporting for stem in stems}
    corrections = {
        word: near[0]
        for word, near in about.corrections.items()
        if everywhere[0].stem(near[0]) in bearing
    }
    return Answer(hits, _confidence(about, supporting, everywhere), corrections, missing)


def find_symbol(
    here: Surroundings, name: str, collections: Sequence[Collection], limit: int
) -> Answer:
    """The sections that define a name, and after them those that use it.

    Raises DocsError as ``search``.
    """
    wanted = name.strip().removesuffix("()").strip("`")
    if not wanted or len(wanted) > 200:
        raise DocsError("name has 1 to 200 characters.", error="bad_arguments")
    everywhere, missing = _open(here, collections)
    about = understood(wanted, everywhere, Sight(here))
    found = ranked(about, everywhere)
    hits, _ = _chosen(here, about, found, DEEP, per_document=DEEP)
    lower = wanted.lower()

    def rank(hit: Hit) -> int:
        names = hit.chunk.symbols
        if wanted in names:
            return 0
        if any(lower == one.lower() for one in names):
            return 1
        if any(one.lower().endswith(("." + lower, "::" + lower)) for one in names):
            return 2
        return 3 if lower in hit.chunk.text.lower() else 4

    hits = sorted((hit for hit in hits if rank(hit) < 4), key=rank)[:limit]
    defined = bool(hits) and rank(hits[0]) < 3
    return Answer(hits, 1.0 if defined else 0.5 if hits else 0.0, {}, missing)


def _open(here: Surroundings, collections: Sequence[Collection]) -> tuple[list[Opened], list[str]]:
    everywhere: list[Opened] = []
    missing: list[str] = []
    for collection in collections:
        found = opened(here, collection)
        if found is None:
            missing.append(collection.name)
        else:
            everywhere.append(found)
    if not everywhere:
        names = ", ".join(missing)
        raise DocsError(
            f"Not indexed yet: {names}. A person runs `devagent docs index`.", error="not_indexed"
        )
    return everywhere, missing


def _chosen(
    here: Surroundings,
    about: Understood,
    found: Sequence[Ranked],
    limit: int,
    *,
    per_document: int = OF_ONE,
) -> tuple[list[Hit], bool]:
    """The hits that may be read, one a section; and whether any was left out because it may not."""
    hits: list[Hit] = []
    seen: set[tuple[str, str, str]] = set()
    documents: dict[tuple[str, str], int] = {}
    refused = False
    freshness = Freshness(here)
    cancelled = getattr(here, "cancelled", None)
    for batch in _batches(found, max(10, limit * 2)):
        if isinstance(cancelled, threading.Event) and cancelled.is_set():
            raise DocsError("The call was cancelled.", error="cancelled")
        chunks = [(one, one.opened.chunk(one.address)) for one in batch]
        allowed = _allowed(here, chunks)
        for one, chunk in chunks:
            if not allowed[_key(one, chunk)]:
                refused = True
                continue
            name = one.opened.collection.name
            section = (name, chunk.path, chunk.anchors[0] if chunk.anchors else "")
            if section in seen or documents.get(section[:2], 0) >= per_document:
                continue
            seen.add(section)
            documents[section[:2]] = documents.get(section[:2], 0) + 1
            version = one.opened.current.version
            snippet = _snippet(chunk.text, about)
            hits.append(
                Hit(name, version, chunk, one.score, snippet, freshness.of(one.opened, chunk))
            )
            if len(hits) >= limit:
                return hits, refused
    return hits, refused


_Key = tuple[str, str]


def _key(one: Ranked, chunk: Stored) -> _Key:
    return one.opened.collection.name, chunk.path


def _allowed(here: Surroundings, chunks: list[tuple[Ranked, Stored]]) -> dict[_Key, bool]:
    resources: dict[_Key, ResourceDict] = {
        _key(one, chunk): one.opened.collection.resource(chunk.path, chunk.tags)
        for one, chunk in chunks
    }
    answers = may_read(here, list(resources.values()))
    return dict(zip(resources, answers, strict=True))


def _batches(found: Sequence[Ranked], size: int) -> Iterator[Sequence[Ranked]]:
    for start in range(0, len(found), size):
        yield found[start : start + size]


class Freshness:
    """When a document was indexed, and whether its file is still as it was then."""

    def __init__(self, here: Surroundings) -> None:
        self._here = here
        self._sources: dict[str, Source | None] = {}

    def of(self, one: Opened, chunk: Stored) -> str:
        """As ``indexed 2026-11-20, unchanged since``."""
        day = one.current.indexed_at[:10]
        name = one.collection.name
        if name not in self._sources:
            try:
                self._sources[name] = open_source(one.collection, self._here.folder)
            except DocsError:
                self._sources[name] = None
        source = self._sources[name]
        now = source.stamp(chunk.path) if source else ""
        if not now:
            return f"indexed {day}, source gone since"
        same = now == chunk.stamp
        return f"indexed {day}, {'unchanged' if same else 'CHANGED'} since"


def _confidence(
    about: Understood, supporting: Sequence[tuple[Hit, set[str]]], everywhere: Sequence[Opened]
) -> float:
    """How much of the question, by the rarity of its words, the best hits speak of.

    A word that no collection has weighs as much as the rarest one; a synonym counts half of its word.
    """
    words = about.question.words
    stem = everywhere[0].stem
    unknown = rarity(everywhere, "stem", "")[0]
    weight = {
        word: unknown if word in about.absent else rarity(everywhere, "stem", stem(word))[0]
        for word in words
    }
    weight |= {gram: rarity(everywhere, "cjk", gram)[0] for gram in about.question.cjk}
    whole = sum(weight.values())
    if not whole or not supporting:
        return 0.0
    others = synonyms(tuple(words))

    def share(word: str, stems: set[str], text: str) -> float:
        if word in about.question.cjk:
            return float(word in text)
        if stem(word) in stems:
            return 1.0
        if any(stem(near) in stems for near in about.corrections.get(word, ())):
            return 0.8
        return 0.5 if any(stem(other) in stems for other in others.get(word, ())) else 0.0

    return max(
        sum(share(word, stems, hit.chunk.text) * value for word, value in weight.items()) / whole
        for hit, stems in supporting
    )


def _supporting(hits: Sequence[Hit], everywhere: Sequence[Opened]) -> list[tuple[Hit, set[str]]]:
    """The best hits with the stems of their text."""
    return [
        (hit, set(everywhere[0].stems(f"{' '.join(hit.chunk.crumbs)}\n{hit.chunk.text}")))
        for hit in hits[:SUPPORT]
    ]


def _snippet(text: str, about: Understood) -> str:
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


def counted(here: Surroundings, collection: Collection) -> tuple[int, int] | None:
    """How many documents, and chunks, of a collection the call may read; None where it has no index that can be read.

    Raises DocsError: damaged, no_tantivy.
    """
    one = opened(here, collection)
    if one is None:
        return None
    if getattr(here, "may_read", None) is None:
        return one.current.documents, one.current.chunks
    records = [record for record in one.records() if not record["skipped"]]
    allowed = may_read(
        here, [collection.resource(record["path"], record["tags"]) for record in records]
    )
    chunks = [record["chunks"] for record, may in zip(records, allowed, strict=True) if may]
    return len(chunks), sum(chunks)


def index_of(here: Surroundings, collection: Collection) -> Store:
    """Where a collection's index lies."""
    return Store(index_folder(here.settings), collection.name)
