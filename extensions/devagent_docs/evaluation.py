"""How good search is, on questions whose right sections are known.

A file of questions is tab-separated with the head ``kind question sections``. ``sections`` are the right answers,
separated by spaces, each ``collection:path`` or ``collection:path#anchor``; none means that the collections do not
answer the question. A hit is right where its document is named and, if an anchor is, where the hit lies in that
section or one below it, or defines that name.

    recall@k   the share of questions with a right hit among the first k
    MRR        the mean of 1 / rank of the first right hit (0 where none is among the first ten)
    nDCG       of the first ten, each right hit counting 1, a section counting once; ideal: min(10, right ones)
    AUC        how well ``confidence`` tells answerable questions from the others: 0.5 is chance, 1 perfect
"""

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from devagent_docs.contract import DocsError

DEPTH = 10
UNANSWERABLE = "unanswerable"


class Question(NamedTuple):
    """One question; ``sections`` are its right answers."""

    kind: str
    text: str
    sections: tuple[str, ...]


class Found(Protocol):
    """What is needed of a hit."""

    @property
    def document(self) -> str:
        """``collection:path``."""
        ...

    @property
    def places(self) -> Sequence[str]:
        """Anchors of its section and those around it, and the names it defines."""
        ...


class Answer(NamedTuple):
    """What a search gave: hits, best first, and how sure it is that they answer."""

    hits: Sequence[Found]
    confidence: float


class Figures(NamedTuple):
    """The figures of one kind of question."""

    kind: str
    questions: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    ndcg: float


class Evaluation(NamedTuple):
    """``kinds`` in the file's order and last ``all``; ``missed`` are questions without a right hit in five."""

    kinds: list[Figures]
    auc: float | None
    missed: list[Question]


def read_questions(path: str) -> list[Question]:
    """The questions of a file. Raises DocsError unreadable."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DocsError(f"The questions cannot be read: {path}", error="unreadable") from error
    found: list[Question] = []
    for number, row in enumerate(rows, 2):
        kind, text = row.get("kind"), row.get("question")
        if not kind or not text:
            raise DocsError(
                f"{path}:{number}: a line needs a kind and a question (head: kind, question, sections).",
                error="unreadable",
            )
        found.append(Question(kind, text, tuple((row.get("sections") or "").split())))
    if not found:
        raise DocsError(f"{path} holds no question.", error="unreadable")
    return found


def evaluate(questions: Iterable[Question], search: Callable[[str], Answer]) -> Evaluation:
    """Ask every question once."""
    by_kind: dict[str, list[tuple[int, float]]] = {}
    sure: list[tuple[float, bool]] = []
    missed: list[Question] = []
    for question in questions:
        answer = search(question.text)
        sure.append((answer.confidence, bool(question.sections)))
        if not question.sections:
            by_kind.setdefault(question.kind, [])
            continue
        rank, ndcg = _judged(question, answer.hits[:DEPTH])
        if not 1 <= rank <= 5:
            missed.append(question)
        by_kind.setdefault(question.kind, []).append((rank, ndcg))
    kinds = [_figures(kind, ranks) for kind, ranks in by_kind.items() if ranks]
    kinds.append(_figures("all", [rank for ranks in by_kind.values() for rank in ranks]))
    return Evaluation(kinds, _auc(sure), missed)


def is_right(section: str, hit: Found) -> bool:
    """Whether a hit is the section that a question names."""
    document, _, anchor = section.partition("#")
    return hit.document == document and (not anchor or anchor in hit.places)


def _judged(question: Question, hits: Sequence[Found]) -> tuple[int, float]:
    """The rank of the first right hit (0 = none), and the nDCG."""
    first, gain = 0, 0.0
    left = set(question.sections)
    for rank, hit in enumerate(hits, 1):
        met = {section for section in left if is_right(section, hit)}
        if met:
            first = first or rank
            gain += 1 / math.log2(rank + 1)
            left -= met
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, len(question.sections))))
    return first, gain / ideal


def _figures(kind: str, ranks: list[tuple[int, float]]) -> Figures:
    count = len(ranks) or 1
    return Figures(
        kind,
        len(ranks),
        sum(rank == 1 for rank, _ in ranks) / count,
        sum(1 <= rank <= 5 for rank, _ in ranks) / count,
        sum(rank > 0 for rank, _ in ranks) / count,
        sum(1 / rank for rank, _ in ranks if rank) / count,
        sum(ndcg for _, ndcg in ranks) / count,
    )


def _auc(sure: list[tuple[float, bool]]) -> float | None:
    """The share of pairs (answerable, not) that confidence puts in order, a tie counting half."""
    yes = [confidence for confidence, answerable in sure if answerable]
    no = [confidence for confidence, answerable in sure if not answerable]
    if not yes or not no:
        return None
    won = sum((a > b) + (a == b) / 2 for a in yes for b in no)
    return won / (len(yes) * len(no))
