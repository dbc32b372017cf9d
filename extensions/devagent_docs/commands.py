"""What a person does with collections: plan one, index, see how they stand, search, measure.

Plain functions that give plain data; ``devagent docs`` and ``devagent-docs`` print it.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from devagent_docs import evaluation, indexing
from devagent_docs.contract import DocsError, Surroundings
from devagent_docs.hits import Answer
from devagent_docs.searching import index_of, readable
from devagent_docs.searching import search as find
from devagent_docs.settings import (
    NAME,
    Collection,
    index_folder,
    model_folder,
    read_collections,
)
from devagent_docs.sources import open_source
from devagent_docs.store import Current


class Plan(NamedTuple):
    """A collection that is to be: how many documents of each format there are, and its lines for the config."""

    formats: dict[str, int]
    version: str
    toml: str


class Standing(NamedTuple):
    """How a collection stands. ``stale`` counts documents that were added, changed or removed since."""

    collection: Collection
    current: Current | None
    stale: int
    fault: str


def plan(
    here: Surroundings,
    name: str,
    place: str,
    *,
    package: bool = False,
    version: str = "",
    include: Sequence[str] = (),
) -> Plan:
    """Look at what a collection would hold; nothing is written.

    Raises DocsError: bad_arguments, unreadable.
    """
    if not NAME.fullmatch(name):
        raise DocsError("A collection's name has letters, digits, - and _.", error="bad_arguments")
    given = {"package": place} if package else {"path": os.path.realpath(os.path.expanduser(place))}
    table: dict[str, Any] = {**given}
    if version:
        table["version"] = version
    if include:
        table["include"] = list(include)
    collection = read_collections({"collections": {name: table}})[name]
    source = open_source(collection, here.folder)
    formats: dict[str, int] = {}
    for entry in source.entries():
        formats[entry.format] = formats.get(entry.format, 0) + 1
    if not formats:
        raise DocsError(f"There is nothing to read in {place}.", error="unreadable")
    # JSON's texts and lists are TOML's too, but for DEL, which JSON does not escape.
    lines = [
        f"{key} = {json.dumps(value)}".replace("\x7f", "\\u007f") for key, value in table.items()
    ]
    toml = "\n".join([f"[extensions.docs.collections.{name}]", *lines])
    return Plan(formats, version or source.version(), toml)


def chosen(here: Surroundings, names: Sequence[str]) -> list[Collection]:
    """The named collections, or all. Raises DocsError no_such_collection, bad_settings."""
    configured = read_collections(here.settings)
    for name in names:
        if name not in configured:
            known = ", ".join(configured) or "none"
            raise DocsError(
                f"There is no collection {name!r}; there are: {known}.", error="no_such_collection"
            )
    return [configured[name] for name in names] if names else list(configured.values())


def index(
    here: Surroundings,
    collection: Collection,
    *,
    rebuild: bool = False,
    progress: indexing.Progress | None = None,
) -> indexing.Report:
    """Bring one collection's index up to date. Raises DocsError."""
    root = index_folder(here.settings)
    return indexing.update(
        collection, here.folder, root, rebuild=rebuild, progress=progress,
        cancelled=getattr(here, "cancelled", None), model=model_folder(here.settings),
    )  # fmt: skip


def status(here: Surroundings) -> list[Standing]:
    """How all collections stand. A collection whose source cannot be read says so."""
    return [_standing(here, one) for one in read_collections(here.settings).values()]


def search(here: Surroundings, query: str, *, collection: str = "", limit: int = 5) -> Answer:
    """As the tool searches. Raises DocsError."""
    return find(here, query, readable(here, collection), limit)


def evaluate(here: Surroundings, path: str) -> evaluation.Evaluation:
    """Ask the questions of a file. Raises DocsError."""
    questions = evaluation.read_questions(path)
    named = {section.partition(":")[0] for one in questions for section in one.sections}
    collections = [one for one in readable(here) if one.name in named] or readable(here)
    lacking = named - {one.name for one in collections}
    if lacking:
        raise DocsError(
            f"The questions name collections that are not there: {', '.join(sorted(lacking))}.",
            error="no_such_collection",
        )

    def ask(text: str) -> evaluation.Answer:
        answer = find(here, text, collections, evaluation.DEPTH)
        return evaluation.Answer(answer.hits, answer.confidence)

    return evaluation.evaluate(questions, ask)


def _standing(here: Surroundings, collection: Collection) -> Standing:
    try:
        current = index_of(here, collection).current()
        if current is None:
            return Standing(collection, None, 0, "")
        known = indexing.known_stamps(here, collection, current)
        now = {entry.path: entry.stamp for entry in open_source(collection, here.folder).entries()}
    except DocsError as error:
        return Standing(collection, None, 0, str(error))
    stale = sum(known.get(path) != stamp for path, stamp in now.items()) + len(
        known.keys() - now.keys()
    )
    return Standing(collection, current, stale, "")


def table(found: evaluation.Evaluation) -> list[str]:
    """The figures as lines of one width."""
    lines = [
        f"{'kind':14} {'n':>4} {'recall@1':>9} {'recall@5':>9} {'recall@10':>10} {'MRR':>6} {'nDCG':>6}"
    ]
    lines += [
        f"{one.kind:14} {one.questions:4} {one.recall_at_1:9.2f} {one.recall_at_5:9.2f} {one.recall_at_10:10.2f} {one.mrr:6.2f} {one.ndcg:6.2f}"
        for one in found.kinds
    ]
    if found.auc is not None:
        lines.append(f"{'not there':14}      AUC {found.auc:.2f}")
    return lines
