"""Jira's issues and comments, as it tells them: Cloud in Atlassian's document format, Data Center in wiki markup."""

from typing import Any

from devagent_tickets.backends.answers import shape
from devagent_tickets.backends.plain import Reader, utc
from devagent_tickets.model import Attachment, Comment, Link, Person, Ticket, Visibility
from devagent_tickets.rich import adf, markdown, wiki
from devagent_tickets.settings import Tracker

PROPERTY = "devagent.token"
"""The entity property that a comment or an issue carries its token in; no page shows it."""


class Records:
    """What one Jira's records say."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._cloud = tracker.type == "jira"
        self._id = "accountId" if self._cloud else "name"

    def _rich(self, body: str) -> Any:
        blocks = markdown.read(body)
        return adf.write(blocks) if self._cloud else wiki.write(blocks)

    def _markdown(self, value: Any) -> str:
        if self._cloud:
            return markdown.write(adf.read(value))
        if value is not None and not isinstance(value, str):
            raise shape(self._tracker)
        return markdown.write(wiki.read(value or ""))

    def _person(self, one: Reader) -> Person:
        person = one.needed(self._id)
        return Person(person, one.text("displayName") or person)

    def _url(self, key: str) -> str:
        return f"{self._tracker.url}/browse/{key}"

    def _comment_url(self, key: str, comment: str) -> str:
        return f"{self._url(key)}?focusedCommentId={comment}"

    def _ticket(self, one: Reader) -> Ticket:
        key, fields = one.needed("key"), one.table("fields")
        status = fields.table("status")
        assignee = fields.table("assignee")
        visibility: Visibility = "confidential" if fields.has("security") else ""
        return Ticket(
            project=fields.table("project").text("key") or key.rpartition("-")[0], key=key, title=fields.text("summary"),
            status=status.needed("name"), closed=status.table("statusCategory").text("key") == "done",
            type=fields.table("issuetype").text("name"), priority=fields.table("priority").text("name"),
            assignee=assignee.text("displayName"), assignee_id=assignee.text(self._id),
            author=fields.table("reporter").text("displayName"), labels=tuple(fields.texts("labels")),
            visibility=visibility, created=utc(fields.text("created")), updated=utc(fields.text("updated")),
            body=self._markdown(fields.raw.get("description")), url=self._url(key),
            milestone=", ".join(v.text("name") for v in fields.tables("fixVersions")),
            links=tuple(self._links(fields)), attachments=tuple(self._attachment(a) for a in fields.tables("attachment")),
            custom={name: self._custom_in(fields.raw[f]) for name, f in self._tracker.fields if fields.has(f)},
            id=one.text("id"),
        )  # fmt: skip

    def _custom_in(self, value: Any) -> Any:
        """A field's value as people name it: of an option its value, of a document its text."""
        if isinstance(value, dict):
            table = Reader(self._tracker, value)
            if table.text("type") == "doc":
                return self._markdown(table.raw)
            return next(
                (table.text(key) for key in ("value", "name", "displayName") if table.has(key)),
                table.raw,
            )
        return [self._custom_in(one) for one in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]

    def _links(self, fields: Reader) -> list[Link]:
        found: list[Link] = []
        for one in fields.tables("issuelinks"):
            name = one.table("type").text("name").lower()
            outward = one.has("outwardIssue")
            other = one.table("outwardIssue" if outward else "inwardIssue")
            kind = {"blocks": "blocks" if outward else "blocked_by", "duplicate": "duplicates"}.get(
                name, "relates"
            )
            found.append(Link(kind, other.needed("key"), other.table("fields").text("summary")))
        if fields.has("parent"):
            parent = fields.table("parent")
            found.append(
                Link("parent", parent.needed("key"), parent.table("fields").text("summary"))
            )
        children = fields.tables("subtasks")
        return found + [
            Link("child", c.needed("key"), c.table("fields").text("summary")) for c in children
        ]

    def _attachment(self, one: Reader) -> Attachment:
        return Attachment(
            one.text("filename"), one.text("content"), one.number("size"), one.text("mimeType")
        )

    def _comment(self, key: str, one: Reader) -> Comment:
        return Comment(
            one.needed("id"), one.table("author").text("displayName"), utc(one.text("created")),
            self._markdown(one.raw.get("body")), self._comment_url(key, one.needed("id")), token_of(one),
        )  # fmt: skip


def token_of(comment: Reader) -> str:
    """The token that a comment was posted with; empty where it has none."""
    for one in comment.tables("properties"):
        if one.text("key") == PROPERTY:
            return one.table("value").text("token")
    return ""
