"""Opened indexes: kept for the life of the process, and opened anew when a run has changed them."""

import json
import math
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from devagent_docs import schema
from devagent_docs.contract import DocsError, Surroundings
from devagent_docs.settings import Collection, index_folder
from devagent_docs.store import Current, Store, format_digest
from devagent_docs.vectors import Vectors, read

if TYPE_CHECKING:
    import tantivy


EVERYTHING = 10_000_000
"""More than an index holds: the library wants a number."""


class Stored(NamedTuple):
    """A chunk as the index keeps it (``chunks.Chunk`` with its place)."""

    path: str
    ordinal: int
    crumbs: list[str]
    anchors: list[str]
    line: int
    end: int
    text: str
    symbols: list[str]
    part: int
    tags: list[str]
    stamp: str


class Known(NamedTuple):
    """A word of a collection: its letters as bits, and in how many chunks it stands."""

    letters: int
    word: str
    chunks: int


def letters(word: str) -> int:
    """The letters of a word as bits: words that differ in many letters need not be compared step by step."""
    bits = 0
    for sign in word:
        bits |= 1 << (ord(sign) & 63)
    return bits


class Opened:
    """One collection's index, opened for reading."""

    def __init__(
        self, collection: Collection, current: Current, place: str, vectors_in: str = ""
    ) -> None:
        library = schema.library()
        self.collection, self.current = collection, current
        with self._reading():
            self._index: tantivy.Index = library.Index.open(place)
            self._stems = schema.register(self._index, collection.language)
            self._searcher: tantivy.Searcher = self._index.searcher()
        self._vectors_in = vectors_in
        self._vectors: Vectors | None = None
        self._places: dict[tuple[int, int], tantivy.DocAddress] = {}
        self.schema = self._index.schema
        self.size = max(1, self._searcher.num_docs)
        self.stem = lru_cache(maxsize=4096)(self._stem)
        self.frequency = lru_cache(maxsize=65_536)(self._frequency)
        self.vocabulary = lru_cache(maxsize=64)(self._vocabulary)

    def _stem(self, word: str) -> str:
        """The word as the field ``stem`` has it."""
        found = self._stems.analyze(word)
        return found[0] if found else word

    def stems(self, text: str) -> list[str]:
        """The stems of a text, in order."""
        return self._stems.analyze(text)

    @contextmanager
    def _reading(self) -> Generator[None]:
        """What reading a damaged file raises is the index's fault. Raises DocsError damaged."""
        with told_damaged(lambda _: damaged(self.collection.name)):
            yield

    def find(self, query: "tantivy.Query", most: int) -> "list[tuple[float, tantivy.DocAddress]]":
        """The best chunks or records for a query, with their scores. Raises DocsError damaged."""
        with self._reading():
            return self._searcher.search(query, limit=most, count=False).hits

    def numbers(self, field: str, addresses: "list[tantivy.DocAddress]") -> list[float | None]:
        """A number that each of them has; None where it has none. Raises DocsError damaged."""
        with self._reading():
            return self._searcher.fast_field_values(field, addresses)

    def _stored(self, address: "tantivy.DocAddress") -> dict[str, Any]:
        with self._reading():
            return json.loads(self._searcher.doc(address)["stored"][0])

    def _every(self) -> "list[tantivy.DocAddress]":
        return [at for _, at in self.find(schema.library().Query.all_query(), EVERYTHING)]

    def _frequency(self, field: str, term: str) -> int:
        """In how many chunks the term stands."""
        with self._reading():
            return self._searcher.doc_freq(field, term)

    def _vocabulary(self, first: str) -> dict[int, list[Known]]:
        """The collection's words that begin with a sign, by their length."""
        found: dict[int, list[Known]] = {}
        with self._reading():
            words = self._searcher.terms_with_prefix("plain", first)
        for word, count in words:
            if not word.isdigit():
                found.setdefault(len(word), []).append(Known(letters(word), word, count))
        return found

    def vectors(self) -> Vectors | None:
        """The vectors of its chunks; None where there are none. Raises DocsError damaged, no_model."""
        if self._vectors is None and self._vectors_in:
            self._vectors = read(self._vectors_in)
        return self._vectors

    def place(self, number: int, ordinal: int) -> "tantivy.DocAddress | None":
        """The chunk's address, by its document's number and its place in it. Raises DocsError damaged."""
        if not self._places:
            addresses = self._every()
            keys = zip(
                self.numbers("number", addresses), self.numbers("ordinal", addresses), strict=True
            )
            self._places = {
                (int(one), int(other)): at
                for (one, other), at in zip(keys, addresses, strict=True)
                if one is not None and other is not None  # a record has no place
            }
        return self._places.get((number, ordinal))

    def chunk(self, address: "tantivy.DocAddress") -> Stored:
        """The chunk at an address. Raises DocsError damaged."""
        return self._chunk(self._stored(address))

    def _chunk(self, values: dict[str, Any]) -> Stored:
        with self._reading():
            return Stored(**values)

    def having(self, field: str, term: str, most: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Path and labels of the documents of ``most`` chunks that have a term, each once."""
        query = schema.library().Query.term_query(self.schema, field, term, "basic")
        addresses = [at for _, at in self.find(query, most)]
        for at in dict(zip(self.numbers("number", addresses), addresses, strict=True)).values():
            stored = self._stored(at)
            yield stored["path"], tuple(stored["tags"])

    def records(self) -> Iterator[dict[str, Any]]:
        """What the index knows of each document as a whole."""
        every = schema.library().Query.regex_query(self.schema, "record", ".*")
        for _, at in self.find(every, EVERYTHING):
            yield self._stored(at)

    def document(self, path: str) -> list[Stored]:
        """All chunks of a document, in reading order."""
        term = schema.library().Query.term_query(self.schema, "path", path, "basic")
        stored = [self._stored(at) for _, at in self.find(term, EVERYTHING)]
        chunks = [self._chunk(values) for values in stored if "ordinal" in values]
        return sorted(chunks, key=lambda chunk: chunk.ordinal)

    def everything(self) -> Iterator[Stored]:
        """Every chunk of the collection, in no order."""
        for at in self._every():
            values = self._stored(at)
            if "ordinal" in values:
                yield self._chunk(values)

    def record(self, path: str) -> dict[str, Any] | None:
        """What the index knows of a document as a whole."""
        term = schema.library().Query.term_query(self.schema, "record", path, "basic")
        hits = self.find(term, 1)
        return self._stored(hits[0][1]) if hits else None


@contextmanager
def told_damaged(said: Callable[[BaseException], DocsError]) -> Generator[None]:
    """Raises what ``said`` makes of an error that reading or writing a damaged index raised.

    These are the library's and JSON's ValueErrors, records with other fields than ours, and what becomes of an assertion
    that failed in the library: no Exception, and no class of it can be imported.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (ValueError, TypeError)) or type(error).__name__ == "PanicException":
            raise said(error) from error
        raise


def damaged(name: str) -> DocsError:
    """What is said of a collection whose index cannot be read."""
    return DocsError(
        f"The index of {name!r} is damaged: run `devagent docs index --rebuild {name}`.",
        error="damaged",
    )


_opened: dict[str, tuple[tuple[Any, ...], Opened]] = {}
_lock = threading.Lock()


def opened(here: Surroundings, collection: Collection) -> Opened | None:
    """The collection's index; None where none was made that this release reads. Raises DocsError: damaged, no_tantivy."""
    store = Store(index_folder(here.settings), collection.name)
    try:
        found = os.stat(store.file)
    except OSError:
        return None
    key = (found.st_mtime_ns, found.st_ino, collection)
    with _lock:
        kept = _opened.get(store.folder)
        if kept is not None and kept[0] == key:
            return kept[1]
        current = store.current()
        if current is None or current.format != format_digest(collection.language):
            return None  # what another release, or another language, made has other fields
        made = _opened_as(store, collection, current)
        _opened[store.folder] = (key, made)
        return made


def _opened_as(store: Store, collection: Collection, current: Current) -> Opened:
    vectors_in = store.vectors(current.vectors) if current.vectors else ""
    try:
        return Opened(collection, current, store.generation(current.generation), vectors_in)
    except DocsError:
        # A run may have put another generation in its place just now, and swept this one away.
        now = store.current()
        if now is None or now == current or now.format != current.format:
            raise
        vectors_in = store.vectors(now.vectors) if now.vectors else ""
        return Opened(collection, now, store.generation(now.generation), vectors_in)


def rarity(everywhere: Sequence[Opened], field: str, term: str) -> tuple[float, list[float]]:
    """The term's inverse document frequency over all the collections searched, and as each index has it (0 = it has none).

    The formula is the library's BM25 one, so that ``all / each`` turns a collection's score into
    what it would be in one index of all: what is not searched weighs nothing. Fields of whole documents are
    counted among the documents; the library counts them among the chunks.
    """
    counts = [one.frequency(field, term) for one in everywhere]
    sizes = [
        max(1, one.current.documents) if field in OF_DOCUMENTS else one.size for one in everywhere
    ]
    whole = _idf(sum(sizes), sum(counts))
    each = zip(everywhere, counts, strict=True)
    return whole, [_idf(one.size, count) if count else 0.0 for one, count in each]


OF_DOCUMENTS = frozenset({"page", "lead"})


def _idf(size: int, count: int) -> float:
    return math.log(1 + (max(size, count) - count + 0.5) / (count + 0.5))
