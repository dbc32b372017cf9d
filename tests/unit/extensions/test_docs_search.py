"""Search: the right section, exact names, misspellings, languages, citations, and "not found" said."""

from pathlib import Path
from typing import Any

import pytest

from devagent_docs import commands, ranking, tools
from devagent_docs.contract import DocsError
from devagent_docs.correcting import distance
from devagent_docs.words import taken_apart
from tests.support.documentation import Place, index_all, make_place


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("docs"))
    index_all(place)
    return place


def hits(here: Place, query: str, **more: Any) -> list[str]:
    found = tools.search(here, query=query, **more)
    return [hit["citation"] for hit in found.get("structured", {})["hits"]]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("book a train two days ahead", "travel.md#booking-a-train"),
        ("E4711", "travel.md#errors"),
        ("receipt is older than thirty days", "travel.md#errors"),
        ("--seat", "railctl.1#--seat-place"),
        ("queue.max_depth", "queues.html#queue.max_depth"),
        ("max_depth", "queues.html#queue.max_depth"),
        ("send_order()", "client.rst#shopclient.send_order"),
        ("undo a deployment", "deploy.adoc#rolling-back"),
        ("GET /orders/{id}", "shop.json#getOrder"),
        ("reset badge", "answers.csv#how-do-i-reset-my-badge"),
        ("cancellations", "churn.ipynb#churn-analysis"),
        ("bokking a trian with the portal", "travel.md#booking-a-train"),
        ("返品", "ja.md#返品の手順"),
        ("배송", "ja.md#배송-안내"),
    ],
)
def test_the_first_hit_is_the_section_that_answers(here: Place, query: str, path: str) -> None:
    assert hits(here, query)[0].endswith(f":{path}")


def test_a_hit_carries_all_that_a_citation_needs(here: Place) -> None:
    found = tools.search(here, query="how deep may a queue be", limit=1)
    (hit,) = found.get("structured", {})["hits"]
    assert hit["citation"] == "site@2.4:queues.html#queue.max_depth"
    assert (hit["collection"], hit["version"], hit["line"]) == ("site", "2.4", 6)
    assert hit["freshness"].endswith("unchanged since")
    assert "jobs may wait" in hit["snippet"]
    assert found.get("taint") == ["docs.site"]


def test_a_correction_is_told_only_where_a_hit_bears_it_out(here: Place) -> None:
    assert "Read as: trian → train" in tools.search(here, query="trian")["text"]
    assert "Read as" not in tools.search(here, query="qqqqqqqq")["text"]


def test_nothing_found_is_said(here: Place) -> None:
    found = tools.search(here, query="kubernetes")
    assert found["text"].startswith("NOT FOUND")
    assert found.get("structured", {})["found"] is False


def test_a_question_that_is_half_answered_is_not_called_answered(here: Place) -> None:
    found = tools.search(here, query="kubernetes ingress controller annotations for receipts")
    assert found.get("structured", {})["found"] is False
    assert "No section speaks of all this" in found["text"]


def test_words_of_talk_say_little_of_how_sure_an_answer_is(here: Place) -> None:
    bare = tools.search(here, query="train booking").get("structured", {})
    talking = tools.search(here, query="somebody wants help with train booking").get(
        "structured", {}
    )
    foreign = tools.search(here, query="how do I get the zeppelin").get("structured", {})
    assert bare["confidence"] == 1
    assert talking["found"]
    assert not foreign["found"]


def test_grounded_mode_shows_nothing_that_is_unsure_and_asks_for_citations(here: Place) -> None:
    grounded = here._replace(settings={**here.settings, "grounded": True})
    unsure = tools.search(grounded, query="kubernetes ingress controller annotations for receipts")
    assert unsure["text"].startswith("NOT FOUND")
    assert unsure.get("structured", {})["hits"] == []
    assert "do not answer from memory" in unsure["text"]
    sure = tools.search(grounded, query="book a train")
    assert "cite each" in sure["text"]
    assert "cite each" in tools.read(grounded, hit="handbook:travel.md#booking-a-train")["text"]


def test_one_section_is_one_hit_and_limits_hold(here: Place) -> None:
    found = hits(here, "book a train", limit=20)
    assert len(found) == len(set(found))
    narrowed = here._replace(obligations={"limit_rows": 2, "limit_bytes": 10_000})
    assert len(hits(narrowed, "book a train", limit=20)) == 2
    short = here._replace(obligations={"limit_bytes": 400})
    assert len(tools.search(short, query="book a train")["text"].encode()) < 700


def test_reading_gives_the_section_and_those_below_and_goes_on(here: Place) -> None:
    whole = tools.read(here, hit="handbook:travel.md#claiming-costs")["text"]
    assert "within thirty days" in whole
    assert "# Errors" in whole
    assert "Booking" not in whole
    short = here._replace(obligations={"limit_bytes": 60})
    first = tools.read(short, hit="handbook:travel.md#claiming-costs")
    following = first.get("structured", {})["next_offset"]
    assert following == 60
    assert f"offset={following}" in first["text"]
    rest = tools.read(here, hit="handbook:travel.md#claiming-costs", offset=following)["text"]
    assert "Send receipts" not in rest


def test_a_citation_of_another_version_says_so(here: Place) -> None:
    text = tools.read(here, hit="site@2.3:queues.html#queues")["text"]
    assert "the hit was of version 2.3, this is 2.4" in text


@pytest.mark.parametrize("hit", ["handbook:none.md", "handbook:travel.md#none", "none:travel.md"])
def test_what_is_not_there_cannot_be_read(here: Place, hit: str) -> None:
    with pytest.raises(DocsError) as raised:
        tools.read(here, hit=hit)
    assert raised.value.error == "no_such_section"


@pytest.mark.parametrize("hit", ["", "travel.md", "handbook:../secret", "a b:c"])
def test_a_malformed_citation_is_refused(here: Place, hit: str) -> None:
    with pytest.raises(DocsError) as raised:
        tools.read(here, hit=hit)
    assert raised.value.error == "bad_arguments"


def test_a_symbol_is_where_it_is_defined_first(here: Place) -> None:
    found = tools.symbol(here, name="send_order")
    first = found.get("structured", {})["hits"][0]
    assert first["citation"] == "misc@1:client.rst#shopclient.send_order"
    assert tools.symbol(here, name="no_such_thing").get("structured", {})["found"] is False


def test_collections_tells_versions_and_states(here: Place) -> None:
    text = tools.collections(here)["text"]
    assert "How we work" in text
    assert "site@2.4 (1 documents" in text


def test_a_changed_file_makes_its_hits_stale(tmp_path: Path) -> None:
    here = make_place(tmp_path)
    index_all(here)
    file = tmp_path / "site/queues.html"
    file.write_text(file.read_text() + "<p>more</p>")
    (hit,) = tools.search(here, query="queue.max_depth", limit=1).get("structured", {})["hits"]
    assert hit["freshness"].endswith("CHANGED since")
    file.unlink()
    (hit,) = tools.search(here, query="queue.max_depth", limit=1).get("structured", {})["hits"]
    assert hit["freshness"].endswith("source gone since")


def test_the_language_of_a_collection_chooses_its_stemmer(tmp_path: Path) -> None:
    table = {"de": {"path": "urlaub.md", "language": "german"}}
    here = make_place(tmp_path, collections=table)
    index_all(here)
    assert hits(here, "genehmigen")[0].endswith("urlaub.md#urlaubsanträge")


def test_without_an_index_the_call_says_what_to_do(tmp_path: Path) -> None:
    here = make_place(tmp_path)
    with pytest.raises(DocsError) as raised:
        tools.search(here, query="train")
    assert raised.value.error == "not_indexed"
    commands.index(here, commands.chosen(here, ["site"])[0])
    text = tools.search(here, query="queue")["text"]
    assert "Not indexed yet, so not searched: handbook, misc" in text


@pytest.mark.parametrize("query", ["", "  ", "x" * 1001])
def test_a_query_has_bounds(here: Place, query: str) -> None:
    with pytest.raises(DocsError) as raised:
        tools.search(here, query=query)
    assert raised.value.error == "bad_arguments"


def test_odd_queries_are_searched_like_any(here: Place) -> None:
    for query in ('"', "a AND OR NOT", "field:x", "*", "(((", "\x00", "🎉", "-" * 50, "a" * 900):
        assert isinstance(tools.search(here, query=query)["text"], str)


def test_a_question_is_taken_apart_into_words_names_and_signs() -> None:
    found = taken_apart("Why does Foo.bar_baz() raise HTTPError with --no-retry? 返品")
    assert found.names == ("foo.bar_baz", "httperror", "--no-retry")
    assert found.cjk == ("返品",)
    assert "bar" in found.words


@pytest.mark.parametrize(
    ("a", "b", "steps"),
    [("train", "train", 0), ("trian", "train", 1), ("rain", "train", 1), ("traim", "train", 1), ("tarin", "train", 1), ("abcdef", "uvwxyz", 3)],
)  # fmt: skip
def test_distance_counts_swapped_neighbours_once(a: str, b: str, steps: int) -> None:
    assert distance(a, b, 2) == steps


def test_a_question_that_names_a_collection_is_answered_from_it_first(tmp_path: Path) -> None:
    for name in ("cobra", "heron"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lists.md").write_text(
            "# Lists\n\n## Sorting\n\nSort a list in place.\n"
        )
    (tmp_path / "cobra/about.md").write_text("# About cobra\n\nWhy cobra is called cobra.\n")
    here = make_place(tmp_path, collections={n: {"path": n} for n in ("cobra", "heron")})
    index_all(here)
    for name in ("cobra", "heron"):
        found = hits(here, f"sort a list in {name}")
        assert found[0].startswith(f"{name}@")
        assert found[0].endswith(":lists.md#sorting")
        assert any(not one.startswith(f"{name}@") for one in found)


def test_in_a_large_index_words_that_stand_everywhere_are_left_out_beside_others(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hits(here, "book a train")
    monkeypatch.setattr(ranking, "LARGE", 1)
    monkeypatch.setattr(ranking, "EVERYWHERE", {"stem": 0.01, "page": 0.01, "lead": 0.01})
    # All its words stand everywhere by this measure: then none is left out.
    assert before
    assert hits(here, "book a train") == before
    monkeypatch.setattr(ranking, "EVERYWHERE", {"stem": 0.06, "page": 0.06, "lead": 0.06})
    assert "railctl.1" in hits(here, "the window or the aisle")[0]
