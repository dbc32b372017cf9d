"""The measures of search, by hand, and the questions that ship: whole, well-formed and evenly parted."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from devagent_docs.contract import DocsError
from devagent_docs.evaluation import Answer, Question, evaluate, is_right, read_questions

QUESTIONS = Path(__file__).parents[2] / "bench/docs_questions"


class Hit(NamedTuple):
    document: str
    places: tuple[str, ...] = ()


def test_the_measures_are_what_they_say() -> None:
    answers = {
        "first": Answer([Hit("c:a", ("x",)), Hit("c:b")], 0.9),
        "third": Answer([Hit("c:b"), Hit("c:b"), Hit("c:a", ("x",))], 0.5),
        "never": Answer([Hit("c:b")] * 10, 0.4),
        "none": Answer([Hit("c:b")], 0.5),
    }
    questions = [Question("k", name, ("c:a#x",)) for name in ("first", "third", "never")]
    found = evaluate([*questions, Question("u", "none", ())], answers.__getitem__)
    (kind, everything) = found.kinds
    assert (kind.questions, everything.questions) == (3, 3)
    assert kind.recall_at_1 == pytest.approx(1 / 3)
    assert kind.recall_at_5 == pytest.approx(2 / 3)
    assert kind.recall_at_10 == pytest.approx(2 / 3)
    assert kind.mrr == pytest.approx((1 + 1 / 3) / 3)
    assert kind.ndcg == pytest.approx((1 + 0.5) / 3)
    assert found.auc == pytest.approx((1 + 0.5 + 0) / 3)
    assert [one.text for one in found.missed] == ["never"]


def test_a_section_counts_once_however_many_hits_lie_in_it() -> None:
    hits = [Hit("c:a", ("x",)), Hit("c:a", ("x",)), Hit("c:b", ("y",))]
    found = evaluate([Question("k", "q", ("c:a#x", "c:b"))], lambda text: Answer(hits, 1))
    assert found.kinds[0].ndcg == pytest.approx((1 + 0.5) / (1 + 1 / 1.5849625))


def test_a_hit_is_right_in_the_section_below_it_or_where_it_defines_the_name() -> None:
    hit = Hit("c:a", ("inner", "outer", "--flag"))
    assert is_right("c:a", hit)
    assert is_right("c:a#outer", hit)
    assert is_right("c:a#--flag", hit)
    assert not is_right("c:a#other", hit)
    assert not is_right("c:b", hit)


def test_the_questions_that_ship_are_enough_and_evenly_parted() -> None:
    halves = [read_questions(str(QUESTIONS / name)) for name in ("open.tsv", "set_aside.tsv")]
    kinds = [Counter(one.kind for one in half) for half in halves]
    assert sum(map(len, halves)) >= 150
    assert len(kinds[0]) == 8
    assert all(abs(kinds[0][kind] - kinds[1][kind]) <= 1 for kind in kinds[0] | kinds[1])
    texts = [one.text for half in halves for one in half]
    assert len(texts) == len(set(texts))
    for one in (one for half in halves for one in half):
        assert bool(one.sections) is (one.kind != "unanswerable")


def test_the_fresh_questions_ask_for_no_section_that_an_older_one_asks_for() -> None:
    fresh = read_questions(str(QUESTIONS / "fresh.tsv"))
    older = [
        one
        for name in ("open.tsv", "open_more.tsv", "set_aside.tsv")
        for one in read_questions(str(QUESTIONS / name))
    ]
    assert sum(bool(one.sections) for one in fresh) >= 100
    asked = {section for one in older for section in one.sections}
    assert not asked.intersection(section for one in fresh for section in one.sections)
    texts = {one.text for one in older if one.sections}
    assert not texts.intersection(one.text for one in fresh)


@pytest.mark.parametrize(
    "text", ["", "kind\tquestion\n", "a\tb\nx\ty\n", "kind\tquestion\tsections\n\tq\tx\n"]
)
def test_a_file_without_questions_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.tsv").write_text(text)
    with pytest.raises(DocsError):
        read_questions(str(tmp_path / "q.tsv"))
