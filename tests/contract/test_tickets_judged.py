"""What is sent to a tracker is what policy judged: no other project, no other label, no other status, no command in a text."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent_tickets import changes, tools
from devagent_tickets.backends.answers import LONGEST_WAIT_S, Answer, retry_after
from devagent_tickets.backends.github import plain_words
from devagent_tickets.backends.gitlab import as_written, inert
from devagent_tickets.backends.jql import jql_of
from devagent_tickets.backends.plain import numbers_from
from devagent_tickets.contract import TicketsError
from devagent_tickets.model import Query
from devagent_tickets.settings import Tracker
from tests.support.tickets import Place, fill, local_place
from tests.support.tracker_servers import Server, tracker_servers


@pytest.fixture(scope="module")
def servers() -> Generator[dict[str, Server]]:
    with tracker_servers() as found:
        yield found


def opened(servers: dict[str, Server], vendor: str, folder: Path) -> tuple[Server, Place]:
    server = servers[vendor]
    server.reset()
    return server, server.place(folder)


def refused(tool: Any, here: Place, **args: Any) -> str:
    with pytest.raises(TicketsError) as raised:
        tool(here, **args)
    return raised.value.error


def sent(server: Server) -> list[str]:
    return [one for one in server.seen() if not one.startswith("GET ")]


def test_a_type_is_one_part_of_an_address(servers: dict[str, Server], tmp_path: Path) -> None:
    server, here = opened(servers, "azure", tmp_path)
    up = "Task/../../../../Other/_apis/wit/workitems/$Task"
    for odd in (up, "..", "Task\\..", "Task?x=1", "a%2Fb"):
        new = {"project": server.small, "title": "Elsewhere", "type": odd}
        assert refused(tools.create, here, **new) == "bad_arguments"
    assert sent(server) == []


def test_a_label_that_is_a_dot_takes_no_other_label_with_it(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    server, here = opened(servers, "github", tmp_path)
    for odd in (".", "a/../.."):
        server.edit(1, labels=[odd, "bug"])
        gone = {"key": server.key(1), "remove_labels": [odd]}
        assert refused(tools.update, here, **gone) == "bad_arguments"
    assert sent(server) == []


@pytest.mark.parametrize(("vendor", "label"), [("gitlab", "a,security"), ("azure", "a; security")])
def test_a_label_is_never_taken_for_several(
    servers: dict[str, Server], tmp_path: Path, vendor: str, label: str
) -> None:
    server, here = opened(servers, vendor, tmp_path)
    project = {"project": server.small, "title": "New"}
    assert refused(tools.create, here, **project, labels=[label]) == "bad_arguments"
    assert refused(tools.update, here, key=server.key(1), add_labels=[label]) == "bad_arguments"
    assert not any("security" in one and one.startswith(("PUT", "PATCH")) for one in sent(server))


def test_a_comment_is_no_command_and_reads_as_it_was_written(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    server, here = opened(servers, "gitlab", tmp_path)
    text = "See the log:\n/close\n  /assign @root\n/usr/bin/env is a path"
    tools.comment(here, key=server.key(1), body=text)
    made: Any = tools.create(here, project=server.small, title="Commands", body="/confidential")
    tools.update(here, key=server.key(1), body="/move acme/other\nand more")
    for said in sent(server):
        assert not any(
            f'"{line}' in said or f"\\n{line}" in said
            for line in ("/close", "/confidential", "/move")
        )
    (comment,) = tools.comments(here, key=server.key(1))["structured"]["comments"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert comment["body"] == text
    whole: Any = tools.get(here, key=made["structured"]["key"], fields=["all"])
    assert whole["structured"]["body"] == "/confidential"


@pytest.mark.parametrize(
    "text", ["/close", " /label ~x\n\t/close now", "a /close", "/a/b", "\\/x y", "```\n/close\n```"]
)
def test_no_line_of_a_sent_text_begins_with_a_command(text: str) -> None:
    lines = [line.strip() for line in inert(text).splitlines()]
    assert not any(line.startswith("/") and line.split()[0][1:].isalpha() for line in lines)
    if not text.startswith("\\"):
        assert as_written(inert(text)) == text


def test_a_transition_is_named_by_the_status_that_it_leads_to() -> None:
    def tags(kind: str, status: str) -> list[str]:
        tracker = Tracker(name="t", type=kind, projects=("p",))
        return changes.tags_of("transition", {"status": status}, tracker)

    for kind, status in (("github", "Done"), ("github", "completed"), ("gitlab", "done")):
        assert "ticket.set.status.closed" in tags(kind, status)
    assert tags("gitlab", "reopened")[-1] == "ticket.set.status.opened"
    assert tags("jira", "Done") == ["ticket.set.status.done"]


def test_the_name_of_a_transition_is_no_status(servers: dict[str, Server], tmp_path: Path) -> None:
    server, here = opened(servers, "jira", tmp_path)
    server.seen()
    names = {"To Do", "In Progress", "Done"}
    for odd in ("Finish", "Close", "Resolve Issue", "Start", "Stop"):
        assert odd not in names
        assert refused(tools.transition, here, key=server.key(1), status=odd) == "no_such_status"


@pytest.mark.parametrize("vendor", ["github", "gitlab", "jira", "linear", "azure"])
def test_whoever_me_is_policy_is_told_the_name(
    servers: dict[str, Server], tmp_path: Path, vendor: str
) -> None:
    server, here = opened(servers, vendor, tmp_path)
    asked: list[set[str]] = []

    def may_not(resource: str, tags: Sequence[str]) -> bool:
        asked.append(set(tags))
        return any(tag.startswith("ticket.set.assignee.ana") for tag in tags)

    tools.assign(here, key=server.key(1), assignee="")
    watched = here._replace(refused=may_not)
    assert refused(tools.assign, watched, key=server.key(1), assignee="me") == "not_allowed"
    assert any("ticket.set.assignee.me" in tags for tags in asked)


def test_what_is_created_without_a_type_is_judged_as_what_it_becomes() -> None:
    tracker = Tracker(name="t", type="jira", projects=("PAY",))
    assert "ticket.create.task" in changes.tags_of("create", {"title": "x"}, tracker)


@pytest.mark.parametrize(
    "jql",
    ["x) OR (y", "(x", 'text ~ "a', "text ~ 'a) OR (b", ") OR project = BIG OR (", 'a = "b\\'],
)
def test_jql_does_not_leave_its_brackets(jql: str) -> None:
    with pytest.raises(TicketsError, match="do not close"):
        jql_of(Query(project="PAY", jql=jql))


@pytest.mark.parametrize(
    "jql", ["(a = 1 OR b = 2)", 'text ~ "a) OR (b"', r'text ~ "a\") OR"', "x = 'it)s' ORDER BY key"]
)
def test_jql_with_brackets_and_quotes_of_its_own_is_taken(jql: str) -> None:
    assert jql_of(Query(project="PAY", jql=jql)).startswith('project = "PAY" AND (')


def test_a_search_of_github_looks_through_no_other_repository() -> None:
    odd = 'pay e-mail repo:acme/secret OR -x "two words" (a "b'
    assert plain_words(odd) == [
        "pay", "e-mail", '"repo:acme/secret"', '"OR"', '"-x"', '"two words"', '"(a"', "b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [{"retry-after": "\xb2"}, {"retry-after": "9" * 400}, {"x-ratelimit-reset": "9" * 30, "x-ratelimit-remaining": "0"},
     {"ratelimit-reset": "\xb3"}, {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, {"x-ratelimit-reset": "0001-01-01"}],
)  # fmt: skip
def test_an_odd_wait_is_bounded(headers: dict[str, str]) -> None:
    wait = retry_after(Answer(429, headers, None))
    assert wait is None or 0 <= wait <= LONGEST_WAIT_S


def test_an_odd_wait_and_cursor_fail_by_their_class(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    server, here = opened(servers, "gitlab", tmp_path)
    server.faults(
        {"kind": "status", "status": 429, "headers": {"Retry-After": "9" * 20}, "times": 9}
    )
    assert refused(tools.get, here, key=server.key(1)) == "rate_limited"
    server.faults()
    assert numbers_from("\xb2") == numbers_from("9" * 5000) == 0
    server.faults({"kind": "status", "status": 503, "times": 9})
    for cursor in ("\xb2", "9" * 5000):
        assert refused(tools.search, here, project=server.small, cursor=cursor) == "server_error"


def test_an_odd_cursor_of_a_local_tracker_is_the_beginning(tmp_path: Path) -> None:
    here = local_place(tmp_path)
    fill(here)
    for cursor in ("\xb2", "9" * 5000, "-1"):
        assert "WORK-1" in tools.search(here, project="WORK", cursor=cursor)["text"]
        assert tools.comments(here, key="WORK-1", cursor=cursor)["rows"] == 0  # pyright: ignore[reportTypedDictNotRequiredAccess]


def test_a_secret_with_the_end_of_a_line_is_said_to_be_odd_and_not_shown(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    server, here = opened(servers, "github", tmp_path)
    for odd in ("tok\u2026en", "token\n"):
        with pytest.raises(TicketsError) as raised:
            tools.get(here._replace(secrets={"the-token": odd}), key=server.key(1))
        assert raised.value.error == "no_secret"
        assert "tok\u2026" not in str(raised.value)
    assert server.seen() == []
