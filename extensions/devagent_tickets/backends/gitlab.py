"""GitLab issues (REST, v4), on gitlab.com or a server of one's own. A status is ``opened`` or ``closed``.

A comment or an issue carries its token in an invisible Markdown comment; its weight is its only custom field. Lines
that GitLab would carry out as commands are sent so that they are text.
"""

import re
from typing import Any
from urllib.parse import quote

from devagent_tickets.backends.marks import mark, marked, unmarked
from devagent_tickets.backends.plain import Reader, numbers_from, tables, utc, whole_labels
from devagent_tickets.backends.rest import Api
from devagent_tickets.contract import TicketsError
from devagent_tickets.model import (
    Changes,
    Comment,
    CommentPage,
    Draft,
    Link,
    Page,
    Person,
    Query,
    Ticket,
    Visibility,
    Written,
)
from devagent_tickets.settings import Tracker

_KINDS = {"relates_to": "relates", "blocks": "blocks", "is_blocked_by": "blocked_by"}
_SENT = {kind: name for name, kind in _KINDS.items()}
_COMMAND = re.compile(r"^([^\S\n]*)/(?=[A-Za-z_]+(?:\s|$))", re.MULTILINE)
_INERT = re.compile(r"^([^\S\n]*)\\/(?=[A-Za-z_]+(?:\s|$))", re.MULTILINE)
_CLOSED, _OPEN = ("closed", "done"), ("open", "opened", "reopened")


def connect(tracker: Tracker, secret: str, until: float) -> "GitLab":
    return GitLab(
        tracker, Api(tracker, {"PRIVATE-TOKEN": secret}, until, base=f"{tracker.url}/api/v4")
    )


class GitLab:
    """``model.Backend``."""

    native = ""

    def __init__(self, tracker: Tracker, api: Api) -> None:
        self._tracker = tracker
        self._api = api
        self._me: Reader | None = None

    async def aclose(self) -> None:
        await self._api.aclose()

    async def search(self, query: Query) -> Page:
        page = max(1, numbers_from(query.cursor))
        params: dict[str, Any] = {
            "state": "closed" if query.status.lower() in _CLOSED else "opened" if query.status else "all",
            "search": query.text, "labels": query.label, "order_by": "updated_at", "sort": "desc",
            "per_page": query.limit, "page": page,
        }  # fmt: skip
        if query.assignee == "none":
            params["assignee_id"] = "None"
        elif query.assignee == "me":
            params["scope"] = "assigned_to_me"
        elif query.assignee:
            params["assignee_username"] = query.assignee.removeprefix("@")
        answer = await self._api.ask(f"{_project(query.project)}/issues", params=params)
        found = tuple(
            self._ticket(query.project, one) for one in tables(self._tracker, answer.data)
        )
        total = answer.headers.get("x-total", "")
        return Page(
            found,
            answer.headers.get("x-next-page", "").strip(),
            numbers_from(total) if total else None,
        )

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        answer = await self._api.ask(f"{_project(project)}/issues/{key}", etag=etag)
        if answer.status == 304:
            return None, etag
        links = await self._api.ask(f"{_project(project)}/issues/{key}/links")
        found = [
            Link(
                _KINDS.get(one.text("link_type"), "relates"),
                one.table("references").text("full"),
                one.text("title"),
            )
            for one in tables(self._tracker, links.data)
        ]
        return self._ticket(project, Reader(self._tracker, answer.data), found), answer.headers.get(
            "etag", ""
        )

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        page = max(1, numbers_from(cursor))
        params = {"sort": "asc", "order_by": "created_at", "per_page": limit, "page": page}
        answer = await self._api.ask(f"{_project(project)}/issues/{key}/notes", params=params)
        # What the tracker itself notes ("changed the description") is no comment.
        found = tuple(
            self._comment(project, key, one)
            for one in tables(self._tracker, answer.data)
            if not one.raw.get("system")
        )
        return CommentPage(found, answer.headers.get("x-next-page", "").strip())

    async def me(self) -> Person:
        if self._me is None:
            self._me = Reader(self._tracker, (await self._api.ask("/user")).data)
        return Person(self._me.needed("id"), self._me.needed("username"))

    async def person(self, project: str, name: str) -> Person:
        if name == "me":
            return await self.me()
        answer = await self._api.ask(
            f"{_project(project)}/members/all",
            params={"query": name.removeprefix("@"), "per_page": 20},
        )
        people = [
            Person(one.needed("id"), one.needed("username"))
            for one in tables(self._tracker, answer.data)
        ]
        exact = [
            one for one in people if one.name.lower() == name.removeprefix("@").lower()
        ] or people
        if len(exact) != 1:
            raise TicketsError(
                f"{len(exact)} members of {project} are called {name!r}.", error="no_such_person"
            )
        return exact[0]

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written:
        path = f"{_project(ticket.project)}/issues/{ticket.key}/notes"
        answer = await self._api.tell("POST", path, json_={"body": marked(inert(body), token)})
        one = Reader(self._tracker, answer.data)
        return Written(ticket.key, f"{ticket.url}#note_{one.needed('id')}", one.needed("id"))

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        del body
        page = "1"
        while page:
            params = {"sort": "desc", "order_by": "created_at", "per_page": 100, "page": page}
            answer = await self._api.ask(
                f"{_project(ticket.project)}/issues/{ticket.key}/notes", params=params
            )
            notes = tables(self._tracker, answer.data)
            for one in notes:
                if unmarked(one.text("body"))[1] == mark(token):
                    return Written(
                        ticket.key, f"{ticket.url}#note_{one.needed('id')}", one.needed("id")
                    )
            if notes and utc(notes[-1].text("created_at")) < since:
                return None
            page = answer.headers.get("x-next-page", "").strip()
        return None

    async def create(self, project: str, draft: Draft, token: str) -> Written:
        content: dict[str, Any] = {
            "title": draft.title,
            "description": marked(inert(draft.body), token),
        }
        if draft.labels:
            whole_labels(draft.labels, ",")
            content["labels"] = ",".join(draft.labels)
        if draft.type:
            content["issue_type"] = draft.type
        content.update(_weight(draft.custom))
        answer = await self._api.tell("POST", f"{_project(project)}/issues", json_=content)
        one = Reader(self._tracker, answer.data)
        return Written(one.needed("iid"), one.text("web_url"))

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        del draft
        page = "1"
        while page:
            params = {
                "scope": "created_by_me", "created_after": since, "per_page": 100, "page": page,
            }  # fmt: skip
            answer = await self._api.ask(f"{_project(project)}/issues", params=params)
            for one in tables(self._tracker, answer.data):
                if unmarked(one.text("description"))[1] == mark(token):
                    return Written(one.needed("iid"), one.text("web_url"))
            page = answer.headers.get("x-next-page", "").strip()
        return None

    async def update(self, ticket: Ticket, changes: Changes) -> None:
        if changes.priority is not None:
            raise TicketsError("GitLab knows no priority: use a label.", error="unsupported")
        content: dict[str, Any] = dict(_weight(changes.custom))
        if changes.title is not None:
            content["title"] = changes.title
        if changes.body is not None:
            content["description"] = inert(changes.body)
        whole_labels((*changes.add_labels, *changes.remove_labels), ",")
        if changes.add_labels:
            content["add_labels"] = ",".join(changes.add_labels)
        if changes.remove_labels:
            content["remove_labels"] = ",".join(changes.remove_labels)
        await self._put(ticket, content)

    async def transition(self, ticket: Ticket, status: str) -> None:
        name = status.lower()
        if name not in _CLOSED and name not in _OPEN:
            raise TicketsError(
                f"There is no status {status!r}; there are: opened, closed.", error="no_such_status"
            )
        await self._put(ticket, {"state_event": "close" if name in _CLOSED else "reopen"})

    async def assign(self, ticket: Ticket, person: Person | None) -> None:
        await self._put(ticket, {"assignee_ids": [int(person.id)] if person else [0]})

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        if isinstance(to, str) or kind not in _SENT:
            raise TicketsError(
                "GitLab links issues by relates, blocks and blocked_by; write a comment for others.",
                error="unsupported",
            )
        content = {
            "target_project_id": to.project,
            "target_issue_iid": to.key,
            "link_type": _SENT[kind],
        }
        await self._api.tell(
            "POST", f"{_project(ticket.project)}/issues/{ticket.key}/links", json_=content
        )

    async def _put(self, ticket: Ticket, content: dict[str, Any]) -> None:
        await self._api.tell(
            "PUT", f"{_project(ticket.project)}/issues/{ticket.key}", json_=content
        )

    def _ticket(self, project: str, one: Reader, links: list[Link] | None = None) -> Ticket:
        people = one.tables("assignees")
        body, _ = unmarked(one.text("description"))
        body = as_written(body)
        visibility: Visibility = "confidential" if one.raw.get("confidential") else ""
        return Ticket(
            project=project, key=one.needed("iid"), title=one.text("title"), status=one.needed("state"),
            closed=one.needed("state") == "closed", type=one.text("issue_type") or "issue",
            assignee=people[0].text("username") if people else "", assignee_id=people[0].text("id") if people else "",
            author=one.table("author").text("username"), labels=tuple(one.texts("labels")), visibility=visibility,
            created=utc(one.text("created_at")), updated=utc(one.text("updated_at")), body=body,
            url=one.text("web_url"), milestone=one.table("milestone").text("title"), id=one.needed("id"),
            links=tuple(links or ()), custom={"weight": one.number("weight")} if one.has("weight") else {},
        )  # fmt: skip

    def _comment(self, project: str, key: str, one: Reader) -> Comment:
        body, token = unmarked(one.text("body"))
        body = as_written(body)
        url = f"{self._tracker.url}/{project}/-/issues/{key}#note_{one.needed('id')}"
        author = one.table("author").text("username")
        return Comment(one.needed("id"), author, utc(one.text("created_at")), body, url, token)


def inert(text: str) -> str:
    """A text in which GitLab sees no command: a line such as /close, in a comment or a description, would be carried out
    and close the issue, which was judged as a comment. With a backslash it is shown as it was meant."""
    return _COMMAND.sub(r"\1\\/", text)


def as_written(text: str) -> str:
    """The text that ``inert`` was given."""
    return _INERT.sub(r"\1/", text)


def _project(project: str) -> str:
    return f"/projects/{quote(project, safe='')}"


def _weight(custom: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(custom.keys() - {"weight"}):
        raise TicketsError(
            f"GitLab has no field {unknown[0]!r}; there is: weight.", error="unsupported"
        )
    return dict(custom)
