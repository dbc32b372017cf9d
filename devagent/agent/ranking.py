"""Which tools fit a question: by the words of their names, descriptions and schemas. Pure, and the same each time.

A word counts the more the fewer tools have it, and the more the nearer it stands to the name. Words are cut at
case and punctuation, and lose their commonest endings.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct

from devagent.core.tools import ToolSpec
from devagent.policy.plain import is_list, is_table

FIELDS = {"name": 4.0, "server": 2.0, "arguments": 1.5, "description": 1.0}
WORTH = 0.2
"""Of the best score: what is further below is not shown."""
_RUN = re.compile(r"[^\W_]+")
_SEAM = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])"
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "er", "ed", "es", "s", "e", "y")
_OF_ANY_QUESTION = """
a an and are as at be by can do for from get give has have how i if in into is it its me my of on or please show so some
that the their them then there these this to tool use using want was what when where which who will with you your
"""
_COMMON = frozenset(_OF_ANY_QUESTION.split())
MAX_DEPTH = 4


class Ranked(Struct, frozen=True):
    """A tool that fits; ``why`` are (field, the question's words found there)."""

    tool: ToolSpec
    score: float
    why: tuple[tuple[str, tuple[str, ...]], ...]


def words(text: str) -> Iterator[str]:
    """The words that can be looked for, as they are compared."""
    for found in (part for run in _RUN.findall(text) for part in _SEAM.split(run)):
        word = found.lower()
        if word in _COMMON:
            continue
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word = word.removesuffix(ending)
                break
        yield word


def rank(question: str, tools: Sequence[ToolSpec]) -> list[Ranked]:
    """Those that have something of the question, the best first; equals in the tools' own order."""
    wanted = dict.fromkeys(words(question))
    about = [_fields(tool) for tool in tools]
    having = Counter(word for fields in about for word in frozenset(chain(*fields.values())))
    rarity = {word: math.log(1 + len(tools) / having[word]) for word in wanted if having[word]}
    found: list[Ranked] = []
    for tool, fields in zip(tools, about, strict=True):
        why: list[tuple[str, tuple[str, ...]]] = []
        best: dict[str, float] = {}
        for field, weight in FIELDS.items():
            here = tuple(word for word in rarity if word in fields[field])
            if here:
                why.append((field, here))
            for word in here:
                best[word] = max(best.get(word, 0.0), weight * rarity[word])
        if best:
            found.append(Ranked(tool, sum(best.values()), tuple(why)))
    found.sort(key=lambda one: -one.score)
    return [one for one in found if one.score >= WORTH * found[0].score]


def _fields(tool: ToolSpec) -> Mapping[str, set[str]]:
    return {
        "name": set(words(tool.name)),
        "server": set(words(tool.extension)),
        "arguments": {word for text in _arguments(tool.input_schema, 0) for word in words(text)},
        "description": set(words(tool.description)),
    }


def _arguments(schema: Any, depth: int) -> Iterator[str]:
    """The names, descriptions and choices of a schema's arguments."""
    if depth > MAX_DEPTH or not is_table(schema):
        return
    properties, choices = schema.get("properties"), schema.get("enum")
    if is_table(properties):
        for name, inner in properties.items():
            yield name
            yield from _arguments(inner, depth + 1)
    if is_list(choices):
        yield from (one for one in choices if isinstance(one, str))
    description = schema.get("description")
    if depth and isinstance(description, str):
        yield description
    yield from _arguments(schema.get("items"), depth + 1)
