"""Linear's issues and comments: what is asked of them in GraphQL, and what is read of the answer."""

from devagent_tickets.backends.plain import Reader, utc
from devagent_tickets.model import Attachment, Comment, Link, Ticket

TICKET = """
    id identifier title url createdAt updatedAt priorityLabel
    state { name type } team { key } assignee { id displayName } creator { displayName }
    labels(first: 50) { nodes { name } } projectMilestone { name } estimate description"""
WHOLE = f"""{TICKET} parent {{ identifier title }}
    children(first: 50) {{ nodes {{ identifier title }} }}
    relations(first: 50) {{ nodes {{ type relatedIssue {{ identifier title }} }} }}
    inverseRelations(first: 50) {{ nodes {{ type issue {{ identifier title }} }} }}
    attachments(first: 50) {{ nodes {{ title url }} }}"""
COMMENT = "id body url createdAt user { displayName }"
_RELATIONS = {"blocks": "blocks", "related": "relates", "duplicate": "duplicates"}


def ticket_of(one: Reader) -> Ticket:
    """An issue; its links where ``WHOLE`` was asked for."""
    state = one.table("state")
    links = [
        Link("child", child.needed("identifier"), child.text("title"))
        for child in one.table("children").tables("nodes")
    ]
    if one.has("parent"):
        links.append(
            Link(
                "parent",
                one.table("parent").needed("identifier"),
                one.table("parent").text("title"),
            )
        )
    for relation in one.table("relations").tables("nodes"):
        other = relation.table("relatedIssue")
        links.append(
            Link(
                _RELATIONS.get(relation.text("type"), "relates"),
                other.needed("identifier"),
                other.text("title"),
            )
        )
    for relation in one.table("inverseRelations").tables("nodes"):
        other, kind = relation.table("issue"), _RELATIONS.get(relation.text("type"), "relates")
        links.append(
            Link(
                "blocked_by" if kind == "blocks" else kind,
                other.needed("identifier"),
                other.text("title"),
            )
        )
    attached = one.table("attachments").tables("nodes")
    links += [Link("url", a.text("url"), a.text("title")) for a in attached]
    return Ticket(
        project=one.table("team").needed("key"), key=one.needed("identifier"), title=one.text("title"),
        status=state.needed("name"), closed=state.text("type") in ("completed", "canceled"), type="issue",
        priority=one.text("priorityLabel"), assignee=one.table("assignee").text("displayName"),
        assignee_id=one.table("assignee").text("id"), author=one.table("creator").text("displayName"),
        labels=tuple(label.text("name") for label in one.table("labels").tables("nodes")),
        created=utc(one.text("createdAt")), updated=utc(one.text("updatedAt")), body=one.text("description"),
        url=one.text("url"), milestone=one.table("projectMilestone").text("name"), links=tuple(links),
        attachments=tuple(Attachment(a.text("title"), a.text("url")) for a in attached),
        custom={"estimate": one.raw["estimate"]} if one.has("estimate") else {}, id=one.needed("id"),
    )  # fmt: skip


def comment_of(one: Reader) -> Comment:
    author = one.table("user").text("displayName")
    return Comment(
        one.needed("id"), author, utc(one.text("createdAt")), one.text("body"), one.text("url")
    )


def following_of(found: Reader) -> str:
    page = found.table("pageInfo")
    return page.text("endCursor") if page.raw.get("hasNextPage") else ""
