"""Reading a section by the citation that a hit carries."""

from typing import NamedTuple

from devagent_docs.citing import Citation, cited, taken_apart
from devagent_docs.contract import DocsError, Surroundings, may_read
from devagent_docs.freshness import Freshness
from devagent_docs.opening import Opened, Stored, opened
from devagent_docs.settings import Collection, read_collections

PAGE = 8000
"""Characters of one reading."""


class Section(NamedTuple):
    """A section with all below it, from ``offset``; ``following`` is the next offset, 0 at the end."""

    citation: str
    crumbs: list[str]
    line: int
    text: str
    following: int
    size: int
    freshness: str
    tags: list[str]


def document_tags(here: Surroundings, citation: Citation) -> tuple[str, ...]:
    """The labels that a document brings itself, as it was indexed."""
    collection = read_collections(here.settings).get(citation.collection)
    found = opened(here, collection) if collection else None
    record = found.record(citation.path) if found else None
    return tuple(record["tags"]) if record else ()


def read_section(here: Surroundings, hit: str, offset: int) -> Section:
    """The section that a citation names.

    Raises DocsError: bad_arguments, no_such_section (said alike where it may not be read), not_indexed,
    damaged, no_tantivy.
    """
    citation = taken_apart(hit)
    if offset < 0:
        raise DocsError("offset is 0 or more.", error="bad_arguments")
    collection = read_collections(here.settings).get(citation.collection)
    one = opened(here, collection) if collection else None
    chunks = one.document(citation.path) if one else []
    tags = chunks[0].tags if chunks else []
    if (
        collection is None
        or one is None
        or not chunks
        or not _may(here, collection, citation, tags)
    ):
        raise DocsError(
            f"There is no {citation.collection}:{citation.path} for you.", error="no_such_section"
        )
    chosen = _section(chunks, citation.anchor)
    if not chosen:
        raise DocsError(
            f"{citation.collection}:{citation.path} has no section #{citation.anchor}.",
            error="no_such_section",
        )
    return _page(here, one, citation, chosen, offset)


def _may(here: Surroundings, collection: Collection, citation: Citation, tags: list[str]) -> bool:
    return may_read(here, [collection.resource(citation.path, tags)])[0]


def _section(chunks: list[Stored], anchor: str) -> list[Stored]:
    if not anchor:
        return chunks
    inside = [chunk for chunk in chunks if anchor in chunk.anchors]
    return inside or [chunk for chunk in chunks if anchor in chunk.symbols]


def _page(
    here: Surroundings, one: Opened, citation: Citation, chunks: list[Stored], offset: int
) -> Section:
    first = chunks[0]
    parts: list[str] = []
    heading = first.crumbs
    for chunk in chunks:
        if chunk.crumbs != heading:
            heading = chunk.crumbs
            parts.append(f"{'#' * min(6, len(heading))} {heading[-1]}")
        parts.append(chunk.text)
    whole = "\n\n".join(parts)
    if offset and offset >= len(whole):
        raise DocsError(f"The section has {len(whole)} characters.", error="bad_arguments")
    end = offset + PAGE
    if end < len(whole) and (cut := whole.rfind("\n", offset + PAGE // 2, end)) > 0:
        end = cut
    version = one.current.version
    name = cited(citation._replace(version=version))
    freshness = Freshness(here).of(one, first)
    if citation.version and citation.version != version:
        freshness += f"; the hit was of version {citation.version}, this is {version}"
    following = end if end < len(whole) else 0
    return Section(
        name,
        first.crumbs,
        first.line,
        whole[offset:end],
        following,
        len(whole),
        freshness,
        first.tags,
    )
