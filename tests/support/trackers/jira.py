"""Jira's REST interface: Cloud (v3, documents in ADF) and Data Center (v2, wiki markup), as Atlassian publishes them."""

import base64
import re
from typing import Any, cast
from urllib.parse import unquote

from tests.support.trackers.kit import Issue, Refused, Reply, Request, Table, Vendor, World

USER, TOKEN = "ana@acme.example", "jira-test-token-of-the-fake"
PEOPLE = {"ana": "Ana Lee", "bob": "Bob Roe"}
STATES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}
_ISSUE = re.compile(r"/issue/([A-Z]+-\d+)(?:/(comment|transitions|assignee|remotelink))?$")
_NODES = {
    "doc", "paragraph", "text", "hardBreak", "heading", "bulletList", "orderedList", "listItem", "codeBlock", "blockquote",
    "rule", "table", "tableRow", "tableHeader", "tableCell",
}  # fmt: skip
_WITHIN = {
    "bulletList": {"listItem"}, "orderedList": {"listItem"}, "paragraph": {"text", "hardBreak"}, "heading": {"text", "hardBreak"},
    "listItem": {"paragraph", "bulletList", "orderedList", "codeBlock"}, "codeBlock": {"text"}, "table": {"tableRow"},
    "blockquote": {"paragraph", "bulletList", "orderedList", "codeBlock"}, "tableRow": {"tableCell", "tableHeader"},
}  # fmt: skip


def bad(status: int, *messages: str, **errors: str) -> Refused:
    return Refused(status, {"errorMessages": list(messages), "errors": errors})


def missing() -> Refused:
    return bad(404, "Issue does not exist or you do not have permission to see it.")


def check_document(node: Any) -> None:
    """Raise what Jira raises for a document that is not of the format's schema."""
    table: Table = cast("Table", node) if isinstance(node, dict) else {}
    kind = table.get("type")
    good = kind in _NODES
    inner: list[Table] = table.get("content", [])
    allowed = _WITHIN.get(str(kind))
    if kind == "text":
        good = bool(table.get("text"))
    if kind == "listItem":
        good = bool(inner) and inner[0].get("type") in ("paragraph", "codeBlock")
    if not good or (allowed is not None and not {one.get("type") for one in inner} <= allowed):
        raise bad(400, comment="Comment body is not valid!", description="INVALID_INPUT")
    for one in inner:
        check_document(one)


class Jira(Vendor):
    def __init__(self, *, cloud: bool = True) -> None:
        super().__init__()
        self.cloud = cloud
        self.prefix = f"/rest/api/{3 if cloud else 2}"
        self.world = World("PAY", "BIG", self.text, closed="Done", opened="To Do")

    def text(self, markdown: str) -> Any:
        """The first issues' texts, in the server's form."""
        if not self.cloud:
            return markdown.replace("**", "*").replace("\n- ", "\n* ")
        content: list[Table] = []
        for part in markdown.split("\n\n"):
            if part.startswith("- "):
                items = [{"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": line[2:]}]}]}
                         for line in part.split("\n")]  # fmt: skip
                content.append({"type": "bulletList", "content": items})
                continue
            texts: list[Table] = []
            for number, piece in enumerate(part.split("**")):
                if piece:
                    node: Table = {"type": "text", "text": piece}
                    texts.append({**node, "marks": [{"type": "strong"}]} if number % 2 else node)
            content.append({"type": "paragraph", "content": texts})
        return {"type": "doc", "version": 1, "content": content}

    def answer(self, request: Request) -> Reply:
        basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        wanted = f"Basic {basic}" if self.cloud else f"Bearer {TOKEN}"
        if request.headers.get("authorization") != wanted:
            raise Refused(
                401,
                None if not self.cloud else "Client must be authenticated to access this resource.",
            )
        if not request.path.startswith(self.prefix):
            raise Refused(404, None)
        path = unquote(request.path[len(self.prefix) :])
        if path == "/myself":
            return Reply(200, self.person("ana"))
        if path == ("/search/jql" if self.cloud else "/search"):
            return self.search(request)
        if path == "/user/assignable/search":
            text = request.query.get("query" if self.cloud else "username", "").lower()
            return Reply(
                200,
                [
                    self.person(name)
                    for name, shown in PEOPLE.items()
                    if text in f"{name} {shown}".lower()
                ],
            )
        if path == "/issue" and request.method == "POST":
            return self.created(request.body)
        if path == "/issueLink":
            return self.linked(request.body)
        match = _ISSUE.fullmatch(path)
        if match is None:
            raise Refused(404, None)
        issue = self.find(match[1])
        parts = {
            "comment": self.comment,
            "transitions": self.transition,
            "assignee": self.assign,
            "remotelink": self.remote,
        }
        return parts[match[2]](issue, request) if match[2] else self.one(issue, request)

    def find(self, key: str) -> Issue:
        project, _, number = key.partition("-")
        issue = self.world.find(project, number)
        if issue is None:
            raise missing()
        return issue

    def search(self, request: Request) -> Reply:
        body: Table = request.body
        found = self.by_jql(body["jql"])
        size = min(100, int(body.get("maxResults", 50)))
        start = (
            int(body.get("nextPageToken", "p0")[1:]) if self.cloud else int(body.get("startAt", 0))
        )
        shown = [self.plain(one, body.get("fields")) for one in found[start : start + size]]
        for plain, one in zip(shown, found[start : start + size], strict=True):
            if body.get("properties"):
                plain["properties"] = {
                    name: one.properties[name]
                    for name in body["properties"]
                    if name in one.properties
                }
        if not self.cloud:
            return Reply(
                200, {"startAt": start, "maxResults": size, "total": len(found), "issues": shown}
            )
        last = start + size >= len(found)
        return Reply(
            200,
            {"issues": shown, "isLast": last}
            | ({} if last else {"nextPageToken": f"p{start + size}"}),
        )

    def by_jql(self, jql: str) -> list[Issue]:
        """The few forms of JQL that are asked here; any other is an error, as a wrong one is."""
        conditions, _, order = jql.partition(" ORDER BY ")
        if order not in ("updated DESC", "created DESC", "key ASC"):
            raise bad(400, f"Error in the JQL Query: ORDER BY {order}")
        found: list[Issue] | None = None
        for condition in re.split(r" AND (?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", conditions):
            match = re.fullmatch(
                r'\(?(\w+) (=|!=|~|is|>=) (?:"((?:[^"\\]|\\.)*)"|(\w+(?:\(\))?))\)?',
                condition.strip(),
            )
            if match is None:
                raise bad(400, f"Error in the JQL Query: '{condition}'")
            name, sign, text, bare = match.groups()
            value = re.sub(r"\\(.)", r"\1", text) if text is not None else bare
            if name == "project":
                if value not in self.world.projects:
                    raise bad(400, f"The value '{value}' does not exist for the field 'project'.")
                found = self.world.newest_first(value)
            assert found is not None
            found = [one for one in found if self.fits(one, name, sign, value)]
        assert found is not None
        return found

    def fits(self, one: Issue, name: str, sign: str, value: str) -> bool:
        match name:
            case "project" | "created":
                return True
            case "text":
                return all(
                    word in f"{one.title} {one.body}".lower() for word in value.lower().split()
                )
            case "statusCategory":
                return (STATES[one.state] == "done") == (sign == "=")
            case "status":
                return one.state.lower() == value.lower()
            case "assignee":
                return (
                    not one.assignee
                    if sign == "is"
                    else one.assignee == "ana"
                    if value == "currentUser()"
                    else PEOPLE.get(one.assignee) == value
                )
            case "labels":
                return value in one.labels
            case "creator":
                return one.author == "ana"
            case "issuetype":
                return (one.type or "Task") == value
            case _:
                raise bad(
                    400, f"Field '{name}' does not exist or you do not have permission to view it."
                )

    def created(self, body: Table) -> Reply:
        fields: Table = body["fields"]
        if fields.get("issuetype", {}).get("name") not in ("Task", "Bug", "Story"):
            raise bad(400, issuetype="Specify a valid issue type")
        if not fields.get("summary"):
            raise bad(400, summary="You must specify a summary of the issue.")
        self.check(fields)
        issue = self.world.add(
            fields["project"]["key"], fields["summary"], fields.get("description"), state="To Do", author="ana",
            type=fields["issuetype"]["name"], labels=list(fields.get("labels", [])), created=self.world.now(), updated=self.world.now(),
        )  # fmt: skip
        issue.properties = {one["key"]: one["value"] for one in body.get("properties", [])}
        issue.custom = {
            name: value for name, value in fields.items() if name.startswith("customfield_")
        }
        return Reply(201, {"id": issue.id, "key": self.key(issue), "self": "…"})

    def check(self, fields: Table) -> None:
        known = {
            "project",
            "summary",
            "issuetype",
            "description",
            "labels",
            "priority",
            "parent",
            "customfield_10016",
        }
        if unknown := sorted(set(fields) - known):
            raise bad(
                400,
                **{
                    unknown[
                        0
                    ]: "Field cannot be set. It is not on the appropriate screen, or unknown."
                },
            )
        self.check_text(fields.get("description"))

    def check_text(self, value: Any) -> None:
        if value is None:
            return
        if self.cloud:
            check_document(value)
        elif not isinstance(value, str):
            raise bad(400, description="Operation value must be a string")

    def one(self, issue: Issue, request: Request) -> Reply:
        if request.method == "GET":
            return Reply(200, self.plain(issue, request.query.get("fields", "").split(",")))
        body: Table = request.body
        fields: Table = body.get("fields", {})
        self.check(fields)
        issue.title, issue.body = (
            fields.get("summary", issue.title),
            fields.get("description", issue.body),
        )
        if "priority" in fields:
            if fields["priority"]["name"] not in ("High", "Medium", "Low"):
                raise bad(400, priority="The priority selected is invalid.")
            issue.priority = fields["priority"]["name"]
        if "parent" in fields:
            issue.links.append(("parent", fields["parent"]["key"]))
            self.find(fields["parent"]["key"]).links.append(("child", self.key(issue)))
        issue.custom |= {
            name: value for name, value in fields.items() if name.startswith("customfield_")
        }
        for one in body.get("update", {}).get("labels", []):
            if "add" in one and one["add"] not in issue.labels:
                issue.labels.append(one["add"])
            if "remove" in one and one["remove"] in issue.labels:
                issue.labels.remove(one["remove"])
        self.world.touch(issue)
        return Reply(204)

    def comment(self, issue: Issue, request: Request) -> Reply:
        if request.method == "POST":
            self.check_text(request.body["body"])
            one: Table = {"id": self.world.next_id(), "text": request.body["body"], "author": "ana", "created": self.world.now(),
                          "properties": request.body.get("properties", [])}  # fmt: skip
            issue.comments.append(one)
            self.world.touch(issue)
            return Reply(201, self.shown_comment(one, expand=False))
        found = list(issue.comments)
        if request.query.get("orderBy", "").startswith("-"):
            found.reverse()
        start, size = (
            int(request.query.get("startAt", "0")),
            int(request.query.get("maxResults", "50")),
        )
        expand = request.query.get("expand") == "properties"
        shown = [self.shown_comment(one, expand=expand) for one in found[start : start + size]]
        return Reply(
            200, {"startAt": start, "maxResults": size, "total": len(found), "comments": shown}
        )

    def transition(self, issue: Issue, request: Request) -> Reply:
        names = {
            "11": ("Start", "In Progress"),
            "21": ("Finish", "Done"),
            "31": ("Reopen", "To Do"),
        }
        if request.method == "GET":
            return Reply(
                200,
                {
                    "transitions": [
                        {"id": key, "name": name, "to": {"name": to}}
                        for key, (name, to) in names.items()
                    ]
                },
            )
        if request.body["transition"]["id"] not in names:
            raise bad(400, "It seems that you have tried to perform an illegal workflow operation.")
        issue.state = names[request.body["transition"]["id"]][1]
        self.world.touch(issue)
        return Reply(204)

    def assign(self, issue: Issue, request: Request) -> Reply:
        who = request.body["accountId" if self.cloud else "name"]
        if who is not None and who.removeprefix("id-") not in PEOPLE:
            raise bad(400, assignee="User does not exist.")
        issue.assignee = (who or "").removeprefix("id-")
        self.world.touch(issue)
        return Reply(204)

    def remote(self, issue: Issue, request: Request) -> Reply:
        if request.method == "POST":
            url = request.body["object"]["url"]
            if ("url", url) not in issue.links:  # a globalId that is there is changed, not added
                issue.links.append(("url", url))
            return Reply(201, {"id": 1})
        urls = [url for kind, url in issue.links if kind == "url"]
        return Reply(
            200,
            [
                {"id": n, "globalId": url, "object": {"url": url, "title": url}}
                for n, url in enumerate(urls)
            ],
        )

    def linked(self, body: Table) -> Reply:
        first, second = (
            self.find(body["inwardIssue"]["key"]),
            self.find(body["outwardIssue"]["key"]),
        )
        name = body["type"]["name"]
        if name not in ("Relates", "Blocks", "Duplicate"):
            raise bad(404, f"No issue link type with name '{name}' found.")
        first.links.append((f"{name}>", self.key(second)))
        second.links.append((f"{name}<", self.key(first)))
        return Reply(201)

    def key(self, one: Issue) -> str:
        return f"{one.project}-{one.number}"

    def person(self, name: str) -> Table:
        known = (
            {"accountId": f"id-{name}"} if self.cloud else {"name": name, "key": f"JIRAUSER{name}"}
        )
        return {**known, "displayName": PEOPLE[name], "active": True}

    def shown_comment(self, one: Table, *, expand: bool) -> Table:
        shown: Table = {
            "id": one["id"],
            "author": self.person(one["author"]),
            "body": one["text"],
            "created": one["created"].replace("Z", ".000+0000"),
        }
        return {**shown, "properties": one["properties"]} if expand else shown

    def plain(self, one: Issue, wanted: list[str] | None) -> Table:
        links: list[Table] = []
        for kind, key in one.links:
            if kind[-1] in "<>":
                other = {"key": key, "fields": {"summary": self.find(key).title}}
                links.append(
                    {
                        "type": {"name": kind[:-1]},
                        "outwardIssue" if kind[-1] == ">" else "inwardIssue": other,
                    }
                )
        relatives = {
            kind: [
                {"key": key, "fields": {"summary": self.find(key).title}}
                for k, key in one.links
                if k == kind
            ]
            for kind in ("parent", "child")
        }
        fields: Table = {
            "summary": one.title, "status": {"name": one.state, "statusCategory": {"key": STATES[one.state]}},
            "issuetype": {"name": one.type or "Task"}, "priority": {"name": one.priority or "Medium"}, "labels": one.labels,
            "assignee": self.person(one.assignee) if one.assignee else None, "reporter": self.person(one.author),
            "security": {"name": "Staff"} if one.confidential else None, "created": one.created.replace("Z", ".000+0000"),
            "updated": one.updated.replace("Z", ".000+0000"), "description": one.body, "fixVersions": [], "issuelinks": links,
            "attachment": [{"filename": "log.txt", "content": "https://acme.example/log.txt", "size": 12, "mimeType": "text/plain"}] if one.number == 1 else [],
            "parent": next(iter(relatives["parent"]), None), "subtasks": relatives["child"], "project": {"key": one.project},
            "customfield_10016": one.custom.get("customfield_10016"),
        }  # fmt: skip
        if wanted:
            fields = {name: value for name, value in fields.items() if name in wanted}
        return {"id": one.id, "key": self.key(one), "fields": fields}
