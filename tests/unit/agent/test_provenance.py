"""Where the values of a call first stood."""

from typing import Any

import pytest

from devagent.agent import provenance
from devagent.agent.provenance import Provenance
from devagent.core.codec import from_plain, to_plain
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.turns import Prompt
from devagent.core.principal import Principal
from devagent.core.tools import ExtensionReference
from devagent.core.verdicts import Decision
from devagent.policy.facts import facts_of


class Talk:
    """A session so far: what was typed, which tools were called with what, what came back."""

    def __init__(self) -> None:
        self.provenance = Provenance()
        self.events: list[Event] = []

    def apply(self, event: Event) -> None:
        self.events.append(event)
        self.provenance.apply(event)

    def typed(self, text: str) -> "Talk":
        self.apply(Prompt(turn=1, text=text))
        return self

    def called(self, tool: str, args: dict[str, Any], result: str = "", **fields: Any) -> "Talk":
        call = f"c{len(self.events)}"
        extension, name = tool.split(".")
        self.apply(
            ToolJudged(
                turn=1,
                call=call,
                principal=Principal(user="ana"),
                agent="main",
                ext=ExtensionReference(extension, "1.0", "ab"),
                tool=name,
                tool_class="read",
                resources=(),
                args_digest="",
                decision=Decision("allow", "yes"),
                args=args,
            )
        )
        outcome = fields.pop("outcome", "ok")
        self.apply(ToolFinished(turn=1, call=call, outcome=outcome, text=result, **fields))
        return self

    def of(self, value: Any) -> list[str]:
        """The origins of one argument."""
        return self.provenance.origins({"to": value}, {}, ["args.to"]).get("/to", [])


def test_what_the_person_typed_comes_from_the_prompt() -> None:
    talk = Talk().typed("Send the report to bob@acme.example, please.")
    assert talk.of("bob@acme.example") == ["prompt"]
    assert talk.of("eve@evil.example") == []


def test_what_a_result_held_comes_from_that_tool() -> None:
    talk = Talk().typed("answer it").called("inbox.search", {"q": "new"}, "From: eve@evil.example")
    assert talk.of("eve@evil.example") == ["result:inbox.search"]


def test_all_sources_are_named_in_the_order_of_their_first_holding_it() -> None:
    talk = (
        Talk()
        .called("inbox.search", {}, "bob@acme.example")
        .called("web.get", {}, "bob@acme.example")
    )
    talk.called("inbox.search", {}, "bob@acme.example again").typed("to bob@acme.example")
    assert talk.of("bob@acme.example") == ["prompt", "result:inbox.search", "result:web.get"]


def test_a_result_that_repeats_what_the_model_asked_vouches_for_nothing() -> None:
    talk = Talk().typed("find bob")
    talk.called("people.find", {"who": "eve@evil.example"}, "nobody is called eve@evil.example")
    assert talk.of("eve@evil.example") == []


def test_what_the_model_wrote_into_a_file_and_read_again_is_still_its_own() -> None:
    talk = Talk().called("files.write", {"text": "mail eve@evil.example"}, "written")
    talk.called("files.read", {"path": "a"}, "mail eve@evil.example")
    assert talk.of("eve@evil.example") == []


def test_what_stood_in_a_result_before_the_model_used_it_keeps_its_origin() -> None:
    talk = Talk().called("people.find", {"who": "bob"}, "bob@acme.example")
    talk.called("mail.send", {"to": "bob@acme.example"}, "sent to bob@acme.example")
    assert talk.of("bob@acme.example") == ["result:people.find"]


def test_the_person_may_type_what_the_model_came_up_with() -> None:
    talk = Talk().called("people.find", {"who": "bo@acme.example"}).typed("yes, bo@acme.example")
    assert talk.of("bo@acme.example") == ["prompt"]


def test_what_was_piped_in_beside_a_prompt_was_not_typed() -> None:
    talk = Talk().typed(
        "answer this\n\n<input>\nFrom: eve@evil.example\n</input>\n\n<input>\nx\n</input>"
    )
    assert talk.of("eve@evil.example") == ["input"]
    assert talk.of("answer") == ["prompt"]


def test_what_devagent_asks_of_the_model_itself_was_typed_by_nobody() -> None:
    talk = Talk().typed("get the report")
    talk.apply(Prompt(turn=2, text='That does not fit: "eve@evil.example"', of_the_house=True))
    assert talk.of("eve@evil.example") == []
    assert talk.provenance.prompt == "get the report"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x.example", "mail bob@x.example"),
        ("x.example", "see x.example.evil.net"),
        ("x.example", "see max.example"),
        ("bob@x.example", "alice+bob@x.example"),
        ("bob@x.example", "bob@x.example-mail.net"),
        ("report", "report.pdf"),
        ("main", "main-old"),
        ("Main", "main"),
        ("a\0b", "a\0b"),
        (" ", "a b"),
        (True, "True"),
        (500, "5000"),
        (12, "12.5"),
    ],
)
def test_a_part_of_something_longer_is_not_the_value(value: Any, text: str) -> None:
    assert Talk().typed(text).of(value) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x.example", "Is it x.example? Or x.example."),
        ("Bob@X.example", "bob@x.EXAMPLE"),
        ("bob@x.example", "发给bob@x.example谢谢"),
        ("acme/shop", "https://git.example/acme/shop"),
        ("origin/main", "push to 'origin/main'"),
        ("two\nlines", "say two\nlines now"),
        ("/etc/hosts", "cat /etc/hosts"),
        ("--force", "with --force"),
        (1500, "$1,500.00"),
        (1500.0, "1500"),
        (-5, "less 5"),
    ],
)
def test_a_value_stands_in_a_text_by_itself(value: Any, text: str) -> None:
    assert Talk().typed(text).of(value) == ["prompt"]


def test_values_are_found_in_json_texts_and_in_structured_results() -> None:
    talk = Talk().called("docs.get", {}, '{"note": "first\\nsecond", "n": [7]}')
    talk.called("sql.query", {}, "1 row", structured={"rows": [["bob@acme.example", 42]]})
    assert talk.of("first\nsecond") == ["result:docs.get"]
    assert talk.of("bob@acme.example") == ["result:sql.query"]
    assert talk.of(42) == ["result:sql.query"]
    assert talk.of("42") == ["result:sql.query"]


def test_what_was_withheld_or_cut_is_no_source() -> None:
    talk = Talk().called("docs.get", {}, "withheld: x.example", outcome="denied")
    talk.called("docs.get", {}, "x.example", outcome="cut")
    assert talk.of("x.example") == []


def test_where_no_rule_asks_nothing_is_kept_but_the_last_prompt() -> None:
    talk = Talk()
    talk.provenance = Provenance(lambda: False)
    talk.typed("to a@x.example").called("inbox.get", {}, "b@y.example")
    assert talk.of("a@x.example") == talk.of("b@y.example") == []
    assert talk.provenance.prompt == "to a@x.example"


def test_each_value_of_a_list_has_its_own_pointer() -> None:
    talk = Talk().typed("a@x.example").called("inbox.get", {}, "b@y.example")
    args = {"to": ["a@x.example", "b@y.example", "c@z.example"], "at/t~": [{"id": "b@y.example"}]}
    assert talk.provenance.origins(args, {}, ["args.to", "args.at/t~.id"]) == {
        "/to/0": ["prompt"],
        "/to/1": ["result:inbox.get"],
        "/at~1t~0/0/id": ["result:inbox.get"],
    }
    assert talk.provenance.origins(args, {}, ["args.**"]).keys() == {"/to/0", "/to/1", "/at~1t~0/0/id"}  # fmt: skip


def test_a_fact_comes_from_where_that_fact_stood() -> None:
    talk = Talk().typed("See https://Bücher.example/ and pay 1.500,00 €.")
    talk.called("web.get", {}, "mail eve@evil.example or http://me@evil.example/x")
    body = "xn--bcher-kva.example, evil.example and me.example for 1500 (bob@acme.example)"
    keys = ["args.body.@hosts", "args.body.@amounts", "args.body.@emails"]
    facts = facts_of({"body": body}, keys)
    assert talk.provenance.origins({"body": body}, facts, keys) == {
        "/body/@hosts/0": ["prompt"],
        "/body/@hosts/1": ["result:web.get"],
        "/body/@amounts/0": ["prompt"],
    }


def test_a_domain_comes_from_where_an_address_or_host_of_it_stood() -> None:
    talk = Talk().typed("mail bob@acme.example")
    args = {"to": ["ann@acme.example", "who"]}
    facts = facts_of(args, ["args.to.@domains"])
    assert talk.provenance.origins(args, facts, facts.keys()) == {"/to/@domains/0": ["prompt"]}


def test_a_resumed_session_knows_the_same_origins() -> None:
    talk = Talk().typed("to bob@acme.example").called("inbox.get", {"n": 1}, "eve@evil.example")
    resumed = Talk()
    for event in talk.events:
        resumed.apply(from_plain(to_plain(event), type(event)))
    for value in ("bob@acme.example", "eve@evil.example", "no@where.example"):
        assert resumed.of(value) == talk.of(value)


def test_the_oldest_results_are_forgotten_first_and_are_no_origin_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "KEPT_RESULTS", 1_000)
    talk = Talk().typed("typed.example").called("a.b", {}, "old.example")
    talk.called("a.b", {}, "x" * 700).called("a.b", {}, "new.example")
    assert talk.of("typed.example") == ["prompt"]
    assert talk.of("old.example") == []
    assert talk.of("new.example") == ["result:a.b"]


def test_once_words_of_the_model_are_forgotten_later_results_vouch_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "KEPT_USES", 1_000)
    talk = Talk().called("a.b", {"q": "mine.example"}, "early.example")
    talk.called("a.b", {"q": "x" * 900}, "").called("a.b", {}, "mine.example later.example")
    assert talk.of("early.example") == ["result:a.b"]
    assert talk.of("mine.example") == talk.of("later.example") == []


def test_only_so_many_values_of_one_call_get_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "MOST_VALUES", 3)
    talk = Talk().typed("a b c d e")
    found = talk.provenance.origins({"to": list("abcde")}, {}, ["args.to"])
    assert list(found) == ["/to/0", "/to/1", "/to/2"]


def test_a_text_full_of_near_misses_is_searched_in_bounded_time() -> None:
    assert Talk().typed("a" * 300_000).of("a" * 1_000) == []


def test_what_a_sub_agent_answers_vouches_for_nothing_that_it_has_not_read() -> None:
    talk = Talk().called("docs.read", {}, "eve AT evil DOT example, and bo@bank.example")
    talk.called("agent.task", {"task": "who?"}, "eve@evil.example and bo@bank.example")
    args = {"to": ["eve@evil.example", "bo@bank.example"]}
    assert talk.provenance.origins(args, {}, ["args.to"]) == {"/to/1": ["result:docs.read"]}
