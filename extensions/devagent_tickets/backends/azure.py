"""Azure Boards (REST 7.1): work items, found with WIQL, changed with JSON patches that hold only for the revision that was read.

Texts are HTML there. A comment or a work item is known again by whose it is, when it was made, and what stands in it.
"""

import base64
import re
from typing import Any
from urllib.parse import quote

from devagent_tickets.backends.answers import shape
from devagent_tickets.backends.azure_records import (
    CLOSED,
    RELATIONS,
    Records,
    as_html,
    as_markdown,
    comment_url,
)
from devagent_tickets.backends.plain import Reader, numbers_from, utc, whole_labels
from devagent_tickets.backends.rest import Api, segment
from devagent_tickets.contract import TicketsError
from devagent_tickets.model import (
    Changes,
    CommentPage,
    Draft,
    Page,
    Person,
    Query,
    Ticket,
    Written,
)
from devagent_tickets.settings import Tracker

_API = {"api-version": "7.1"}
_COMMENTS = {"api-version": "7.1-preview.4"}
_PATCH = {"Content-Type": "application/json-patch+json"}
_FIELDS = (
    "System.Id", "System.Title", "System.State", "System.WorkItemType", "System.AssignedTo", "System.CreatedBy", "System.Tags",
    "System.CreatedDate", "System.ChangedDate", "System.TeamProject", "System.IterationPath", "Microsoft.VSTS.Common.Priority",
    "System.Description",
)  # fmt: skip
_SENT = {kind: name for name, kind in RELATIONS.items()}
_TYPE = re.compile(r"\w(?:[\w \-]{0,126}\w)?")
_MOST = 20_000
"""What a query of the server's gives at most."""
Patch = list[dict[str, Any]]


def connect(tracker: Tracker, secret: str, until: float) -> "Azure":
    token = base64.b64encode(f":{secret}".encode()).decode()
    return Azure(
        tracker,
        Api(tracker, {"Authorization": f"Basic {token}", "Accept": "application/json"}, until),
    )


class Azure(Records):
    """``model.Backend``."""

    native = ""

    def __init__(self, tracker: Tracker, api: Api) -> None:
        super().__init__(tracker)
        self._api = api
        self._myself: Reader | None = None

    async def aclose(self) -> None:
        await self._api.aclose()

    async def search(self, query: Query) -> Page:
        parts = ["[System.TeamProject] = @project"]
        for word in query.text.split()[:10]:
            text = _quoted(word)
            parts.append(
                f"([System.Title] CONTAINS {text} OR [System.Description] CONTAINS {text})"
            )
        closed = ", ".join(map(_quoted, CLOSED))
        if query.status in ("open", "closed"):
            parts.append(
                f"[System.State] {'NOT IN' if query.status == 'open' else 'IN'} ({closed})"
            )
        elif query.status:
            parts.append(f"[System.State] = {_quoted(query.status)}")
        if query.assignee:
            words = {"me": "@Me", "none": "''"}
            parts.append(
                f"[System.AssignedTo] = {words.get(query.assignee) or _quoted(query.assignee)}"
            )
        if query.label:
            parts.append(f"[System.Tags] CONTAINS {_quoted(query.label)}")
        ids = await self._ids(
            query.project, " AND ".join(parts), "[System.ChangedDate] DESC", _MOST
        )
        start = numbers_from(query.cursor)
        found = await self._items(query.project, ids[start : start + query.limit])
        following = start + query.limit
        return Page(tuple(found), str(following) if following < len(ids) else "", len(ids))

    async def _ids(self, project: str, where: str, order: str, most: int) -> list[int]:
        wiql = f"SELECT [System.Id] FROM WorkItems WHERE {where} ORDER BY {order}"  # noqa: S608  (texts in it are quoted)
        answer = await self._api.ask(
            f"/{quote(project)}/_apis/wit/wiql",
            params={**_API, "$top": most},
            json_={"query": wiql},
        )
        data = Reader(self._tracker, answer.data)
        if not data.has("workItems"):
            raise shape(self._tracker)
        return [one.number("id") for one in data.tables("workItems")]

    async def _items(self, project: str, ids: list[int]) -> list[Ticket]:
        if not ids:
            return []
        fields = [*_FIELDS, *(field for _, field in self._tracker.fields)]
        asked = {"ids": ids, "fields": fields, "errorPolicy": "omit"}
        answer = await self._api.ask(
            f"/{quote(project)}/_apis/wit/workitemsbatch", params=_API, json_=asked
        )
        data = Reader(self._tracker, answer.data)
        return [
            self._ticket(Reader(self._tracker, one))
            for one in data.raw.get("value") or ()
            if one is not None
        ]

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        answer = await self._api.ask(
            f"/{quote(project)}/_apis/wit/workitems/{key}",
            params={**_API, "$expand": "all"},
            etag=etag,
        )
        if answer.status == 304:
            return None, etag
        return self._ticket(Reader(self._tracker, answer.data)), answer.headers.get("etag", "")

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        data = await self._comment_page(project, key, limit, cursor, "asc")
        found = tuple(
            self._comment(project, key, one)
            for one in data.tables("comments")
            if not one.raw.get("isDeleted")
        )
        return CommentPage(found, data.text("continuationToken"))

    async def _comment_page(
        self, project: str, key: str, limit: int, cursor: str, order: str
    ) -> Reader:
        params = {**_COMMENTS, "$top": limit, "continuationToken": cursor, "order": order}
        answer = await self._api.ask(
            f"/{quote(project)}/_apis/wit/workItems/{key}/comments", params=params
        )
        return Reader(self._tracker, answer.data)

    async def me(self) -> Person:
        one = await self._connection()
        account = one.table("properties").table("Account").text("$value")
        name = one.needed("providerDisplayName")
        return Person(account or name, name)

    async def _connection(self) -> Reader:
        if self._myself is None:
            answer = await self._api.ask("/_apis/connectionData")
            self._myself = Reader(self._tracker, answer.data).table("authenticatedUser")
        return self._myself

    async def person(self, project: str, name: str) -> Person:
        del project  # the server itself finds whom a name means, and refuses what is nobody's
        return await self.me() if name == "me" else Person(name, name)

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written:
        del token
        path = f"/{quote(ticket.project)}/_apis/wit/workItems/{ticket.key}/comments"
        answer = await self._api.tell("POST", path, params=_COMMENTS, json_={"text": as_html(body)})
        one = Reader(self._tracker, answer.data)
        return Written(ticket.key, comment_url(ticket.url, one.needed("id")), one.needed("id"))

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        del token
        me, wanted, cursor = await self.me(), as_markdown(as_html(body)), ""
        while True:
            data = await self._comment_page(ticket.project, ticket.key, 100, cursor, "desc")
            for one in data.tables("comments"):
                if utc(one.text("createdDate")) < since:
                    return None
                author = one.table("createdBy")
                if (
                    me.id in (author.text("uniqueName"), author.text("displayName"))
                    and as_markdown(one.text("text")) == wanted
                ):
                    return Written(
                        ticket.key, comment_url(ticket.url, one.needed("id")), one.needed("id")
                    )
            cursor = data.text("continuationToken")
            if not cursor:
                return None

    async def create(self, project: str, draft: Draft, token: str) -> Written:
        del token
        patch = [_add("System.Title", draft.title), *self._custom_out(draft.custom)]
        if draft.body:
            patch.append(_add("System.Description", as_html(draft.body)))
        if draft.labels:
            whole_labels(draft.labels, ";,")
            patch.append(_add("System.Tags", "; ".join(draft.labels)))
        if not _TYPE.fullmatch(draft.type or "Task"):
            raise TicketsError(f"{draft.type!r} is no type of work items.", error="bad_arguments")
        path = f"/{quote(project)}/_apis/wit/workitems/${segment(draft.type or 'Task')}"
        answer = await self._api.tell("POST", path, params=_API, json_=patch, headers=_PATCH)
        one = self._ticket(Reader(self._tracker, answer.data))
        return Written(one.key, one.url)

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        del token
        where = (
            f"[System.TeamProject] = @project AND [System.CreatedBy] = @Me AND [System.Title] = {_quoted(draft.title)} "
            "AND [System.CreatedDate] >= @Today - 1"
        )
        ids = await self._ids(project, where, "[System.CreatedDate] DESC", 50)
        for number in ids:
            ticket, _ = await self.get(project, str(number))
            if (
                ticket
                and ticket.created >= since
                and ticket.body.strip() == as_markdown(as_html(draft.body)).strip()
            ):
                return Written(ticket.key, ticket.url)
        return None

    async def update(self, ticket: Ticket, changes: Changes) -> None:
        patch = self._custom_out(changes.custom)
        if changes.title is not None:
            patch.append(_add("System.Title", changes.title))
        if changes.body is not None:
            patch.append(_add("System.Description", as_html(changes.body)))
        if changes.priority is not None:
            value = numbers_from(changes.priority) or changes.priority
            patch.append(_add("Microsoft.VSTS.Common.Priority", value))
        if changes.add_labels or changes.remove_labels:
            whole_labels(changes.add_labels, ";,")
            labels = [one for one in ticket.labels if one not in changes.remove_labels]
            patch.append(
                _add("System.Tags", "; ".join(dict.fromkeys([*labels, *changes.add_labels])))
            )
        await self._patch(ticket, patch)

    async def transition(self, ticket: Ticket, status: str) -> None:
        await self._patch(ticket, [_add("System.State", status)])

    async def assign(self, ticket: Ticket, person: Person | None) -> None:
        await self._patch(ticket, [_add("System.AssignedTo", person.id if person else "")])

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        if isinstance(to, str):
            value: dict[str, Any] = {"rel": "Hyperlink", "url": to}
        else:
            value = {"rel": _SENT[kind], "url": f"{self._tracker.url}/_apis/wit/workItems/{to.key}"}
        await self._patch(ticket, [{"op": "add", "path": "/relations/-", "value": value}])

    async def _patch(self, ticket: Ticket, patch: Patch) -> None:
        """Only if nobody changed it since it was read."""
        test: Patch = [{"op": "test", "path": "/rev", "value": int(ticket.version or 0)}]
        path = f"/{quote(ticket.project)}/_apis/wit/workitems/{ticket.key}"
        await self._api.tell("PATCH", path, params=_API, json_=[*test, *patch], headers=_PATCH)

    def _custom_out(self, custom: dict[str, Any]) -> Patch:
        known = dict(self._tracker.fields)
        if unknown := sorted(custom.keys() - known.keys()):
            names = ", ".join(known) or "none"
            raise TicketsError(
                f"The settings name no field {unknown[0]!r}; there are: {names}.",
                error="bad_arguments",
            )
        return [_add(known[name], value) for name, value in custom.items()]


def _add(field: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": f"/fields/{field}", "value": value}


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
