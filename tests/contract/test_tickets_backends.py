"""Every tracker by one contract, against servers that follow what the vendors publish, and do what servers do on bad days.

No call hangs past its limit, nothing is posted twice, and nothing is lost.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent_tickets import tools
from devagent_tickets.backends import rest
from devagent_tickets.contract import TicketsError
from tests.support.tickets import Place, fill, local_place
from tests.support.tracker_servers import SECRETS, Server, tracker_servers

VENDORS = list(SECRETS)
OPENED = {
    "github": "open",
    "gitlab": "opened",
    "jira": "To Do",
    "jira-dc": "To Do",
    "linear": "Todo",
    "azure": "New",
}
CLOSED = {
    "github": "closed",
    "gitlab": "closed",
    "jira": "Done",
    "jira-dc": "Done",
    "linear": "Done",
    "azure": "Done",
}
ANA = {
    "github": "ana",
    "gitlab": "ana",
    "jira": "Ana Lee",
    "jira-dc": "Ana Lee",
    "linear": "ana",
    "azure": "Ana Lee",
}
CHANGE = r"^(POST|PUT|PATCH) (?!.*(/search|wiql|workitemsbatch|\"query\": \"query))"
COMMENT = r"^POST .*(comment|notes)(?!.*\"query\": \"query)"
CREATE = r"^POST .*(/issues \{|/issue \{|issueCreate|workitems/\$)"
MARKDOWN = "Fixed in **main**:\n\n- one\n- two\n\n```py\nprint(1)\n```\n\nSee [the run](https://ci.example/1)."


@pytest.fixture(scope="module")
def servers() -> Generator[dict[str, Server]]:
    with tracker_servers() as found:
        yield found


@pytest.fixture(params=VENDORS)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    one = servers[request.param]
    one.reset()
    return one


@pytest.fixture
def here(server: Server, tmp_path: Path) -> Place:
    return server.place(tmp_path)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BACKOFF_S", 0.005)


def keys(result: Any) -> list[str]:
    return [one["key"] for one in result["structured"]["tickets"]]


def failure(tool: Any, here: Place, **args: Any) -> TicketsError:
    with pytest.raises(TicketsError) as raised:
        tool(here, **args)
    assert not any(secret in str(raised.value) for secret in SECRETS.values())
    return raised.value


class TestEveryTracker:
    """The same calls mean the same, the local one included."""

    @pytest.fixture(params=["local", *VENDORS])
    def place(
        self, request: pytest.FixtureRequest, servers: dict[str, Server], tmp_path: Path
    ) -> tuple[Place, str, str]:
        """The surroundings, the project, and the sign between it and a number."""
        if request.param == "local":
            here = local_place(tmp_path)
            fill(here)
            tools.assign(here, key="WORK-1", assignee="")
            return here, "WORK", "-"
        one = servers[request.param]
        one.reset()
        return one.place(tmp_path), one.small, one.key(1)[len(one.small)]

    def test_a_ticket_goes_through_its_whole_life(self, place: tuple[Place, str, str]) -> None:
        here, project, sign = place
        made: Any = tools.create(
            here, project=project, title="Slow checkout", body=MARKDOWN, labels=["bug"]
        )
        key = made["structured"]["key"]
        assert key == f"{project}{sign}{key.rpartition(sign)[2]}"
        assert made["structured"]["url"] in made["text"]
        whole: Any = tools.get(here, key=key, fields=["all"])
        assert whole["structured"]["body"] == MARKDOWN
        assert whole["structured"]["labels"] == ["bug"]
        assert whole["taint"][0] == "ticket"
        first: Any = tools.comment(here, key=key, body="First: **look**.")
        tools.comment(here, key=key, body="Second.")
        assert first["structured"]["url"].startswith(("https://", "http://", "devagent-tickets:"))
        said: Any = tools.comments(here, key=key)
        assert [one["body"] for one in said["structured"]["comments"]] == [
            "First: **look**.",
            "Second.",
        ]
        done = tools.update(
            here, key=key, title="Slow checkout again", add_labels=["ops"], remove_labels=["bug"]
        )
        assert "labels: ops" in done["text"]
        assert tools.get(here, key=key)["text"].startswith(f"{key}: Slow checkout again\n")
        assert "assignee: nobody" not in tools.assign(here, key=key, assignee="me")["text"]
        assert key in keys(tools.my_work(here))
        assert "assignee: nobody" in tools.assign(here, key=key, assignee="")["text"]
        assert "nothing was sent" in tools.assign(here, key=key, assignee="")["text"]
        tools.link(here, key=key, to=f"{project}{sign}1", kind="blocks")
        linked: Any = tools.get(here, key=f"{project}{sign}1", fields=["links"])
        assert [(one["kind"], one["to"]) for one in linked["structured"]["links"]] == [
            ("blocked_by", key)
        ]
        assert (
            "nothing was sent"
            in tools.link(here, key=key, to=f"{project}{sign}1", kind="blocks")["text"]
        )
        closed = CLOSED.get(here.settings["trackers"].get("team", {}).get("type", ""), "done")
        tools.transition(here, key=key, status=closed)
        assert key in keys(tools.search(here, project=project, status="closed", query="slow"))
        assert key not in keys(tools.search(here, project=project, status="open"))

    def test_a_search_finds_by_words_state_label_and_person(
        self, place: tuple[Place, str, str]
    ) -> None:
        here, project, sign = place
        wanted: dict[str, tuple[dict[str, Any], list[int]]] = {
            "query": ({"query": "safari"}, [1]), "open": ({"status": "open"}, [1, 3]), "closed": ({"status": "closed"}, [2]),
            "label": ({"label": "security"}, [2]), "nobody": ({"assignee": "none", "status": "open"}, [1, 3]),
            "nothing": ({"query": "zorptastic"}, []),
        }  # fmt: skip
        for name, (asked, numbers) in wanted.items():
            found = keys(tools.search(here, project=project, **asked))
            assert sorted(found) == [f"{project}{sign}{n}" for n in numbers], name
        pages: list[str] = []
        cursor = ""
        for _ in range(4):
            result: Any = tools.search(here, project=project, status="open", limit=1, cursor=cursor)
            pages += keys(result)
            if not (cursor := result["structured"]["cursors"].get(project, "")):
                break
        assert sorted(pages) == [f"{project}{sign}{n}" for n in (1, 3)]

    def test_comments_come_page_by_page(self, place: tuple[Place, str, str]) -> None:
        here, project, sign = place
        for number in range(5):
            tools.comment(here, key=f"{project}{sign}1", body=f"Comment {number}.")
        seen: list[str] = []
        cursor = ""
        for _ in range(6):
            page: Any = tools.comments(here, key=f"{project}{sign}1", limit=2, cursor=cursor)
            seen += [one["body"] for one in page["structured"]["comments"]]
            if not (cursor := page["structured"]["cursor"]):
                break
        assert seen == [f"Comment {number}." for number in range(5)]

    def test_what_is_not_there_is_said_by_its_class(self, place: tuple[Place, str, str]) -> None:
        here, project, sign = place
        assert failure(tools.get, here, key=f"{project}{sign}99999").error == "no_such_ticket"
        assert (
            failure(tools.comment, here, key=f"{project}{sign}99999", body="x").error
            == "no_such_ticket"
        )
        status = failure(tools.transition, here, key=f"{project}{sign}1", status="nirvana").error
        assert status in ("no_such_status", "rejected")


def test_texts_are_read_in_markdown_and_sent_in_the_vendors_own_form(
    server: Server, here: Place
) -> None:
    assert tools.get(here, key=server.key(1))["text"].endswith(
        "The **pay** button is dead.\n\n- open it\n- press it"
    )
    tools.update(here, key=server.key(1), body=MARKDOWN)
    sent = server.issue(1)["body"]
    match server.vendor:
        case "jira":
            assert [one["type"] for one in sent["content"]] == [
                "paragraph",
                "bulletList",
                "codeBlock",
                "paragraph",
            ]
        case "jira-dc":
            assert "*main*" in sent
            assert "{code:py}" in sent
            assert "[the run|https://ci.example/1]" in sent
        case "azure":
            assert "<strong>main</strong>" in sent
        case _:
            assert sent == MARKDOWN


def test_custom_fields_have_the_names_of_the_settings(server: Server, here: Place) -> None:
    name = {"gitlab": "weight", "linear": "estimate", "github": ""}.get(server.vendor, "points")
    if not name:
        assert (
            failure(tools.update, here, key=server.key(1), custom={"points": 3}).error
            == "unsupported"
        )
        return
    tools.update(here, key=server.key(1), custom={name: 3})
    assert list(server.issue(1)["custom"].values()) == [3]
    got: Any = tools.get(here, key=server.key(1), fields=[name])
    assert got["structured"][name] == 3
    assert failure(tools.update, here, key=server.key(1), custom={"mood": 1}).error in (
        "bad_arguments",
        "unsupported",
    )


def test_a_project_of_ten_thousand_is_paged_and_searched(server: Server, here: Place) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        result: Any = tools.search(here, project=server.big, limit=50, cursor=cursor)
        seen += keys(result)
        cursor = result["structured"]["cursors"][server.big]
    assert len(set(seen)) == 150
    found = keys(tools.search(here, project=server.big, query="Task 4711 of"))
    assert server.key(4712, server.big) in found


READING: list[tuple[dict[str, Any], str]] = [
    ({"kind": "status", "status": 401}, "unauthorized"),
    ({"kind": "status", "status": 403}, "forbidden"),
    ({"kind": "status", "status": 404}, "no_such_ticket"),
    ({"kind": "status", "status": 400, "data": {"message": "bad token"}}, "rejected"),
    ({"kind": "status", "status": 429, "headers": {"Retry-After": "3600"}}, "rate_limited"),
    ({"kind": "status", "status": 302, "headers": {"Location": "https://elsewhere.example/"}}, "unexpected_answer"),
    ({"kind": "status", "status": 503, "times": 9}, "server_error"),
    ({"kind": "drop", "times": 9}, "unreachable"),
    ({"kind": "html"}, "unexpected_answer"),
    ({"kind": "schema"}, "unexpected_answer"),
    ({"kind": "huge"}, "unexpected_answer"),
]  # fmt: skip
PASSING: list[dict[str, Any]] = [
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}}, {"kind": "status", "status": 502, "times": 2},
    {"kind": "drop"}, {"kind": "status", "status": 403, "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}},
]  # fmt: skip


def test_a_reading_that_fails_says_why_by_its_class(server: Server, here: Place) -> None:
    for told, error in READING:
        # A careless server says the token in its error.
        own = {"data": {"message": f"bad token {SECRETS[server.vendor]}"}} if "data" in told else {}
        fault = {**told, **own}
        server.faults(fault)
        began = time.monotonic()
        assert failure(tools.get, here, key=server.key(1)).error == error, fault
        assert time.monotonic() - began < 60
    server.faults()
    assert "Safari" in tools.get(here, key=server.key(1))["text"]


def test_a_reading_is_tried_again_where_that_helps(server: Server, here: Place) -> None:
    for fault in PASSING:
        server.faults(fault)
        result: Any = tools.get(here, key=server.key(1))
        assert "Safari" in result["text"]
        assert result["structured"]["offline"] is False, fault


@pytest.mark.parametrize("kind", ["drop", "status"])
def test_a_post_whose_answer_was_lost_is_found_and_not_sent_again(
    server: Server, here: Place, kind: str
) -> None:
    lost = {"kind": kind, "status": 502, "after": True, "times": 1}
    server.faults({"on": COMMENT, **lost})
    assert "done" in tools.comment(here, key=server.key(1), body="Only once.")["text"]
    assert "nothing was sent" in tools.comment(here, key=server.key(1), body="Only once.")["text"]
    assert len(server.issue(1)["comments"]) == 1
    server.faults({"on": CREATE, **lost})
    made: Any = tools.create(
        here, project=server.small, title="Only one", body="Of these.", labels=["bug"]
    )
    server.faults()
    again: Any = tools.create(
        here, project=server.small, title="Only one", body="Of these.", labels=["bug"]
    )
    assert again["structured"]["key"] == made["structured"]["key"]
    assert [one["title"] for one in server.issues().values()].count("Only one") == 1


def test_a_post_whose_answer_cannot_be_read_is_looked_for_and_not_sent_again(
    server: Server, here: Place
) -> None:
    for kind in ("schema", "html"):
        server.faults({"on": COMMENT, "kind": kind, "after": True})
        text = f"Taken, though the answer is {kind}."
        assert "done" in tools.comment(here, key=server.key(1), body=text)["text"]
        assert "nothing was sent" in tools.comment(here, key=server.key(1), body=text)["text"]
    assert len(server.issue(1)["comments"]) == 2
    server.faults({"on": CREATE, "kind": "schema", "after": True})
    made: Any = tools.create(here, project=server.small, title="Only one", body="Of these.")
    again: Any = tools.create(here, project=server.small, title="Only one", body="Of these.")
    assert again["structured"]["key"] == made["structured"]["key"]
    assert [one["title"] for one in server.issues().values()].count("Only one") == 1


@pytest.mark.parametrize("vendor", ["jira", "jira-dc"])
def test_a_jira_that_keeps_no_properties_is_asked_who_wrote_what(
    servers: dict[str, Server], vendor: str, tmp_path: Path
) -> None:
    server = servers[vendor]
    server.reset()
    here = server.place(tmp_path)
    asked: dict[str, Any] = {"project": server.small, "title": "Only one", "body": MARKDOWN, "token": "t-1"}  # fmt: skip
    server.faults(
        {"on": CREATE, "kind": "drop", "after": True}, {"on": "/search", "kind": "drop", "times": 9}
    )
    assert failure(tools.create, here, **asked).error == "unknown_outcome"
    server.faults()
    (place,) = [place for place, one in server.issues().items() if one["title"] == "Only one"]
    server.edit(int(place.rpartition("/")[2]), properties={})
    assert "nothing was sent" in tools.create(here, **asked)["text"]
    assert [one["title"] for one in server.issues().values()].count("Only one") == 1


@pytest.mark.parametrize("vendor", ["github", "gitlab", "jira", "jira-dc"])
def test_a_lost_ticket_is_found_behind_a_hundred_newer_ones(
    servers: dict[str, Server], vendor: str, tmp_path: Path
) -> None:
    server = servers[vendor]
    server.reset()
    here = server.place(tmp_path)
    asked: dict[str, Any] = {
        "project": server.small, "title": "Only one", "body": "Of these.", "token": "t-1",
    }  # fmt: skip
    listed = r"^(GET .*/issues( |$)|POST .*/search)"
    server.faults(
        {"on": CREATE, "kind": "drop", "after": True}, {"on": listed, "kind": "drop", "times": 9}
    )
    assert failure(tools.create, here, **asked).error == "unknown_outcome"
    server.faults()
    server.add(101, author="ana", title="Another one", body="Not of these.")
    assert "nothing was sent" in tools.create(here, **asked)["text"]
    assert [one["title"] for one in server.issues().values()].count("Only one") == 1


def test_an_update_that_stops_half_way_says_what_was_changed(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    server = servers["github"]
    server.reset()
    here = server.place(tmp_path)
    server.faults({"on": r"^POST .*/labels", "kind": "status", "status": 403})
    asked: dict[str, Any] = {"key": server.key(1), "title": "New title", "add_labels": ["ops"]}
    error = failure(tools.update, here, **asked)
    assert error.error == "forbidden"
    assert "Changed before that: title" in str(error)
    assert "done" in tools.update(here, **asked)["text"]
    assert server.issue(1)["title"] == "New title"
    assert "ops" in server.issue(1)["labels"]


def test_a_post_whose_answer_stops_in_its_middle_ends_in_time_and_is_found(
    server: Server, tmp_path: Path
) -> None:
    here = server.place(tmp_path, timeout_s=2)
    server.faults({"on": COMMENT, "kind": "stall", "after": True})
    began = time.monotonic()
    assert "done" in tools.comment(here, key=server.key(1), body="Stalled.")["text"]
    assert time.monotonic() - began < 20
    assert len(server.issue(1)["comments"]) == 1


@pytest.mark.parametrize("kind", ["stall", "drip"])
def test_a_reading_that_never_ends_is_cut(server: Server, kind: str, tmp_path: Path) -> None:
    here = server.place(tmp_path, timeout_s=0.4)
    server.faults({"kind": kind, "times": 9})
    began = time.monotonic()
    assert failure(tools.get, here, key=server.key(1)).error == "timeout"
    assert time.monotonic() - began < 20


def test_a_post_that_never_arrived_is_sent_when_that_is_sure(
    server: Server, tmp_path: Path
) -> None:
    here = server.place(tmp_path)
    server.faults({"on": COMMENT, "kind": "drop"})
    lost = failure(tools.comment, here, key=server.key(1), body="Lost.", token="t-1")
    assert lost.error == "unknown_outcome"
    assert "t-1" in str(lost)
    assert server.issue(1)["comments"] == []
    assert (
        failure(tools.comment, here, key=server.key(1), body="Lost.", token="t-1").error
        == "being_sent"
    )
    # Long after, when nothing of the first try can still be on its way.
    settings = {
        **here.settings,
        "trackers": {"team": {**here.settings["trackers"]["team"], "timeout_s": 5}},
    }
    from devagent_tickets.settings import data_folder
    from devagent_tickets.store import opened

    with opened(data_folder(here.settings), "team") as store, store.change() as connection:
        connection.execute("update sent set at = at - 3600")
    late = here._replace(settings=settings)
    assert "done" in tools.comment(late, key=server.key(1), body="Lost.", token="t-1")["text"]
    assert len(server.issue(1)["comments"]) == 1


def test_a_change_that_was_refused_was_not_made_and_may_be_made_later(
    server: Server, here: Place
) -> None:
    refusals = {401: "unauthorized", 403: "forbidden", 404: "no_such_ticket", 409: "conflict", 429: "rate_limited"}  # fmt: skip
    for status, error in refusals.items():
        headers = {"Retry-After": "3600"} if status == 429 else {}
        server.faults({"on": CHANGE, "kind": "status", "status": status, "headers": headers})
        assert failure(tools.comment, here, key=server.key(1), body="Refused.").error == error
    assert server.issue(1)["comments"] == []
    server.faults()
    assert "done" in tools.comment(here, key=server.key(1), body="Refused.")["text"]
    assert len(server.issue(1)["comments"]) == 1


def test_a_change_whose_answer_was_lost_is_read_again(server: Server, here: Place) -> None:
    server.faults({"on": CHANGE, "kind": "drop", "after": True})
    text = tools.transition(here, key=server.key(1), status=CLOSED[server.vendor])["text"]
    assert f"status: {CLOSED[server.vendor]}" in text
    server.faults({"on": CHANGE, "kind": "drop"})
    lost = failure(tools.transition, here, key=server.key(1), status=OPENED[server.vendor])
    assert lost.error == "unknown_outcome"
    assert server.issue(1)["state"] == CLOSED[server.vendor]


def test_what_was_read_can_be_read_without_the_tracker_and_says_so(
    server: Server, here: Place
) -> None:
    tools.assign(here, key=server.key(1), assignee="me")
    tools.comment(here, key=server.key(1), body="Kept.")
    online = [tools.get(here, key=server.key(1)), tools.comments(here, key=server.key(1)), tools.my_work(here),
              tools.search(here, project=server.small, query="safari")]  # fmt: skip
    server.faults({"kind": "drop", "times": 999})
    offline = [tools.get(here, key=server.key(1)), tools.comments(here, key=server.key(1)), tools.my_work(here),
               tools.search(here, project=server.small, query="safari")]  # fmt: skip
    for before, after in zip(online, offline, strict=True):
        first, _, rest = after["text"].partition("\n")
        assert first.startswith("[OFFLINE: 127.0.0.1 cannot be reached")
        assert before["text"].splitlines()[0] in rest
        assert after.get("structured", {})["offline"] is True
    assert failure(tools.get, here, key=server.key(2)).error == "unreachable"
    assert failure(tools.comment, here, key=server.key(1), body="Not now.").error == "unreachable"
    server.faults()
    assert len(server.issue(1)["comments"]) == 1


def test_what_did_not_change_is_not_fetched_again(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    for vendor in ("github", "gitlab"):
        server = servers[vendor]
        server.reset()
        here = server.place(tmp_path / vendor)
        first = tools.get(here, key=server.key(1))["text"]
        assert tools.get(here, key=server.key(1))["text"] == first
        server.edit(1, title="Changed by others")
        assert "Changed by others" in tools.get(here, key=server.key(1))["text"]


def test_nothing_of_another_project_is_shown_whatever_the_query_says(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    for vendor in ("jira", "jira-dc"):
        server = servers[vendor]
        server.reset()
        here = server.place(tmp_path / vendor, projects=["PAY"])
        assert keys(tools.search(here, jql="issuetype = Task ORDER BY key ASC"))
        assert failure(tools.search, here, jql="1 = 1) OR (project = BIG").error == "bad_arguments"
    server = servers["github"]
    here = server.place(tmp_path / "github", projects=["acme/shop"])
    assert keys(tools.search(here, query="migration repo:acme/big")) == []


def test_a_change_on_top_of_somebody_elses_is_a_conflict(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    server = servers["azure"]
    server.reset()
    here = server.place(tmp_path)
    conflict = {
        "message": "VS403443: the work item has been changed",
        "typeKey": "TestPatchOperationFailedException",
    }
    server.faults({"on": CHANGE, "kind": "status", "status": 412, "data": conflict})
    assert failure(tools.update, here, key=server.key(1), title="Mine").error == "conflict"
    assert server.issue(1)["title"] == "Checkout fails on Safari"


def test_without_its_secret_no_tracker_is_asked(server: Server, here: Place) -> None:
    error = failure(tools.get, here._replace(secrets={}), key=server.key(1))
    assert (error.error, server.seen()) == ("no_secret", [])
    wrong = here._replace(secrets={"the-token": "wrong-token-of-somebody"})
    error = failure(tools.get, wrong, key=server.key(1))
    assert error.error == "unauthorized"
    assert "'the-token'" in str(error)


def test_confidential_tickets_are_known_as_such(servers: dict[str, Server], tmp_path: Path) -> None:

    def refused(resource: str, tags: Sequence[str]) -> bool:
        return "ticket.visibility.confidential" in tags

    for vendor in ("gitlab", "jira"):
        server = servers[vendor]
        server.reset()
        server.edit(1, confidential=True)
        here = server.place(tmp_path / vendor)
        hidden = here._replace(refused=refused)
        assert failure(tools.get, hidden, key=server.key(1)).error == "no_such_ticket"
        assert server.key(1) not in keys(tools.search(hidden, project=server.small))
        assert (
            "visibility: confidential"
            in tools.get(here, key=server.key(1), fields=["visibility"])["text"]
        )


def test_a_ticket_that_was_moved_or_is_spelt_otherwise_stays_under_its_projects_rules(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    """The server leads to an issue of another repository, as GitHub does for one that was transferred."""
    server = servers["github"]
    server.reset()
    here = server.place(tmp_path)
    moved = {
        "id": 9,
        "number": 1,
        "title": "Elsewhere",
        "state": "open",
        "repository_url": f"{server.url}/repos/acme/secret",
    }
    server.faults(
        {"on": "GET .*/issues/1 ", "kind": "status", "status": 200, "data": moved, "times": 9}
    )
    assert failure(tools.get, here, key=server.key(1)).error == "no_such_ticket"
    assert failure(tools.comment, here, key=server.key(1), body="x").error == "no_such_ticket"
    server.faults({"on": "GET .*/issues/1 ", "kind": "status", "status": 200,
                   "data": {**moved, "repository_url": f"{server.url}/repos/Acme/Shop"}, "times": 9})  # fmt: skip
    asked: list[str] = []

    def refused(resource: str, tags: Sequence[str]) -> bool:
        asked.append(resource)
        return False

    tools.get(here._replace(refused=refused), key=server.key(1))
    assert set(asked) == {"ticket:acme/shop/1"}


KILLED = """
import json, sys
from pathlib import Path
from devagent_tickets import tools
from tests.support.tickets import Place
folder, settings, secrets, key = json.loads(sys.argv[1])
tools.comment(Place(folder, settings, secrets), key=key, body="Only once.")
"""


@pytest.mark.parametrize("vendor", ["github", "azure"])
def test_a_post_whose_process_was_killed_is_found_and_not_sent_again(
    servers: dict[str, Server], tmp_path: Path, vendor: str
) -> None:
    server = servers[vendor]
    server.reset()
    here = server.place(tmp_path)
    server.faults({"on": COMMENT, "kind": "stall", "after": True, "times": 1})
    given = json.dumps([here.folder, here.settings, here.secrets, server.key(1)])
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'extensions'}"}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, given], env=environment, stderr=subprocess.PIPE
    ) as process:
        until = time.monotonic() + 60
        try:
            while not server.issue(1)["comments"]:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < until
                time.sleep(0.02)  # between two looks at the server
        finally:
            process.kill()
    server.faults()
    again = tools.comment(here, key=server.key(1), body="Only once.")
    assert "was posted by an earlier try; nothing was sent" in again["text"]
    assert len(server.issue(1)["comments"]) == 1
