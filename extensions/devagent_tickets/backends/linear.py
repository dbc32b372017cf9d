"""Linear (GraphQL). What is posted has an id that we choose (made from the token), so that Linear itself takes it once."""

import hashlib
from typing import Any
from uuid import UUID

from devagent_tickets.backends.answers import Answer, graphql_codes, shape
from devagent_tickets.backends.linear_records import (
    COMMENT,
    TICKET,
    WHOLE,
    comment_of,
    following_of,
    ticket_of,
)
from devagent_tickets.backends.plain import Reader, numbers_from
from devagent_tickets.backends.rest import Api
from devagent_tickets.contract import TicketsError, UncertainError
from devagent_tickets.model import (
    Changes,
    Comment,
    CommentPage,
    Draft,
    Page,
    Person,
    Query,
    Ticket,
    Written,
)
from devagent_tickets.settings import Tracker

_PRIORITIES = {
    "no priority": 0,
    "none": 0,
    "urgent": 1,
    "high": 2,
    "medium": 3,
    "normal": 3,
    "low": 4,
}
_SENT = {
    "blocks": "blocks",
    "blocked_by": "blocks",
    "relates": "related",
    "duplicates": "duplicate",
}
_PAGES = 8
"""So many pages of 250 comments are read of one issue."""
_CODES = {
    "AUTHENTICATION_ERROR": "unauthorized", "FORBIDDEN": "forbidden", "RATELIMITED": "rate_limited",
    "INVALID_INPUT": "rejected", "ENTITY_NOT_FOUND": "no_such_ticket", "INPUT_ERROR": "rejected",
    "GRAPHQL_VALIDATION_FAILED": "unexpected_answer", "INTERNAL_SERVER_ERROR": "server_error",
}  # fmt: skip
Table = dict[str, Any]


def connect(tracker: Tracker, secret: str, until: float) -> "Linear":
    # A personal key goes as it is, a token of OAuth as a bearer's.
    value = secret if secret.startswith("lin_api_") else f"Bearer {secret}"
    return Linear(tracker, Api(tracker, {"Authorization": value}, until))


class Linear:
    """``model.Backend``."""

    native = ""

    def __init__(self, tracker: Tracker, api: Api) -> None:
        self._tracker = tracker
        self._api = api

    async def aclose(self) -> None:
        await self._api.aclose()

    async def search(self, query: Query) -> Page:
        narrowed: Table = {"team": {"key": {"eq": query.project}}}
        if query.status in ("open", "closed"):
            narrowed["state"] = {
                "type": {"nin" if query.status == "open" else "in": ["completed", "canceled"]}
            }
        elif query.status:
            narrowed["state"] = {"name": {"eqIgnoreCase": query.status}}
        if query.assignee == "me":
            narrowed["assignee"] = {"isMe": {"eq": True}}
        elif query.assignee == "none":
            narrowed["assignee"] = {"null": True}
        elif query.assignee:
            narrowed["assignee"] = {"displayName": {"eqIgnoreCase": query.assignee}}
        if query.label:
            narrowed["labels"] = {"some": {"name": {"eqIgnoreCase": query.label}}}
        values: Table = {"filter": narrowed, "first": query.limit, "after": query.cursor or None}
        if query.text:
            text = f"query($term: String!, $filter: IssueFilter, $first: Int, $after: String) {{ found: searchIssues(term: $term, filter: $filter, first: $first, after: $after) {{ nodes {{ {TICKET} }} pageInfo {{ hasNextPage endCursor }} }} }}"
            values["term"] = query.text
        else:
            text = f"query($filter: IssueFilter, $first: Int, $after: String) {{ found: issues(filter: $filter, first: $first, after: $after, orderBy: updatedAt) {{ nodes {{ {TICKET} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        found = (await self._ask(text, values)).table("found")
        return Page(tuple(ticket_of(one) for one in found.tables("nodes")), following_of(found))

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        del project, etag
        data = await self._ask(
            f"query($id: String!) {{ issue(id: $id) {{ {WHOLE} }} }}", {"id": key}
        )
        ticket = ticket_of(data.table("issue"))
        if ticket.key != key:
            raise TicketsError(f"{key} was moved to {ticket.key}.", error="no_such_ticket")
        return ticket, ""

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        del project
        text = f"query($id: String!, $first: Int, $after: String) {{ issue(id: $id) {{ comments(first: $first, after: $after) {{ nodes {{ {COMMENT} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
        every: list[Comment] = []
        after = ""
        for _ in range(
            _PAGES
        ):  # in what order they come is not published: they are put in order here
            data = await self._ask(text, {"id": key, "first": 250, "after": after or None})
            found = data.table("issue").table("comments")
            every += [comment_of(one) for one in found.tables("nodes")]
            after = following_of(found)
            if not after:
                break
        every.sort(key=lambda one: one.created)
        start = numbers_from(cursor)
        more = str(start + limit) if start + limit < len(every) else ""
        return CommentPage(tuple(every[start : start + limit]), more)

    async def me(self) -> Person:
        one = (await self._ask("query { viewer { id displayName } }", {})).table("viewer")
        return Person(one.needed("id"), one.text("displayName"))

    async def person(self, project: str, name: str) -> Person:
        del project
        if name == "me":
            return await self.me()
        wanted = {
            "or": [
                {field: {"eqIgnoreCase": name.removeprefix("@")}}
                for field in ("displayName", "name", "email")
            ]
        }
        text = "query($filter: UserFilter) { users(filter: $filter, first: 5) { nodes { id displayName } } }"
        people = (await self._ask(text, {"filter": wanted})).table("users").tables("nodes")
        if len(people) != 1:
            raise TicketsError(f"{len(people)} people are called {name!r}.", error="no_such_person")
        return Person(people[0].needed("id"), people[0].text("displayName"))

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written:
        values = {"input": {"id": identity(token), "issueId": ticket.id, "body": body}}
        text = f"mutation($input: CommentCreateInput!) {{ commentCreate(input: $input) {{ success comment {{ {COMMENT} }} }} }}"
        one = (await self._tell(text, values)).table("commentCreate").table("comment")
        return Written(ticket.key, one.text("url"), one.needed("id"))

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        del body, since
        try:
            data = await self._ask(
                f"query($id: String!) {{ comment(id: $id) {{ {COMMENT} }} }}",
                {"id": identity(token)},
            )
        except TicketsError as error:
            if error.error != "no_such_ticket":
                raise
            return None
        one = data.table("comment")
        return Written(ticket.key, one.text("url"), one.needed("id"))

    async def create(self, project: str, draft: Draft, token: str) -> Written:
        self._no_custom(draft.custom)
        if draft.type:
            raise TicketsError("Linear knows no types of issues: use a label.", error="unsupported")
        team = await self._team(project)
        content: Table = {
            "id": identity(token),
            "teamId": team.needed("id"),
            "title": draft.title,
            "description": draft.body,
        }
        if draft.labels:
            content["labelIds"] = await self._labels(project, draft.labels)
        content.update(self._estimate(draft.custom))
        text = "mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { identifier url } } }"
        one = (await self._tell(text, {"input": content})).table("issueCreate").table("issue")
        return Written(one.needed("identifier"), one.text("url"))

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        del project, draft, since
        try:
            data = await self._ask(
                "query($id: String!) { issue(id: $id) { identifier url } }", {"id": identity(token)}
            )
        except TicketsError as error:
            if error.error != "no_such_ticket":
                raise
            return None
        one = data.table("issue")
        return Written(one.needed("identifier"), one.text("url"))

    async def update(self, ticket: Ticket, changes: Changes) -> None:
        self._no_custom(changes.custom)
        content: Table = dict(self._estimate(changes.custom))
        if changes.title is not None:
            content["title"] = changes.title
        if changes.body is not None:
            content["description"] = changes.body
        if changes.priority is not None:
            if changes.priority.lower() not in _PRIORITIES:
                raise TicketsError(
                    "A priority is urgent, high, medium, low or none.", error="bad_arguments"
                )
            content["priority"] = _PRIORITIES[changes.priority.lower()]
        if changes.add_labels:
            content["addedLabelIds"] = await self._labels(ticket.project, changes.add_labels)
        if gone := tuple(one for one in changes.remove_labels if one in ticket.labels):
            content["removedLabelIds"] = await self._labels(ticket.project, gone)
        await self._change(ticket, content)

    async def transition(self, ticket: Ticket, status: str) -> None:
        states = (await self._team(ticket.project)).table("states").tables("nodes")
        state = next((one for one in states if one.text("name").lower() == status.lower()), None)
        if state is None:
            known = ", ".join(one.text("name") for one in states)
            raise TicketsError(
                f"There is no status {status!r}; there are: {known}.", error="no_such_status"
            )
        await self._change(ticket, {"stateId": state.needed("id")})

    async def assign(self, ticket: Ticket, person: Person | None) -> None:
        await self._change(ticket, {"assigneeId": person.id if person else None})

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        if isinstance(to, str):
            text = "mutation($input: AttachmentCreateInput!) { attachmentCreate(input: $input) { success } }"
            await self._tell(text, {"input": {"issueId": ticket.id, "title": to, "url": to}})
        elif kind in ("parent", "child"):
            child, parent = (ticket, to) if kind == "parent" else (to, ticket)
            await self._change(child, {"parentId": parent.id})
        else:
            first, second = (to, ticket) if kind == "blocked_by" else (ticket, to)
            text = "mutation($input: IssueRelationCreateInput!) { issueRelationCreate(input: $input) { success } }"
            await self._tell(
                text,
                {"input": {"issueId": first.id, "relatedIssueId": second.id, "type": _SENT[kind]}},
            )

    async def _change(self, ticket: Ticket, content: Table) -> None:
        text = "mutation($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success } }"
        await self._tell(text, {"id": ticket.id, "input": content})

    async def _team(self, project: str) -> Reader:
        text = "query($key: String!) { teams(filter: { key: { eq: $key } }, first: 1) { nodes { id states(first: 100) { nodes { id name } } } } }"
        found = (await self._ask(text, {"key": project})).table("teams").tables("nodes")
        if not found:
            raise TicketsError(
                f"{self._tracker.host} has no team {project!r}.", error="no_such_project"
            )
        return found[0]

    async def _labels(self, project: str, wanted: tuple[str, ...]) -> list[str]:
        narrowed = {
            "name": {"in": list(wanted)},
            "or": [{"team": {"key": {"eq": project}}}, {"team": {"null": True}}],
        }
        text = "query($filter: IssueLabelFilter) { issueLabels(filter: $filter, first: 100) { nodes { id name } } }"
        found = (await self._ask(text, {"filter": narrowed})).table("issueLabels").tables("nodes")
        ids = {one.text("name"): one.needed("id") for one in found}
        if missing := [one for one in wanted if one not in ids]:
            raise TicketsError(f"There is no label {missing[0]!r} in {project}.", error="rejected")
        return [ids[one] for one in wanted]

    async def _ask(self, text: str, values: Table) -> Reader:
        answer = await self._api.ask("/graphql", json_={"query": text, "variables": values})
        return self._data(answer)

    async def _tell(self, text: str, values: Table) -> Reader:
        answer = await self._api.tell(
            "POST", "/graphql", json_={"query": text, "variables": values}
        )
        if {"INTERNAL_SERVER_ERROR", "TIMEOUT"} & set(graphql_codes(answer.data)):
            raise UncertainError(f"{self._tracker.host} failed.")
        return self._data(answer)

    def _data(self, answer: Answer) -> Reader:
        """What was asked for. GraphQL tells its errors beside data, with status 200."""
        data = Reader(self._tracker, answer.data)
        if errors := data.tables("errors"):
            extensions = errors[0].table("extensions")
            said = extensions.text("userPresentableMessage") or errors[0].text("message")
            error = _CODES.get(extensions.text("code").upper().replace(" ", "_"), "rejected")
            if "not found" in errors[0].text("message").lower():
                error = "no_such_ticket"
            raise TicketsError(
                f"{self._tracker.host} did not take it: {' '.join(said.split())[:4000]}.",
                error=error,
            )
        if not data.has("data"):
            raise shape(self._tracker)
        return data.table("data")

    def _no_custom(self, custom: Table) -> None:
        if unknown := sorted(custom.keys() - {"estimate"}):
            raise TicketsError(
                f"Linear has no field {unknown[0]!r}; there is: estimate.", error="unsupported"
            )

    def _estimate(self, custom: Table) -> Table:
        return {"estimate": custom["estimate"]} if "estimate" in custom else {}


def identity(token: str) -> str:
    """The id that a token stands for: a UUID of version 4's form, the same for the same token."""
    return str(UUID(bytes=hashlib.sha256(f"devagent:{token}".encode()).digest()[:16], version=4))
