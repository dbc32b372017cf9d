"""A search in Jira's query language."""

import re

from devagent_tickets.model import Query

_ORDER = re.compile(r"\border\s+by\b.*$", re.IGNORECASE | re.DOTALL)


def jql_of(query: Query) -> str:
    """JQL of one project; what a caller writes in it stands in brackets of its own."""
    parts = [f'project = "{query.project}"']
    if query.text:
        parts.append(f"text ~ {quoted(query.text)}")
    if query.status in ("open", "closed"):
        parts.append(f"statusCategory {'!=' if query.status == 'open' else '='} Done")
    elif query.status:
        parts.append(f"status = {quoted(query.status)}")
    if query.assignee:
        words = {"me": "= currentUser()", "none": "is EMPTY"}
        parts.append(f"assignee {words.get(query.assignee, f'= {quoted(query.assignee)}')}")
    if query.label:
        parts.append(f"labels = {quoted(query.label)}")
    order = "updated DESC"
    if query.jql:
        own = _ORDER.sub("", query.jql).strip()
        if found := _ORDER.search(query.jql):
            order = re.sub(r"(?i)^order\s+by\s+", "", found[0].strip())
        if own:
            parts.append(f"({own})")
    return f"{' AND '.join(parts)} ORDER BY {order}"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
