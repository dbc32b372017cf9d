"""What the tools have in common: their clock, and the names of what they touch."""

from collections.abc import Mapping
from typing import Any

from devagent_sql.engines.port import Answer, Clock, Name
from devagent_sql.errors import SqlError
from devagent_sql.obligations import Obligations
from devagent_sql.sources import Source
from devagent_sql.types import Resource, Result, Surroundings


def clock_of(here: Surroundings, obligations: Obligations) -> Clock:
    seconds = here.time_limit_s
    return Clock.of(
        seconds if obligations.seconds is None else min(seconds, obligations.seconds),
        getattr(here, "cancelled", None),
    )


def text_argument(args: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = args.get(key, default)
    if not isinstance(value, str):
        raise SqlError("bad_arguments", f"{key} must be a text.")
    return value


def id_of(source: Source, name: Name) -> str:
    return source.table_id(*name) if len(name) == 2 else source.column_id(*name)


def resource(source: Source, name: str, access: str) -> Resource:
    return {
        "id": name,
        "access": "write" if access == "write" else "read",
        "tags": source.tags_of(name),
    }


def resources_of(source: Source, names: frozenset[Name], access: str) -> list[Resource]:
    """Tables before columns, each sorted."""
    ordered = sorted(names, key=lambda name: (len(name), name))
    return [resource(source, id_of(source, name), access) for name in ordered]


def readable(here: Surroundings, resources: list[Resource]) -> list[bool]:
    """Which of these the call in hand may read; all of them where no house stands around it."""
    ask = getattr(here, "may_read", None)
    return [True] * len(resources) if ask is None or not resources else list(ask(resources))


def on_record(found: Source, sql: str, text: str) -> dict[str, str]:
    """What ran, and the fingerprint of what was asked for: the same for statements that differ in constants alone."""
    from devagent_sql.tree.dialects import BY_TYPE  # noqa: PLC0415 — loaded with the engine
    from devagent_sql.tree.fingerprint import fingerprint  # noqa: PLC0415 — the parser, loaded by then

    return {"sql": text, "fingerprint": fingerprint(sql, BY_TYPE[found.type])}


def noted(found: Source, hidden: list[str], note: str) -> str:
    if not hidden:
        return note
    short = ", ".join(name.removeprefix(f"column:{found.name}.") for name in hidden)
    return f"{note}. Masked by policy, in every part of the statement: {short}"


def labels(found: Source, answer: Answer) -> Result:
    """The labels of what was read unmasked, and the names of all that was touched."""
    unmasked = [id_of(found, name) for name in answer.touched.reads if name not in answer.masked]
    tags = {tag for name in unmasked for tag in found.tags_of(name)}
    return {
        "text": "",
        "taint": [f"sql.{found.name}", *sorted(tags)],
        "accessed": [found.id, *sorted(id_of(found, name) for name in answer.touched.reads)],
    }
