"""The tools: plain functions over the surroundings that a call is given.

What a search touches is named before it runs: the collections it would read, of which those that policy refuses are
left out where none was named. What it found is asked about once more, document by document, so that a hit
never shows what may not be read.
"""

from collections.abc import Mapping
from typing import Any

from devagent_docs import reading
from devagent_docs.citing import taken_apart
from devagent_docs.confidence import SURE
from devagent_docs.contract import DocsError, ResourceDict, Result, Surroundings
from devagent_docs.hits import Answer, Hit
from devagent_docs.searching import counted, find_symbol, index_of, readable
from devagent_docs.searching import search as find
from devagent_docs.settings import Collection, is_grounded, read_collections

MOST_HITS = 20
MOST_BYTES = 48 * 1024


def search(here: Surroundings, *, query: str, collection: str = "", limit: int = 5) -> Result:
    """Sections for a question. Raises DocsError of any class but those of indexing."""
    answer = find(here, query, readable(here, collection), _limit(here, limit))
    return _answered(
        here, answer, f"Nothing was found for {query!r}", found=answer.confidence >= SURE
    )


def symbol(here: Surroundings, *, name: str, collection: str = "") -> Result:
    """Where a name is defined, and else used. Raises DocsError as ``search``."""
    answer = find_symbol(here, name, readable(here, collection), _limit(here, 5))
    return _answered(here, answer, f"No section defines or uses {name!r}", found=bool(answer.hits))


def read(here: Surroundings, *, hit: str, offset: int = 0) -> Result:
    """A section with all below it. Raises DocsError."""
    section = reading.read_section(here, hit, offset)
    head = f"{section.citation} line {section.line} ({section.freshness})\n{' › '.join(section.crumbs)}"
    text = _cut(here, section.text)
    cut = len(section.text) - len(text)
    following = section.following - cut if section.following else 0
    if cut:
        following = offset + len(text)
    tail = (
        f"\n[{following} of {section.size} characters; go on with offset={following}]"
        if following
        else ""
    )
    name = section.citation.partition("@")[0]
    return {
        "text": f"{head}\n\n{text}{tail}{_rule_of_grounding(here)}",
        "rows": 1,
        "structured": {
            "citation": section.citation,
            "line": section.line,
            "next_offset": following,
        },
        "taint": [f"docs.{name}", *_labels(here, name, section)],
        "failed": False,
    }


def collections(here: Surroundings) -> Result:
    """The collections that may be read, with their state. Raises DocsError: bad_settings, nothing_readable."""
    lines: list[str] = []
    rows: list[dict[str, Any]] = []
    for one in readable(here):
        current = index_of(here, one).current()
        state = "not indexed"
        if current is not None and (counts := counted(here, one)) is not None:
            documents, chunks = counts
            state = f"{documents} documents, {chunks} chunks, indexed {current.indexed_at[:10]}"
        version = current.version if current else one.version
        about = f": {one.description}" if one.description else ""
        lines.append(f"{one.name}@{version}{about} ({state})")
        rows.append(
            {
                "collection": one.name,
                "version": version,
                "description": one.description,
                "state": state,
            }
        )
    return {
        "text": "\n".join(lines),
        "rows": len(rows),
        "structured": {"collections": rows},
        "failed": False,
    }


def resources(tool: str, args: Mapping[str, Any], here: Surroundings) -> list[ResourceDict]:
    """What the call would read: each collection searched, or the one document.

    Where none is named these are the collections that may be read; one that is named is judged whether it
    is there or not. Raises DocsError: bad_arguments, bad_settings, nothing_readable, unknown_tool.
    """
    if tool == "read":
        citation = taken_apart(_text(args, "hit"))
        known = read_collections(here.settings).get(citation.collection)
        tags = reading.document_tags(here, citation)
        return [(known or Collection(citation.collection)).resource(citation.path, tags)]
    if tool not in ("search", "symbol", "collections"):
        raise DocsError("There is no tool of that name.", error="unknown_tool")
    if name := _text(args, "collection", ""):
        return [read_collections(here.settings).get(name, Collection(name)).resource()]
    return [one.resource() for one in readable(here)]


def _answered(here: Surroundings, answer: Answer, nothing: str, *, found: bool) -> Result:
    grounded = is_grounded(here.settings)
    lines: list[str] = []
    if answer.corrections:
        lines.append(
            "Read as: " + ", ".join(f"{was} → {now}" for was, now in answer.corrections.items())
        )
    if not answer.hits or (grounded and not found):
        lines.append(f"NOT FOUND. {nothing}{'' if not answer.hits else ' that speaks of it'}.")
    elif not found:
        lines.append("No section speaks of all this; the nearest:")
    shown: list[Hit] = []
    if not (grounded and not found):
        room = _most_bytes(here)
        for number, hit in enumerate(answer.hits, 1):
            text = (
                f"{number}. {hit.citation} line {hit.chunk.line} ({hit.freshness})\n"
                f"   {' › '.join(hit.chunk.crumbs)}\n   {hit.snippet}"
            )
            room -= len(text.encode()) + 1
            if room < 0:
                lines.append("[cut: size limit]")
                break
            lines.append(text)
            shown.append(hit)
    if answer.missing:
        lines.append(f"Not indexed yet, so not searched: {', '.join(answer.missing)}")
    return {
        "text": "\n".join(lines) + _rule_of_grounding(here, found=found and bool(shown)),
        "rows": len(shown),
        "structured": {
            "found": found and bool(shown),
            "confidence": round(answer.confidence, 3),
            "hits": [_plain(hit) for hit in shown],
        },
        "taint": sorted(
            {label for hit in shown for label in (f"docs.{hit.collection}", *_tags(here, hit))}
        ),
        "failed": False,
    }


def _rule_of_grounding(here: Surroundings, *, found: bool = True) -> str:
    if not is_grounded(here.settings):
        return ""
    if not found:
        return "\nGrounded: answer that the documentation does not say; do not answer from memory."
    return "\nGrounded: say only what these sections say, cite each as named above; what they do not say is not found."


def _plain(hit: Hit) -> dict[str, Any]:
    return {
        "citation": hit.citation,
        "collection": hit.collection,
        "version": hit.version,
        "path": hit.chunk.path,
        "heading": hit.chunk.crumbs[-1],
        "line": hit.chunk.line,
        "snippet": hit.snippet,
        "freshness": hit.freshness,
    }


def _tags(here: Surroundings, hit: Hit) -> list[str]:
    collection = read_collections(here.settings)[hit.collection]
    return sorted({*hit.chunk.tags, *collection.tags_of(hit.chunk.path)})


def _labels(here: Surroundings, name: str, section: reading.Section) -> list[str]:
    path = taken_apart(section.citation).path
    return sorted({*section.tags, *read_collections(here.settings)[name].tags_of(path)})


def _limit(here: Surroundings, limit: int) -> int:
    if not 1 <= limit <= MOST_HITS:
        raise DocsError(f"limit is from 1 to {MOST_HITS}.", error="bad_arguments")
    allowed = here.obligations.get("limit_rows")
    return limit if allowed is None else max(1, min(limit, int(allowed)))


def _most_bytes(here: Surroundings) -> int:
    allowed = here.obligations.get("limit_bytes")
    return MOST_BYTES if allowed is None else min(MOST_BYTES, int(allowed))


def _cut(here: Surroundings, text: str) -> str:
    return text.encode()[: _most_bytes(here)].decode("utf-8", "ignore")


def _text(args: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = args.get(key, default)
    if not isinstance(value, str):
        raise DocsError(f"{key} must be a text.", error="bad_arguments")
    return value
