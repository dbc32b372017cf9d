"""Search as the tools and the command line have it: readable hits with their places."""

import threading
from collections.abc import Iterator, Sequence

from devagent_docs.confidence import confidence, supporting
from devagent_docs.contract import DocsError, ResourceDict, Surroundings, may_read
from devagent_docs.freshness import Freshness
from devagent_docs.hits import Answer, Hit
from devagent_docs.meaning import fused
from devagent_docs.opening import EVERYTHING, Opened, Stored, opened
from devagent_docs.ranking import CANDIDATES, DEEP, Ranked, ranked
from devagent_docs.seeing import Sight
from devagent_docs.settings import Collection, index_folder, read_collections
from devagent_docs.snippets import snippet
from devagent_docs.store import Store
from devagent_docs.understanding import Understood, understood

MOST_QUERY = 1000
OF_ONE = 2
"""Sections of one document that are given."""


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
    # What policy withholds does not hide what it allows: it is looked deeper, and as deep as it goes for a first hit.
    for depth in (CANDIDATES, DEEP, EVERYTHING):
        found = ranked(about, everywhere, depth=depth)
        found = fused(here.settings, about, everywhere, found, depth)
        hits, refused = _chosen(here, about, found, limit)
        if len(hits) >= limit or not refused or (hits and depth >= DEEP):
            break
    best = supporting(hits, everywhere)
    bearing = {stem for one in best for stem in one.stems}
    corrections = {
        word: near[0]
        for word, near in about.corrections.items()
        if everywhere[0].stem(near[0]) in bearing
    }
    return Answer(hits, confidence(about, best, everywhere), corrections, missing)


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
            shown = snippet(chunk.text, about)
            hits.append(
                Hit(name, version, chunk, one.score, shown, freshness.of(one.opened, chunk))
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
