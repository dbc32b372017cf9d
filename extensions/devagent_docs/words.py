"""Words and names in a question: what is looked for as a word, what as an exact symbol, what as CJK."""

import re
from typing import NamedTuple

WORD = re.compile(r"\w+")
NAME = re.compile(
    r"--?[A-Za-z][A-Za-z0-9_-]*"
    r"|[@$.]?[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|::|->|/|-|:)[A-Za-z0-9_]+)+"
    r"|_*[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)+_*|__?[A-Za-z0-9]+_*"
    r"|[a-z]+(?:[A-Z][a-z0-9]*)+|(?:[A-Z][a-z0-9]+){2,}|[A-Z]{2,}[0-9]*[a-z]+\w*"
    r"|[A-Za-z]+\d\w*|\d[0-9A-Za-z]{4}"
)
"""A name that carries a mark of being one: a dot, a dash, an underscore, a capital inside, a digit."""
_CALL = re.compile(r"([A-Za-z_][\w.]*)\(\s*\)?")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]+")


class Question(NamedTuple):
    """A question taken apart. ``words`` are in order, lower case, each once; ``names`` lower case too."""

    text: str
    words: tuple[str, ...]
    names: tuple[str, ...]
    cjk: tuple[str, ...]
    exact: tuple[str, ...] = ()
    """The names with capitals, as they were written."""


def taken_apart(text: str) -> Question:
    """The question's words, names and runs of CJK."""
    names = [found[0].strip(".:/") for found in NAME.finditer(text)]
    names += [found[1] for found in _CALL.finditer(text)]
    cjk = tuple(gram for run in CJK.findall(text) for gram in grams(run))
    words = WORD.findall(CJK.sub(" ", text).lower())
    parts = [part for word in words for part in word.split("_") if part]
    return Question(
        text,
        tuple(dict.fromkeys(parts)),
        tuple(dict.fromkeys(name.lower() for name in names if len(name) > 1)),
        cjk,
        tuple(
            dict.fromkeys(
                name for name in (*names, *re.findall(r"[\w.-]+", text)) if name != name.lower()
            )
        ),
    )


def grams(run: str) -> list[str]:
    """Pairs of neighbouring signs; a single sign is itself."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]
