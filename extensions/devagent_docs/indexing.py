"""Bringing an index up to date: only what changed is read, and nothing counts before it is whole."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from devagent_docs import schema, vectors
from devagent_docs.chunks import chunks_of
from devagent_docs.contract import DocsError, Surroundings
from devagent_docs.embedding import model_in
from devagent_docs.entries import Entry, Source
from devagent_docs.fields import Record, chunk_of, number_of, record_of
from devagent_docs.formats import Unreadable
from devagent_docs.formats.model import MAX_LABEL, one_line
from devagent_docs.opening import EVERYTHING, damaged, told_damaged
from devagent_docs.settings import Collection, index_folder
from devagent_docs.sources import open_source
from devagent_docs.store import Current, Store, format_digest

if TYPE_CHECKING:
    import tantivy

HEAP = 64 * 1024 * 1024
"""Bytes that the library may use before it writes a segment."""
MAX_PAGE = 200_000
"""Characters of a document that its page field takes."""

LEAD = 400
"""Characters of a document's beginning that say what it is about."""
Progress = Callable[[int, int, str], None]
"""How many documents are looked at, of how many, and which is next."""


class Report(NamedTuple):
    """What a run did. ``skipped`` maps a document's path to why it was not read."""

    documents: int
    chunks: int
    added: int
    changed: int
    removed: int
    unchanged: int
    version: str
    skipped: dict[str, str]


def update(
    collection: Collection,
    folder: str,
    root: str,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
    model: str = "",
) -> Report:
    """Index a collection below ``root``, or what changed of it since; ``model`` is the folder of an embedding model.

    Raises DocsError: unreadable, outside_workspace, busy, damaged, no_tantivy, no_model, cancelled. What was indexed before
    is then as it was.
    """
    source = open_source(collection, folder)
    store = Store(root, collection.name)

    def failed(error: BaseException) -> DocsError:
        return DocsError(
            f"The index of {collection.name!r} cannot be brought up to date ({one_line(str(error))}). Where the disk is "
            f"not full it is damaged: run `devagent docs index --rebuild {collection.name}`.",
            error="damaged",
        )

    with store.lock(), told_damaged(failed):
        return _Run(collection, source, store, progress, cancelled, model).run(rebuild=rebuild)


class _Run:
    def __init__(
        self,
        collection: Collection,
        source: Source,
        store: Store,
        progress: Progress | None,
        cancelled: threading.Event | None,
        model: str,
    ) -> None:
        self._collection, self._source, self._store = collection, source, store
        self._progress = progress or _unseen
        self._cancelled = cancelled
        self._model = model_in(model) if model else None  # before anything is changed

    def run(self, *, rebuild: bool) -> Report:
        before = self._before(rebuild=rebuild)
        entries = list(self._source.entries())
        wanted = format_digest(self._collection.language)
        fresh = before is None or before.format != wanted
        number = (before.generation if before else 0) + fresh
        index = self._index(number, fresh=fresh)
        known = {} if fresh else {record.path: record for record in records(index)}
        writer = index.writer(HEAP, 1 if len(entries) < 64 else 2)
        try:
            counts = self._write(writer, entries, known)
            writer.commit()
        except BaseException:
            writer.rollback()
            raise
        finally:
            writer.wait_merging_threads()  # which also gives its lock back
        index.reload()
        everything = {record.path: record for record in records(index)}
        version = self._version(entries, everything)
        skipped = {path: one.skipped for path, one in everything.items() if one.skipped}
        documents = len(everything) - len(skipped)
        chunks = sum(record.chunks for record in everything.values())
        now = datetime.now(UTC).isoformat(timespec="seconds")
        named = self._vectors(index, None if rebuild else before, number, everything, chunks)
        self._store.put(Current(number, wanted, version, now, documents, chunks, skipped, named))
        return Report(documents, chunks, *counts, version, skipped)

    def _before(self, *, rebuild: bool) -> Current | None:
        """What holds so far; with ``rebuild`` only its number counts."""
        try:
            before = self._store.current()
        except DocsError:
            if not rebuild:
                raise
            before = None
            numbers = [
                int(name[2:]) for name in os.listdir(self._store.folder) if name[2:].isdigit()
            ]
            if numbers:
                before = Current(max(numbers), "", "", "", 0, 0, {})
        return before._replace(format="") if before and rebuild else before

    def _index(self, number: int, *, fresh: bool) -> "tantivy.Index":
        import shutil  # noqa: PLC0415 - for writing only

        library = schema.library()
        place = self._store.generation(number)
        if fresh:
            shutil.rmtree(place, ignore_errors=True)  # what a killed run left
            os.makedirs(place, mode=0o700)
            index = library.Index(schema.make_schema(), path=place)
        else:
            index = library.Index.open(place)
        schema.register(index, self._collection.language)
        return index

    def _write(
        self, writer: "tantivy.IndexWriter", entries: list[Entry], known: dict[str, Record]
    ) -> tuple[int, int, int, int]:
        added = changed = unchanged = 0
        for number, entry in enumerate(entries):
            if self._is_cancelled():
                raise DocsError("The run was cancelled; the index is as it was.", error="cancelled")
            self._progress(number, len(entries), entry.path)
            before = known.get(entry.path)
            if before is not None and before.stamp == entry.stamp:
                unchanged += 1
                continue
            if before is not None:
                writer.delete_documents_by_term("path", entry.path)
                changed += 1
            else:
                added += 1
            self._add(writer, entry)
        gone = known.keys() - {entry.path for entry in entries}
        for path in gone:
            writer.delete_documents_by_term("path", path)
        self._progress(len(entries), len(entries), "")
        return added, changed, len(gone), unchanged

    def _vectors(
        self,
        index: "tantivy.Index",
        before: Current | None,
        generation: int,
        known: dict[str, Record],
        chunks: int,
    ) -> str:
        """The name of the vectors of what is indexed now; those before, where nothing changed."""
        if self._model is None:
            return ""
        had = (
            vectors.read(self._store.vectors(before.vectors), to_copy=True)
            if before and before.vectors
            else None
        )
        documents = [
            generation,
            sorted((one.path, one.digest, one.chunks) for one in known.values()),
        ]
        digest = hashlib.sha256(repr(documents).encode()).hexdigest()[:16]
        if before and had and (had.model, had.documents) == (self._model.digest, digest):
            return before.vectors

        def watch(done: int) -> None:
            if self._is_cancelled():
                raise DocsError(
                    "The run was cancelled before its embeddings were whole; the next run goes on.",
                    error="cancelled",
                )
            self._progress(done, chunks, "embeddings")

        return vectors.write(
            self._store.folder, self._model, digest, _texts(index), chunks, had, watch
        )

    def _is_cancelled(self) -> bool:
        return self._cancelled is not None and self._cancelled.is_set()

    def _add(self, writer: "tantivy.IndexWriter", entry: Entry) -> None:
        digest = ""
        try:
            data = self._source.data(entry)
            digest = hashlib.sha256(data).hexdigest()
            document = self._source.document(entry, data)
        except (
            Exception
        ) as error:  # one document that its reader cannot take does not keep the others out
            said = (
                str(error)
                if isinstance(error, Unreadable)
                else f"its reader failed ({type(error).__name__})"
            )
            record = Record(entry.path, entry.stamp, digest, 0, "", (), "", said)
            writer.add_document(record_of(record, "", ""))
            return
        page: list[str] = []
        lead = document.title
        size = count = 0
        for ordinal, chunk in enumerate(chunks_of(document)):
            writer.add_document(chunk_of(entry, ordinal, chunk, document))
            count += 1
            if len(lead) < LEAD:
                lead += f"\n{chunk.text[:LEAD]}"
            if size < MAX_PAGE:
                page.append(chunk.indexed)
                size += len(chunk.text)
        record = Record(
            entry.path, entry.stamp, digest, count, document.title, document.tags, document.version
        )
        writer.add_document(record_of(record, "\n".join(page), lead))

    def _version(self, entries: list[Entry], known: dict[str, Record]) -> str:
        if found := self._collection.version or one_line(self._source.version(), MAX_LABEL):
            return found
        said = {record.version for record in known.values() if record.version}
        if len(said) == 1:
            return said.pop()
        newest = max((int(e.stamp.partition("-")[0]) for e in entries if e.stamp.partition("-")[0].isdigit() and len(e.stamp) > 18), default=0)  # fmt: skip
        if newest:
            return datetime.fromtimestamp(newest / 1e9, UTC).date().isoformat()
        digests = sorted(record.digest for record in known.values())
        return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]


def known_stamps(here: Surroundings, collection: Collection, current: Current) -> dict[str, str]:
    """The stamps of the documents as they were indexed. Raises DocsError damaged, no_tantivy."""
    store = Store(index_folder(here.settings), collection.name)
    with told_damaged(lambda _: damaged(collection.name)):
        index = schema.library().Index.open(store.generation(current.generation))
        schema.register(index, collection.language)
        return {record.path: record.stamp for record in records(index)}


def records(index: "tantivy.Index") -> Iterator[Record]:
    """The documents that an index holds; where it is damaged what ``told_damaged`` tells."""
    library = schema.library()
    searcher = index.searcher()
    everything = library.Query.regex_query(index.schema, "record", ".*")
    for _, address in searcher.search(everything, limit=EVERYTHING, count=False).hits:
        stored = json.loads(searcher.doc(address)["stored"][0])
        stored["tags"] = tuple(stored["tags"])
        yield Record(**stored)


def _texts(index: "tantivy.Index") -> Iterator[vectors.Text]:
    """Every chunk, to make a vector of."""
    searcher = index.searcher()
    every = schema.library().Query.all_query()
    for _, address in searcher.search(every, limit=EVERYTHING, count=False).hits:
        stored: dict[str, Any] = json.loads(searcher.doc(address)["stored"][0])
        if "ordinal" in stored:
            text = f"{' › '.join(stored['crumbs'])}\n{stored['text']}"
            yield vectors.Text(number_of(stored["path"]), stored["ordinal"], text)


def _unseen(done: int, whole: int, path: str) -> None:
    del done, whole, path
