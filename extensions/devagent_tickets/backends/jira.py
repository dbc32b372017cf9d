"""Jira: Cloud (REST v3, Atlassian's document format) and Data Center (REST v2, wiki markup); searched with JQL.

A comment or an issue carries its token as an entity property, which no page shows. A status is reached by whichever transition leads
to it. Custom fields are those that the settings name.
"""

import base64
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from devagent_tickets.backends.answers import shape
from devagent_tickets.backends.jira_records import PROPERTY, Records, token_of
from devagent_tickets.backends.jql import jql_of
from devagent_tickets.backends.plain import Reader, numbers_from, tables, utc
from devagent_tickets.backends.rest import Api
from devagent_tickets.contract import TicketsError
from devagent_tickets.model import (
    Changes,
    CommentPage,
    Draft,
    Link,
    Page,
    Person,
    Query,
    Ticket,
    Written,
)
from devagent_tickets.settings import Tracker

_FIELDS = (
    "summary", "status", "issuetype", "priority", "assignee", "reporter", "labels", "security", "created", "updated",
    "description", "fixVersions", "issuelinks", "attachment", "parent", "subtasks", "project",
)  # fmt: skip
_LIST_FIELDS = (
    "summary",
    "status",
    "issuetype",
    "priority",
    "assignee",
    "labels",
    "security",
    "created",
    "updated",
    "project",
    "description",
)
_LINKS = {
    "relates": ("Relates", True),
    "blocks": ("Blocks", True),
    "blocked_by": ("Blocks", False),
    "duplicates": ("Duplicate", True),
}


def connect(tracker: Tracker, secret: str, until: float) -> "Jira":
    cloud = tracker.type == "jira"
    if cloud and not tracker.user:
        raise TicketsError(
            f"[extensions.tickets] trackers.{tracker.name}.user is needed: the address that the token is of.",
            error="bad_settings",
        )
    token = base64.b64encode(f"{tracker.user}:{secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {token}" if cloud else f"Bearer {secret}",
        "Accept": "application/json",
    }
    return Jira(
        tracker, Api(tracker, headers, until, base=f"{tracker.url}/rest/api/{3 if cloud else 2}")
    )


class Jira(Records):
    """``model.Backend``."""

    native = "jql"

    def __init__(self, tracker: Tracker, api: Api) -> None:
        super().__init__(tracker)
        self._api = api

    async def aclose(self) -> None:
        await self._api.aclose()

    async def search(self, query: Query) -> Page:
        fields = [*_LIST_FIELDS, *(field for _, field in self._tracker.fields)]
        return await self._page(jql_of(query), fields, query.limit, query.cursor)

    async def _page(
        self, jql: str, fields: list[str], limit: int, cursor: str, properties: tuple[str, ...] = ()
    ) -> Page:
        asked: dict[str, Any] = {"jql": jql, "maxResults": limit, "fields": fields}
        if properties:
            asked["properties"] = list(properties)
        if self._cloud:
            if cursor:
                asked["nextPageToken"] = cursor
            data = Reader(self._tracker, (await self._api.ask("/search/jql", json_=asked)).data)
            found = self._issues(data)
            return Page(found, "" if data.raw.get("isLast") else data.text("nextPageToken"))
        start = numbers_from(cursor)
        data = Reader(
            self._tracker, (await self._api.ask("/search", json_={**asked, "startAt": start})).data
        )
        found, total = self._issues(data), data.number("total")
        return Page(
            found, str(start + len(found)) if found and start + len(found) < total else "", total
        )

    def _issues(self, data: Reader) -> tuple[Ticket, ...]:
        if not data.has("issues"):
            raise shape(self._tracker)
        return tuple(self._ticket(one) for one in data.tables("issues"))

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        del project
        fields = ",".join([*_FIELDS, *(field for _, field in self._tracker.fields)])
        answer = await self._api.ask(f"/issue/{quote(key)}", params={"fields": fields}, etag=etag)
        if answer.status == 304:
            return None, etag
        ticket = self._ticket(Reader(self._tracker, answer.data))
        if ticket.key != key:  # it was moved into another project, where other rules hold
            raise TicketsError(f"{key} was moved to {ticket.key}.", error="no_such_ticket")
        remote = await self._api.ask(f"/issue/{quote(key)}/remotelink")
        links = [*ticket.links]
        for one in tables(self._tracker, remote.data):
            target = one.table("object")
            links.append(Link("url", target.text("url"), target.text("title")))
        return replace(ticket, links=tuple(links)), answer.headers.get("etag", "")

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        del project
        start = numbers_from(cursor)
        params = {
            "startAt": start,
            "maxResults": limit,
            "orderBy": "created",
            "expand": "properties",
        }
        data = Reader(
            self._tracker, (await self._api.ask(f"/issue/{quote(key)}/comment", params=params)).data
        )
        found = tuple(self._comment(key, one) for one in data.tables("comments"))
        following = start + len(found)
        return CommentPage(
            found, str(following) if found and following < data.number("total") else ""
        )

    async def me(self) -> Person:
        return self._person(Reader(self._tracker, (await self._api.ask("/myself")).data))

    async def person(self, project: str, name: str) -> Person:
        if name == "me":
            return await self.me()
        params = {
            "project": project,
            "query" if self._cloud else "username": name,
            "maxResults": 20,
        }
        found = tables(
            self._tracker, (await self._api.ask("/user/assignable/search", params=params)).data
        )
        people = [self._person(one) for one in found]
        exact = [
            one for one in people if name.lower() in (one.name.lower(), one.id.lower())
        ] or people
        if len(exact) != 1:
            raise TicketsError(
                f"{len(exact)} people who can be assigned in {project} are called {name!r}.",
                error="no_such_person",
            )
        return exact[0]

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written:
        content = {
            "body": self._rich(body),
            "properties": [{"key": PROPERTY, "value": {"token": token}}],
        }
        answer = await self._api.tell("POST", f"/issue/{quote(ticket.key)}/comment", json_=content)
        one = Reader(self._tracker, answer.data)
        return Written(
            ticket.key, self._comment_url(ticket.key, one.needed("id")), one.needed("id")
        )

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        me: Person | None = None
        wanted = self._markdown(self._rich(body))
        start = 0
        while True:
            params = {
                "startAt": start,
                "maxResults": 100,
                "orderBy": "-created",
                "expand": "properties",
            }
            answer = await self._api.ask(f"/issue/{quote(ticket.key)}/comment", params=params)
            data = Reader(self._tracker, answer.data)
            found = data.tables("comments")
            for one in found:
                if one.has("properties"):
                    is_it = token_of(one) == token
                else:  # a server that does not tell them: then by who wrote what
                    me = me or await self.me()
                    mine = me.id == one.table("author").text(self._id)
                    is_it = mine and self._markdown(one.raw.get("body")) == wanted
                if is_it:
                    return Written(
                        ticket.key,
                        self._comment_url(ticket.key, one.needed("id")),
                        one.needed("id"),
                    )
            start += len(found)
            if not found or start >= data.number("total") or utc(found[-1].text("created")) < since:
                return None

    async def create(self, project: str, draft: Draft, token: str) -> Written:
        fields: dict[str, Any] = {
            "project": {"key": project}, "summary": draft.title, "issuetype": {"name": draft.type or "Task"},
            **self._custom_out(draft.custom),
        }  # fmt: skip
        if draft.body:
            fields["description"] = self._rich(draft.body)
        if draft.labels:
            fields["labels"] = list(draft.labels)
        content = {"fields": fields, "properties": [{"key": PROPERTY, "value": {"token": token}}]}
        one = Reader(self._tracker, (await self._api.tell("POST", "/issue", json_=content)).data)
        return Written(one.needed("key"), self._url(one.needed("key")))

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        jql = f'project = "{project}" AND creator = currentUser() AND created >= "-1d" ORDER BY created DESC'
        asked: dict[str, Any] = {
            "jql": jql, "maxResults": 100, "fields": ["summary", "description", "created"],
            "properties": [PROPERTY],
        }  # fmt: skip
        wanted = (draft.title, self._markdown(self._rich(draft.body)) if draft.body else "")
        start = 0
        while True:
            path = "/search/jql" if self._cloud else "/search"
            data = Reader(self._tracker, (await self._api.ask(path, json_=asked)).data)
            found = data.tables("issues")
            for one in found:
                fields = one.table("fields")
                if one.table("properties").has(PROPERTY):
                    is_it = one.table("properties").table(PROPERTY).text("token") == token
                else:  # a server that keeps none, or does not tell them: then by who wrote what
                    said = (fields.text("summary"), self._markdown(fields.raw.get("description")))
                    is_it = said == wanted and utc(fields.text("created")) >= since
                if is_it:
                    return Written(one.needed("key"), self._url(one.needed("key")))
            start += len(found)
            if not found or utc(found[-1].table("fields").text("created")) < since:
                return None
            if self._cloud:
                if data.raw.get("isLast") or not data.text("nextPageToken"):
                    return None
                asked["nextPageToken"] = data.text("nextPageToken")
            elif start >= data.number("total"):
                return None
            else:
                asked["startAt"] = start

    async def update(self, ticket: Ticket, changes: Changes) -> None:
        fields: dict[str, Any] = self._custom_out(changes.custom)
        if changes.title is not None:
            fields["summary"] = changes.title
        if changes.body is not None:
            fields["description"] = self._rich(changes.body)
        if changes.priority is not None:
            fields["priority"] = {"name": changes.priority}
        labels = [{"add": one} for one in changes.add_labels] + [
            {"remove": one} for one in changes.remove_labels
        ]
        content: dict[str, Any] = {"fields": fields} if fields else {}
        if labels:
            content["update"] = {"labels": labels}
        await self._api.tell("PUT", f"/issue/{quote(ticket.key)}", json_=content)

    async def transition(self, ticket: Ticket, status: str) -> None:
        path = f"/issue/{quote(ticket.key)}/transitions"
        data = Reader(self._tracker, (await self._api.ask(path)).data)
        there = data.tables("transitions")
        leading = [one for one in there if one.table("to").text("name").lower() == status.lower()]
        if leading:
            await self._api.tell(
                "POST", path, json_={"transition": {"id": leading[0].needed("id")}}
            )
            return
        known = ", ".join(dict.fromkeys(one.table("to").text("name") for one in there)) or "none"
        raise TicketsError(
            f"No transition leads from {ticket.status!r} to {status!r}; there are: {known}.",
            error="no_such_status",
        )

    async def assign(self, ticket: Ticket, person: Person | None) -> None:
        content = {self._id: person.id if person else None}
        await self._api.tell("PUT", f"/issue/{quote(ticket.key)}/assignee", json_=content)

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        if isinstance(to, str):
            content: dict[str, Any] = {"globalId": to, "object": {"url": to, "title": to}}
            await self._api.tell("POST", f"/issue/{quote(ticket.key)}/remotelink", json_=content)
            return
        if kind in ("parent", "child"):
            child, parent = (ticket, to) if kind == "parent" else (to, ticket)
            content = {"fields": {"parent": {"key": parent.key}}}
            await self._api.tell("PUT", f"/issue/{quote(child.key)}", json_=content)
            return
        name, outward = _LINKS[kind]
        # Of "Blocks": the inward issue is the one that blocks, the outward one is blocked by it.
        first, second = (ticket, to) if outward else (to, ticket)
        content = {
            "type": {"name": name},
            "inwardIssue": {"key": first.key},
            "outwardIssue": {"key": second.key},
        }
        await self._api.tell("POST", "/issueLink", json_=content)

    def _custom_out(self, custom: dict[str, Any]) -> dict[str, Any]:
        known = dict(self._tracker.fields)
        if unknown := sorted(custom.keys() - known.keys()):
            names = ", ".join(known) or "none"
            raise TicketsError(
                f"The settings name no field {unknown[0]!r}; there are: {names}.",
                error="bad_arguments",
            )
        return {known[name]: value for name, value in custom.items()}
