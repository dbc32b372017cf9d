"""Bringing an index up to date: only what changed is read, and nothing counts before it is whole."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from devagent_docs import schema
from devagent_docs.chunks import MOST, WANTED, Chunk, chunks_of
from devagent_docs.contract import DocsError, Surroundings
from devagent_docs.formats import Document, Unreadable
from devagent_docs.settings import Collection, index_folder
from devagent_docs.sources import Entry, Source, open_source
from devagent_docs.store import Current, Store
from devagent_docs.words import CJK, grams

if TYPE_CHECKING:
    import tantivy

HEAP = 64 * 1024 * 1024
"""Bytes that the library may use before it writes a segment."""
MAX_PAGE = 200_000
"""Characters of a document that its page field takes."""

LEAD = 400
"""Characters of a document's beginning that say what it is about."""
NEWS = re.compile(
    r"(?i)(?:^|/)(?:whats-?new|changelog|changes|news|history|release-?notes?|relnotes|release)\b"
)
"""Paths of documents that tell what was new once: rarely what answers how a thing is done."""
GIST = 240
"""Characters that the first sentence of a section may have, to be taken for what the section is about."""
_SENTENCE_END = re.compile(r"[.:!?](?=\s)|[。！？]")
SMALL = 240
"""Characters below which a chunk is worth less: a name and half a sentence match too easily."""

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


class Record(NamedTuple):
    """What the index knows of a document."""

    path: str
    stamp: str
    digest: str
    chunks: int
    title: str
    tags: tuple[str, ...]
    version: str
    skipped: str = ""


def update(
    collection: Collection,
    folder: str,
    root: str,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
) -> Report:
    """Index a collection below ``root``, or what changed of it since.

    Raises DocsError: unreadable, outside_workspace, busy, no_tantivy, cancelled. What was indexed before
    is then as it was.
    """
    source = open_source(collection, folder)
    store = Store(root, collection.name)
    with store.lock():
        return _Run(collection, source, store, progress, cancelled).run(rebuild=rebuild)


def format_digest(collection: Collection) -> str:
    """What an index's documents depend on beside the documents."""
    parts = (schema.FORMAT, WANTED, MOST, collection.language)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class _Run:
    def __init__(
        self,
        collection: Collection,
        source: Source,
        store: Store,
        progress: Progress | None,
        cancelled: threading.Event | None,
    ) -> None:
        self._collection, self._source, self._store = collection, source, store
        self._progress = progress or _unseen
        self._cancelled = cancelled

    def run(self, *, rebuild: bool) -> Report:
        before = self._before(rebuild=rebuild)
        entries = list(self._source.entries())
        wanted = format_digest(self._collection)
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
        self._store.put(Current(number, wanted, version, now, documents, chunks, skipped))
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
            try:
                index = library.Index.open(place)
            except ValueError as error:
                raise DocsError(
                    f"The index of {self._collection.name!r} is damaged: run it with --rebuild.",
                    error="damaged",
                ) from error
        schema.register(index, self._collection.language)
        return index

    def _write(
        self, writer: "tantivy.IndexWriter", entries: list[Entry], known: dict[str, Record]
    ) -> tuple[int, int, int, int]:
        added = changed = unchanged = 0
        for number, entry in enumerate(entries):
            if self._cancelled is not None and self._cancelled.is_set():
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

    def _add(self, writer: "tantivy.IndexWriter", entry: Entry) -> None:
        digest = ""
        try:
            data = self._source.data(entry)
            digest = hashlib.sha256(data).hexdigest()
            document = self._source.document(entry, data)
        except Unreadable as error:
            record = Record(entry.path, entry.stamp, digest, 0, "", (), "", str(error))
            writer.add_document(_record(record, "", ""))
            return
        page: list[str] = []
        lead = document.title
        size = count = 0
        for ordinal, chunk in enumerate(chunks_of(document)):
            writer.add_document(_chunk(entry, ordinal, chunk, document))
            count += 1
            if len(lead) < LEAD:
                lead += f"\n{chunk.text[:LEAD]}"
            if size < MAX_PAGE:
                page.append(chunk.indexed)
                size += len(chunk.text)
        record = Record(
            entry.path, entry.stamp, digest, count, document.title, document.tags, document.version
        )
        writer.add_document(_record(record, "\n".join(page), lead))

    def _version(self, entries: list[Entry], known: dict[str, Record]) -> str:
        if found := self._collection.version or self._source.version():
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
    try:
        index = schema.library().Index.open(store.generation(current.generation))
    except ValueError as error:
        raise DocsError(
            "The index is damaged: run `devagent docs index --rebuild`.", error="damaged"
        ) from error
    schema.register(index, collection.language)
    return {record.path: record.stamp for record in records(index)}


def records(index: "tantivy.Index") -> Iterator[Record]:
    """The documents that an index holds."""
    library = schema.library()
    searcher = index.searcher()
    everything = library.Query.regex_query(index.schema, "record", ".*")
    for _, address in searcher.search(everything, limit=10_000_000, count=False).hits:
        stored = json.loads(searcher.doc(address)["stored"][0])
        stored["tags"] = tuple(stored["tags"])
        yield Record(**stored)


def _unseen(done: int, whole: int, path: str) -> None:
    del done, whole, path


def _record(record: Record, page: str, lead: str) -> "tantivy.Document":
    document = schema.library().Document()
    document.add_text("path", record.path)
    document.add_text("record", record.path)
    document.add_unsigned("number", _number(record.path))
    document.add_text("own", _own_name(record.path))
    if page:
        document.add_text("page", page)
        document.add_text("lead", lead)
    document.add_bytes("stored", json.dumps(record._asdict()).encode())
    return document


def _chunk(entry: Entry, ordinal: int, chunk: Chunk, document: Document) -> "tantivy.Document":
    path, stamp = entry.path, entry.stamp
    text = chunk.indexed
    made = schema.library().Document()
    made.add_text("path", path)
    made.add_unsigned("number", _number(path))
    made.add_float("prior", _prior(path, chunk))
    made.add_text("plain", text)
    made.add_text("stem", text)
    if not chunk.part:
        made.add_text("gist", _gist(chunk))
    if names := " ".join(filter(_may_be_name, text.split())):
        made.add_text("names", names)
        made.add_text("parts", names)
    if chunk.symbols:
        made.add_text("defines", " ".join(_findable(chunk.symbols)))
    if not text.isascii() and (runs := CJK.findall(text)):
        made.add_text("cjk", " ".join(gram for run in runs for gram in grams(run)))
    stored: dict[str, Any] = {
        "path": path,
        "ordinal": ordinal,
        **chunk._asdict(),
        "tags": document.tags,
        "stamp": stamp,
    }
    made.add_bytes("stored", json.dumps(stored, ensure_ascii=False).encode("utf-8", "replace"))
    return made


def _own_name(path: str) -> str:
    """What a document is called by its file: git-log, json, and for an index its folder."""
    folder, _, name = path.lower().rpartition("/")
    bare = name.partition(".")[0] if name.count(".") == 1 else name.rpartition(".")[0]
    return folder.rpartition("/")[2] if bare in ("index", "readme", "__init__") else bare


def _gist(chunk: Chunk) -> str:
    """What a section says it is about: its heading, and its first sentence."""
    beginning = chunk.text[:GIST]
    end = _SENTENCE_END.search(beginning)
    return f"{chunk.heading}\n{beginning[: end.end()] if end else beginning}"


def _prior(path: str, chunk: Chunk) -> float:
    size = min(1.0, len(chunk.text) / SMALL)
    return (0.75 + 0.25 * size) * (0.85 if NEWS.search(path) else 1.0)


def _number(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8]) >> 1


def _may_be_name(word: str) -> bool:
    """Not a plain word of prose: the expression for names is slow, and most words are plain."""
    bare = word.rstrip(".,;:)")
    return not (bare.isalpha() and bare.islower())


def _findable(symbols: tuple[str, ...]) -> Iterator[str]:
    """A symbol whole, and by its last part: json.dumps is asked for as dumps too."""
    for symbol in symbols:
        last = symbol.rpartition(".")[2]
        for name in (symbol, last) if last and last != symbol else (symbol,):
            yield name.lower()
            if name != name.lower():
                yield f"={name}"
