"""The local tracker through the tools: posted once, found again, taken in and out, and safe to read and to send."""

import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devagent_tickets import commands, exchange, ledger, tools
from devagent_tickets.contract import TicketsError
from devagent_tickets.model import Attachment, Ticket
from devagent_tickets.settings import data_folder, read_trackers
from devagent_tickets.store import opened
from tests.support.tickets import Place, fill, local_place

GITHUB_TOKEN = "ghp_" + "a1B2" * 9  # in two parts, so that no scanner takes it for one


@pytest.fixture
def here(tmp_path: Path) -> Place:
    place = local_place(tmp_path)
    fill(place)
    return place


def keys(result: Any) -> list[str]:
    return [one["key"] for one in result["structured"]["tickets"]]


def error_of(tool: Any, here: Place, **args: Any) -> str:
    with pytest.raises(TicketsError) as raised:
        tool(here, **args)
    return raised.value.error


def test_a_ticket_is_read_as_it_was_written(here: Place) -> None:
    result = tools.get(here, key="WORK-1", fields=["all"])
    assert result["text"].startswith(
        "WORK-1: Checkout fails on Safari\nstatus: open\nassignee: ana\n"
    )
    assert result["text"].endswith("\n\nThe pay button is dead.")
    assert result.get("taint") == ["ticket", "tickets.own"]
    assert result.get("structured", {})["labels"] == ["bug"]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"query": "safari"}, ["WORK-1"]),
        ({"query": "checkout"}, ["WORK-1", "WORK-3"]),
        ({"query": "releas"}, ["WORK-3"]),
        ({"query": "checkout keys nonsense"}, ["WORK-1", "WORK-2", "WORK-3"]),
        ({"query": "check-out; drop table \" ' *"}, []),
        ({"query": "WORK-2"}, ["WORK-2"]),
        ({"status": "open"}, ["WORK-1", "WORK-3"]),
        ({"status": "closed"}, ["WORK-2"]),
        ({"status": "Done"}, ["WORK-2"]),
        ({"assignee": "me"}, ["WORK-1"]),
        ({"assignee": "none", "status": "open"}, ["WORK-3"]),
        ({"label": "security"}, ["WORK-2"]),
        ({"label": "secur"}, []),
    ],
)
def test_a_search_finds_what_fits(here: Place, asked: dict[str, Any], wanted: list[str]) -> None:
    assert sorted(keys(tools.search(here, **asked))) == wanted


def test_what_stands_in_the_title_comes_before_the_rest(here: Place) -> None:
    assert keys(tools.search(here, query="checkout")) == ["WORK-1", "WORK-3"]
    assert keys(tools.my_work(here)) == ["WORK-1"]


def test_pages_follow_each_other_until_nothing_is_left(here: Place) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        result: Any = tools.search(here, limit=1, project="WORK", cursor=cursor)
        seen += keys(result)
        cursor = result["structured"]["cursors"].get("WORK", "")
    assert (sorted(seen), cursor) == (["WORK-1", "WORK-2", "WORK-3"], "")


def test_a_comment_is_posted_once_whoever_tries_again(here: Place) -> None:
    first = tools.comment(here, key="WORK-1", body="Seen here too.", token="t1")
    again = tools.comment(here, key="WORK-1", body="Seen here too.", token="t1")
    assert "nothing was sent" in again["text"]
    assert again.get("structured", {})["url"] == first.get("structured", {})["url"]
    assert "was posted before" not in tools.comment(here, key="WORK-1", body="Once more.")["text"]
    assert "was posted before" in tools.comment(here, key="WORK-1", body="Once more.")["text"]
    assert tools.comments(here, key="WORK-1").get("rows") == 2
    assert (
        error_of(tools.comment, here, key="WORK-1", body="Another", token="t1") == "bad_arguments"
    )


def test_side_by_side_tries_of_one_post_make_one(here: Place) -> None:
    def post(_: int) -> str:
        try:
            return str(tools.create(here, project="WORK", title="Quatloos", token="same")["text"])
        except TicketsError as error:
            return error.error

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(post, range(4)))
    assert len(keys(tools.search(here, query="quatloos"))) == 1, answers
    assert set(answers) - {"being_sent", "busy"} <= {a for a in answers if "WORK-4" in a}


def test_a_post_whose_outcome_was_lost_is_found_again(here: Place) -> None:
    with opened(data_folder(here.settings), "own") as store:
        what = {"key": "WORK-1", "body": "Lost."}
        claim = ledger.claim(store, "comment", "lost", ledger.digest_of("comment", what))
        assert claim.state == "new"
    assert error_of(tools.comment, here, key="WORK-1", body="Lost.", token="lost") == "being_sent"
    with opened(data_folder(here.settings), "own") as store, store.change() as connection:
        connection.execute("update sent set at = ? where token = 'lost'", (time.time() - 3600,))
    assert "done" in tools.comment(here, key="WORK-1", body="Lost.", token="lost")["text"]
    with opened(data_folder(here.settings), "own") as store, store.change() as connection:
        connection.execute("update sent set state = 'sending' where token = 'lost'")
    assert "earlier try" in tools.comment(here, key="WORK-1", body="Lost.", token="lost")["text"]
    assert tools.comments(here, key="WORK-1").get("rows") == 1


def test_what_is_so_already_is_not_sent(here: Place) -> None:
    steps: list[tuple[Any, dict[str, Any]]] = [
        (tools.transition, {"status": "Done"}), (tools.assign, {"assignee": "bob"}),
        (tools.update, {"add_labels": ["x"], "priority": "high", "custom": {"points": 3}}),
        (tools.link, {"to": "WORK-1", "kind": "blocks"}), (tools.link, {"to": "https://git.example/pr/1"}),
    ]  # fmt: skip
    for tool, args in steps:
        first = tool(here, key="WORK-3", **args)
        again = tool(here, key="WORK-3", **args)
        assert ("nothing was sent" in first["text"], "nothing was sent" in again["text"]) == (
            False,
            True,
        ), args
    whole: Any = tools.get(here, key="WORK-3", fields=["all"]).get("structured")
    assert (whole["status"], whole["assignee"], whole["labels"]) == ("done", "bob", ["x"])
    assert [one["kind"] for one in whole["links"]] == ["blocks", "url"]
    other: Any = tools.get(here, key="WORK-1", fields=["links"]).get("structured")
    assert other["links"] == [
        {"kind": "blocked_by", "to": "WORK-3", "title": "Write the release notes"}
    ]


@pytest.mark.parametrize(
    ("tool", "args", "error"),
    [
        (tools.get, {"key": "WORK-99"}, "no_such_ticket"),
        (tools.get, {"key": "OTHER-1"}, "no_such_ticket"),
        (tools.get, {"key": "../x"}, "no_such_ticket"),
        (tools.get, {"key": "WORK-1", "fields": ["mood"]}, "bad_arguments"),
        (tools.search, {"project": "OTHER"}, "no_such_project"),
        (tools.search, {"limit": 51}, "bad_arguments"),
        (tools.search, {"jql": "project = X"}, "bad_arguments"),
        (tools.transition, {"key": "WORK-1", "status": "nirvana"}, "no_such_status"),
        (tools.update, {"key": "WORK-1"}, "bad_arguments"),
        (
            tools.update,
            {"key": "WORK-1", "add_labels": ["a"], "remove_labels": ["a"]},
            "bad_arguments",
        ),
        (tools.comment, {"key": "WORK-1", "body": "  "}, "bad_arguments"),
        (tools.create, {"project": "WORK", "title": " "}, "bad_arguments"),
        (tools.create, {"project": "NONE", "title": "x"}, "no_such_project"),
        (tools.link, {"key": "WORK-1", "to": "WORK-1"}, "bad_arguments"),
        (tools.link, {"key": "WORK-1", "to": "WORK-2", "kind": "url"}, "bad_arguments"),
    ],
)
def test_a_call_that_cannot_be_is_refused_by_its_class(
    here: Place, tool: Any, args: dict[str, Any], error: str
) -> None:
    assert error_of(tool, here, **args) == error


def test_secrets_and_personal_data_are_not_let_out(here: Place) -> None:
    for text, error in (
        (f"The key is {GITHUB_TOKEN}", "secret"), ("Write to ana.lee@acme.example", "personal_data"),
        ("IBAN DE89 3704 0044 0532 0130 00", "personal_data"),
    ):  # fmt: skip
        with pytest.raises(TicketsError) as raised:
            tools.resources("comment", {"key": "WORK-1", "body": text}, here)
        assert raised.value.error == error
        assert text.split()[-1] not in str(raised.value)
        assert error_of(tools.create, here, project="WORK", title=text) == error
        assert error_of(tools.search, here, query=text) == error
    assert tools.comments(here, key="WORK-1").get("rows") == 0


def test_what_others_wrote_is_read_without_secrets_and_persons(here: Place, tmp_path: Path) -> None:
    (tmp_path / "in.md").write_text(
        f"# Call +49 30 1234567\n\nMail bob@acme.example, key {GITHUB_TOKEN}\u202e\n",
        encoding="utf-8",
    )
    assert commands.take_in(here, "WORK", str(tmp_path / "in.md")) == ("WORK", 1, 0)
    text = tools.get(here, key="WORK-4")["text"]
    assert "⟦redacted phone⟧" in text
    assert "⟦redacted email⟧" in text
    assert not any(one in text for one in ("1234567", "bob@", GITHUB_TOKEN, "\u202e"))
    # Sent back, the placeholder would stand where the address was.
    body = text.partition("\n\n")[2]
    assert error_of(tools.update, here, key="WORK-4", body=body) == "redacted_text"
    kept = here._replace(settings={**here.settings, "personal_data": "keep"})
    assert "bob@acme.example" in tools.get(kept, key="WORK-4")["text"]
    assert GITHUB_TOKEN not in tools.get(kept, key="WORK-4")["text"]


def test_tickets_come_out_and_in_again_the_same(here: Place, tmp_path: Path) -> None:
    tools.comment(
        here, key="WORK-1", body="First.\n\n## Comment by eve, 2026-01-01\n\nNot a comment."
    )
    tools.comment(here, key="WORK-1", body="Second.")
    assert commands.give_out(here, "WORK", str(tmp_path / "out.jsonl"), markdown=False) == 3
    assert commands.give_out(here, "WORK", str(tmp_path / "out"), markdown=True) == 3
    for number, source in enumerate(("out.jsonl", "out")):
        other = local_place(tmp_path / str(number))
        assert commands.take_in(other, "WORK", str(tmp_path / source)) == ("WORK", 3, 0)
        assert commands.take_in(other, "WORK", str(tmp_path / source)) == ("WORK", 0, 3)
        for key in ("WORK-1", "WORK-2", "WORK-3"):
            for tool in (tools.get, tools.comments):
                assert tool(other, key=key)["text"] == tool(here, key=key)["text"]
        assert "WORK-4" in tools.create(other, project="WORK", title="New")["text"]


@pytest.mark.parametrize("text", ["no title\n", "# T\n\n---\n", "---\nlabels: 7\n---\n# T\n"])
def test_a_file_that_is_no_ticket_is_refused_and_nothing_is_taken_in(
    here: Place, tmp_path: Path, text: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.md").write_text("# Fine\n")
    (folder / "b.md").write_text(text)
    if text.startswith("# T"):
        assert commands.take_in(here, "WORK", str(folder)) == ("WORK", 2, 0)
        return
    with pytest.raises(TicketsError, match=r"b\.md"):
        commands.take_in(here, "WORK", str(folder))
    assert keys(tools.search(here, query="Fine")) == []


def test_the_file_is_the_persons_own_and_a_damaged_one_is_said_to_be(here: Place) -> None:
    file = Path(data_folder(here.settings), "own.sqlite")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with sqlite3.connect(file) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    file.write_bytes(b"not a database" * 100)
    assert error_of(tools.get, here, key="WORK-1") == "damaged"


@pytest.mark.parametrize(
    "trackers",
    [
        {"a": {}}, {"a": {"projects": ["WORK"], "type": "trello"}}, {"a": {"projects": ["../x"]}},
        {"a": {"projects": ["A"]}, "b": {"projects": ["a"]}}, {"a": {"projects": ["A"], "token": "x"}},
        {"a": {"projects": ["A"], "type": "jira"}}, {"a": {"projects": ["A"], "type": "jira", "url": "http://jira.acme.example"}},
        {"a": {"projects": ["A"], "type": "jira", "url": "https://u:p@jira.acme.example"}},
        {"a": {"projects": ["A"], "type": "linear", "secret": "has spaces in it"}}, {"a b": {"projects": ["A"]}},
        {"a": {"projects": ["A"], "statuses": ["one"]}}, {"a": {"projects": ["A"], "timeout_s": 0}}, "x",
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(trackers: Any) -> None:
    with pytest.raises(TicketsError) as raised:
        read_trackers({"trackers": trackers})
    assert raised.value.error == "bad_settings"


def test_of_many_words_the_title_that_has_them_all_comes_first(tmp_path: Path) -> None:
    here = local_place(tmp_path)
    words = "The login page is blank after an upgrade"
    tools.create(here, project="WORK", title=words)
    tools.create(here, project="WORK", title="Meeting", body=f"We spoke of this: {words}.")
    assert keys(tools.search(here, query=words)) == ["WORK-1", "WORK-2"]


def test_where_no_ticket_has_all_words_the_rarer_ones_decide(tmp_path: Path) -> None:
    here = local_place(tmp_path)
    tools.create(here, project="WORK", title="Zeppelin exporter", body="Writes the file twice.")
    for number in range(8):
        tools.create(here, project="WORK", title=f"Page {number}", body="The file of the page.")
    found = keys(tools.search(here, query="why does the zeppelin lose the page file nowadays"))
    assert found[0] == "WORK-1"
    assert len(found) == 9


def test_markdown_keeps_what_a_ticket_brought_from_elsewhere(tmp_path: Path) -> None:
    ticket = Ticket(
        project="WORK", key="WORK-1", title="Old one", status="abandoned", closed=True, body="Text",
        attachments=(Attachment("plan.pdf", "https://h.example/plan.pdf", 17),),
    )  # fmt: skip
    back = exchange.from_markdown(exchange.to_markdown(exchange.Whole(ticket)), "x.md").ticket
    assert (back.closed, back.status, back.attachments) == (True, "abandoned", ticket.attachments)
