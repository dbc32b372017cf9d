"""A search in Jira's query language."""

import re

from devagent_tickets.contract import TicketsError
from devagent_tickets.model import Query

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_ORDER = re.compile(r"\border\s+by\b.*$", re.IGNORECASE | re.DOTALL)


def jql_of(query: Query) -> str:
    """JQL of one project; what a caller writes in it stands in brackets of its own. Raises TicketsError bad_arguments."""
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
            if not _stands_alone(own):
                raise TicketsError(
                    "jql has brackets or quotes that do not close within it.", error="bad_arguments"
                )
            parts.append(f"({own})")
    return f"{' AND '.join(parts)} ORDER BY {order}"


def _stands_alone(jql: str) -> bool:
    """Whether brackets around it hold all of it: no quote stays open, and no bracket closes what it did not open."""
    bare = _QUOTED.sub("", jql)
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        if depth < 0 or sign in "\"'\\":
            return False
    return depth == 0


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
