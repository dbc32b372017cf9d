"""Azure Boards' work items and comments, as it tells them: texts are HTML."""

from urllib.parse import quote

from devagent_tickets.backends.plain import Reader, utc
from devagent_tickets.model import Attachment, Comment, Link, Ticket
from devagent_tickets.rich import hypertext, markdown
from devagent_tickets.settings import Tracker

CLOSED = ("Done", "Closed", "Completed", "Removed", "Resolved")
RELATIONS = {
    "System.LinkTypes.Related": "relates", "System.LinkTypes.Dependency-Forward": "blocks",
    "System.LinkTypes.Dependency-Reverse": "blocked_by", "System.LinkTypes.Duplicate-Forward": "duplicates",
    "System.LinkTypes.Hierarchy-Reverse": "parent", "System.LinkTypes.Hierarchy-Forward": "child",
}  # fmt: skip


class Records:
    """What one organisation's records say."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def _ticket(self, one: Reader) -> Ticket:
        fields = one.table("fields")
        assigned, state, key = (
            fields.table("System.AssignedTo"),
            fields.needed("System.State"),
            one.needed("id"),
        )
        project = fields.needed("System.TeamProject")
        links: list[Link] = []
        attachments: list[Attachment] = []
        for relation in one.tables("relations"):
            kind, url = relation.text("rel"), relation.text("url")
            attributes = relation.table("attributes")
            if kind == "AttachedFile":
                attachments.append(
                    Attachment(attributes.text("name"), url, attributes.number("resourceSize"))
                )
            elif kind == "Hyperlink":
                links.append(Link("url", url, attributes.text("comment")))
            elif kind in RELATIONS:
                links.append(Link(RELATIONS[kind], f"{project}#{url.rpartition('/')[2]}"))
        tags = [tag.strip() for tag in fields.text("System.Tags").split(";")]
        return Ticket(
            project=project, key=key, title=fields.text("System.Title"), status=state, closed=state in CLOSED,
            type=fields.text("System.WorkItemType"), priority=fields.text("Microsoft.VSTS.Common.Priority"),
            assignee=assigned.text("displayName"), assignee_id=assigned.text("uniqueName") or assigned.text("displayName"),
            author=fields.table("System.CreatedBy").text("displayName"), labels=tuple(tag for tag in tags if tag),
            created=utc(fields.text("System.CreatedDate")), updated=utc(fields.text("System.ChangedDate")),
            body=as_markdown(fields.text("System.Description")), url=f"{self._tracker.url}/{quote(project)}/_workitems/edit/{key}",
            milestone=fields.text("System.IterationPath"), links=tuple(links), attachments=tuple(attachments),
            custom={name: fields.raw[field] for name, field in self._tracker.fields if fields.has(field)},
            id=key, version=one.text("rev"),
        )  # fmt: skip

    def _comment(self, project: str, key: str, one: Reader) -> Comment:
        url = f"{self._tracker.url}/{quote(project)}/_workitems/edit/{key}"
        text = one.text("text")
        body = text if one.text("format") == "markdown" else as_markdown(text)
        author = one.table("createdBy").text("displayName")
        return Comment(
            one.needed("id"),
            author,
            utc(one.text("createdDate")),
            body,
            comment_url(url, one.needed("id")),
        )


def as_html(text: str) -> str:
    return hypertext.write(markdown.read(text))


def as_markdown(text: str) -> str:
    return markdown.write(hypertext.read(text))


def comment_url(url: str, comment: str) -> str:
    return f"{url}#{comment}"
