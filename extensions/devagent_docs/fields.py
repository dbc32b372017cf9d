"""What a chunk and a document look like in the index."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from devagent_docs import schema
from devagent_docs.chunks import Chunk
from devagent_docs.entries import Entry
from devagent_docs.formats import Document
from devagent_docs.words import CJK, grams

if TYPE_CHECKING:
    import tantivy

NEWS = re.compile(
    r"(?i)(?:^|/)(?:whats-?new|changelog|changes|news|history|release-?notes?|relnotes|release)\b"
)
"""Paths of documents that tell what was new once: rarely what answers how a thing is done."""
GIST = 240
"""Characters that the first sentence of a section may have, to be taken for what the section is about."""
_SENTENCE_END = re.compile(r"[.:!?](?=\s)|[。！？]")
SMALL = 240
"""Characters below which a chunk is worth less: a name and half a sentence match too easily."""


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


def record_of(record: Record, page: str, lead: str) -> "tantivy.Document":
    """A document's record; ``page`` is its whole text, ``lead`` its title and beginning."""
    document = schema.library().Document()
    document.add_text("path", record.path)
    document.add_text("record", record.path)
    document.add_unsigned("number", number_of(record.path))
    document.add_text("own", _own_name(record.path))
    if page:
        document.add_text("page", page)
        document.add_text("lead", lead)
    document.add_bytes("stored", json.dumps(record._asdict()).encode())
    return document


def chunk_of(entry: Entry, ordinal: int, chunk: Chunk, document: Document) -> "tantivy.Document":
    """A chunk, as its fields."""
    path, stamp = entry.path, entry.stamp
    text = chunk.indexed
    made = schema.library().Document()
    made.add_text("path", path)
    made.add_unsigned("number", number_of(path))
    made.add_unsigned("ordinal", ordinal)
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


def number_of(path: str) -> int:
    """A document's number, which its path gives it."""
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
