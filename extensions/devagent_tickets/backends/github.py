"""GitHub issues (REST, version 2022-11-28). Keys are numbers; a status is ``open``, ``closed`` or ``not planned``.

Labels and assignees are set by calls that say the same twice; a comment or an issue carries its token in an invisible
Markdown comment. Dependencies and sub-issues are links; "relates" is not known to GitHub.
"""

import re
from typing import Any
from urllib.parse import quote

from devagent_tickets.backends.marks import mark, marked, unmarked
from devagent_tickets.backends.plain import Reader, names, numbers_from, tables, utc
from devagent_tickets.backends.rest import Api, segment
from devagent_tickets.contract import TicketsError, UncertainError
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
    Written,
)
from devagent_tickets.settings import Tracker

_CLOSED = {
    "closed": "completed",
    "completed": "completed",
    "done": "completed",
    "not planned": "not_planned",
}
_OPEN = ("open", "reopened")
_PLAIN = re.compile(r"(?!(?:AND|OR|NOT)$)[^-:()][^:()]*")


def connect(tracker: Tracker, secret: str, until: float) -> "GitHub":
    headers = {
        "Authorization": f"Bearer {secret}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return GitHub(tracker, Api(tracker, headers, until))


class GitHub:
    """``model.Backend``."""

    native = ""

    def __init__(self, tracker: Tracker, api: Api) -> None:
        self._tracker = tracker
        self._api = api
        self._me: Person | None = None

    async def aclose(self) -> None:
        await self._api.aclose()

    async def search(self, query: Query) -> Page:
        assignee = (await self.me()).id if query.assignee == "me" else query.assignee
        if query.text:
            return await self._found(query, assignee)
        page = max(1, numbers_from(query.cursor))
        params = {
            "state": "closed" if _is_closed(query.status) else "open" if query.status else "all",
            "assignee": assignee, "labels": query.label, "sort": "updated", "direction": "desc",
            "per_page": query.limit, "page": page,
        }  # fmt: skip
        answer = await self._api.ask(f"{_repo(query.project)}/issues", params=params)
        every = tables(self._tracker, answer.data)
        # The list holds pull requests, too.
        found = [self._ticket(query.project, one) for one in every if not one.has("pull_request")]
        more = 'rel="next"' in answer.headers.get("link", "")
        return Page(tuple(found), str(page + 1) if more else "")

    async def _found(self, query: Query, assignee: str) -> Page:
        page = max(1, numbers_from(query.cursor))
        words = [*plain_words(query.text), f"repo:{query.project}", "is:issue"]
        if query.status:
            words.append("is:closed" if _is_closed(query.status) else "is:open")
        if assignee:
            words.append("no:assignee" if assignee == "none" else f"assignee:{_phrase(assignee)}")
        if query.label:
            words.append(f"label:{_phrase(query.label)}")
        params = {"q": " ".join(words), "per_page": query.limit, "page": page}
        data = Reader(self._tracker, (await self._api.ask("/search/issues", params=params)).data)
        found = [self._ticket(_of(one, query.project), one) for one in data.tables("items")]
        # The search ends at a thousand, whatever it counts.
        more = page * query.limit < min(data.number("total_count"), 1000)
        return Page(
            tuple(found), str(page + 1) if more and found else "", data.number("total_count")
        )

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        answer = await self._api.ask(f"{_repo(project)}/issues/{key}", etag=etag)
        if answer.status == 304:
            return None, etag
        one = Reader(self._tracker, answer.data)
        if one.has("pull_request"):
            raise TicketsError(f"{project}#{key} is a pull request.", error="no_such_ticket")
        return self._ticket(
            _of(one, project), one, await self._links(project, key)
        ), answer.headers.get("etag", "")

    async def _links(self, project: str, key: str) -> list[Link]:
        found: list[Link] = []
        for kind, path in (
            ("blocked_by", "dependencies/blocked_by"),
            ("blocks", "dependencies/blocking"),
            ("child", "sub_issues"),
        ):
            try:
                answer = await self._api.ask(
                    f"{_repo(project)}/issues/{key}/{path}", params={"per_page": 50}
                )
            except TicketsError as error:
                if error.error != "no_such_ticket":  # older servers do not know these
                    raise
                continue
            for one in tables(self._tracker, answer.data):
                to = f"{_of(one, project)}#{one.needed('number')}"
                found.append(Link(kind, to, one.text("title")))
        return found

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        page = max(1, numbers_from(cursor))
        answer = await self._api.ask(
            f"{_repo(project)}/issues/{key}/comments", params={"per_page": limit, "page": page}
        )
        found = tuple(self._comment(one) for one in tables(self._tracker, answer.data))
        more = 'rel="next"' in answer.headers.get("link", "")
        return CommentPage(found, str(page + 1) if more else "")

    async def me(self) -> Person:
        if self._me is None:
            one = Reader(self._tracker, (await self._api.ask("/user")).data)
            self._me = Person(one.needed("login"), one.needed("login"))
        return self._me

    async def person(self, project: str, name: str) -> Person:
        if name == "me":
            return await self.me()
        login = name.removeprefix("@")
        try:
            await self._api.ask(f"{_repo(project)}/assignees/{segment(login)}")
        except TicketsError as error:
            if error.error != "no_such_ticket":
                raise
            raise TicketsError(
                f"Nobody called {name!r} can be assigned in {project}.", error="no_such_person"
            ) from error
        return Person(login, login)

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written:
        path = f"{_repo(ticket.project)}/issues/{ticket.key}/comments"
        answer = await self._api.tell("POST", path, json_={"body": marked(body, token)})
        one = Reader(self._tracker, answer.data)
        return Written(ticket.key, one.text("html_url"), one.needed("id"))

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        del body
        cursor = 1
        while cursor:
            params = {"since": since, "per_page": 100, "page": cursor}
            answer = await self._api.ask(
                f"{_repo(ticket.project)}/issues/{ticket.key}/comments", params=params
            )
            for one in tables(self._tracker, answer.data):
                if unmarked(one.text("body"))[1] == mark(token):
                    return Written(ticket.key, one.text("html_url"), one.needed("id"))
            cursor = cursor + 1 if 'rel="next"' in answer.headers.get("link", "") else 0
        return None

    async def create(self, project: str, draft: Draft, token: str) -> Written:
        _no_custom(draft.custom)
        content: dict[str, Any] = {"title": draft.title, "body": marked(draft.body, token)}
        if draft.labels:
            content["labels"] = list(draft.labels)
        if draft.type:
            content["type"] = draft.type
        answer = await self._api.tell("POST", f"{_repo(project)}/issues", json_=content)
        one = Reader(self._tracker, answer.data)
        return Written(one.needed("number"), one.text("html_url"))

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        del draft
        params = {
            "state": "all",
            "creator": (await self.me()).id,
            "since": since,
            "sort": "created",
            "per_page": 100,
        }
        page = 1
        while True:
            answer = await self._api.ask(
                f"{_repo(project)}/issues", params={**params, "page": page}
            )
            found = tables(self._tracker, answer.data)
            for one in found:
                if unmarked(one.text("body"))[1] == mark(token):
                    return Written(one.needed("number"), one.text("html_url"))
            is_older = not found or utc(found[-1].text("created_at")) < since
            if is_older or 'rel="next"' not in answer.headers.get("link", ""):
                return None
            page += 1

    async def update(self, ticket: Ticket, changes: Changes) -> None:
        _no_custom(changes.custom)
        if changes.priority is not None:
            raise TicketsError("GitHub knows no priority: use a label.", error="unsupported")
        path = f"{_repo(ticket.project)}/issues/{ticket.key}"
        content = {
            name: value
            for name, value in (("title", changes.title), ("body", changes.body))
            if value is not None
        }
        # Labels are added and removed one by one: to set them all would undo what somebody else does meanwhile.
        steps: list[tuple[str, str, str, Any]] = []
        if content:
            steps.append((" and ".join(content), "PATCH", path, content))
        if changes.add_labels:
            labels = list(changes.add_labels)
            steps.append(
                (f"labels {', '.join(labels)}", "POST", f"{path}/labels", {"labels": labels})
            )
        for label in changes.remove_labels:
            if label in ticket.labels:
                where = f"{path}/labels/{segment(label)}"
                steps.append((f"label {label} removed", "DELETE", where, None))
        done: list[str] = []
        for what, method, where, sent in steps:
            try:
                await self._api.tell(method, where, json_=sent)
            except UncertainError:
                raise
            except TicketsError as error:
                if not done:
                    raise
                raise TicketsError(
                    f"{error} Changed before that: {'; '.join(done)}. Called again, the rest is tried.",
                    error=error.error,
                ) from error
            done.append(what)

    async def transition(self, ticket: Ticket, status: str) -> None:
        name = status.lower()
        if name not in _CLOSED and name not in _OPEN:
            raise TicketsError(
                f"There is no status {status!r}; there are: open, closed, not planned.",
                error="no_such_status",
            )
        content = (
            {"state": "open"}
            if name in _OPEN
            else {"state": "closed", "state_reason": _CLOSED[name]}
        )
        await self._api.tell("PATCH", f"{_repo(ticket.project)}/issues/{ticket.key}", json_=content)

    async def assign(self, ticket: Ticket, person: Person | None) -> None:
        content = {"assignees": [person.id] if person else []}
        await self._api.tell("PATCH", f"{_repo(ticket.project)}/issues/{ticket.key}", json_=content)

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        if isinstance(to, str) or kind not in ("blocks", "blocked_by", "parent", "child"):
            raise TicketsError(
                "GitHub links issues by blocks, blocked_by, parent and child; write a comment for others.",
                error="unsupported",
            )
        first, second = (to, ticket) if kind in ("blocks", "parent") else (ticket, to)
        path = f"{_repo(first.project)}/issues/{first.key}"
        if kind in ("blocks", "blocked_by"):
            await self._api.tell(
                "POST", f"{path}/dependencies/blocked_by", json_={"issue_id": int(second.id)}
            )
        else:
            await self._api.tell(
                "POST", f"{path}/sub_issues", json_={"sub_issue_id": int(second.id)}
            )

    def _ticket(self, project: str, one: Reader, links: list[Link] | None = None) -> Ticket:
        closed = one.needed("state") == "closed"
        body, _ = unmarked(one.text("body"))
        assignee = one.table("assignee").text("login")
        return Ticket(
            project=project, key=one.needed("number"), title=one.text("title"), closed=closed,
            status=("not planned" if one.text("state_reason") == "not_planned" else "closed") if closed else "open",
            type=one.table("type").text("name") or "issue", assignee=assignee, assignee_id=assignee,
            author=one.table("user").text("login"), labels=tuple(names(one.tables("labels"))),
            created=utc(one.text("created_at")), updated=utc(one.text("updated_at")), body=body,
            url=one.text("html_url"), milestone=one.table("milestone").text("title"), id=one.needed("id"),
            links=tuple(links or ()),
        )  # fmt: skip

    def _comment(self, one: Reader) -> Comment:
        body, token = unmarked(one.text("body"))
        return Comment(
            one.needed("id"), one.table("user").text("login"), utc(one.text("created_at")), body,
            one.text("html_url"), token,
        )  # fmt: skip


def plain_words(text: str) -> list[str]:
    """Words and quoted phrases; what the search would take for a qualifier or an operator stands as a phrase, so that
    nothing of another repository is looked through."""
    words = re.findall(r'"[^"]*"|[^\s"]+', text)
    return [
        word if word.startswith('"') or _PLAIN.fullmatch(word) else _phrase(word) for word in words
    ]


def _phrase(text: str) -> str:
    return '"{}"'.format(text.replace('"', " "))


def _repo(project: str) -> str:
    return f"/repos/{quote(project, safe='/')}"


def _of(one: Reader, project: str) -> str:
    """The repository that an issue is of; the address ends in owner/name."""
    url = one.text("repository_url")
    return "/".join(url.rsplit("/", 2)[1:]) if url.count("/") >= 2 else project


def _is_closed(status: str) -> bool:
    return status.lower() in _CLOSED


def _no_custom(custom: dict[str, Any]) -> None:
    if custom:
        raise TicketsError("GitHub issues have no custom fields.", error="unsupported")
