"""Linear's GraphQL interface, as its published schema has it; errors as its documentation shows them."""

import re
from typing import Any

from tests.support.trackers.kit import Issue, Refused, Reply, Request, Table, Vendor, World

TOKEN = "lin_api_test_token_of_the_fake"
PEOPLE = {"u-ana": "ana", "u-bob": "bob"}
STATES = {
    "Todo": "unstarted",
    "In Progress": "started",
    "Done": "completed",
    "Canceled": "canceled",
}
PRIORITIES = ["No priority", "Urgent", "High", "Medium", "Low"]
LABELS = ("bug", "security", "ops", "urgent-fix")
_ROOT = re.compile(r"^(?:query|mutation)[^{]*\{\s*(?:\w+:\s*)?(\w+)")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_KNOWN = {
    "query", "mutation", "found", "searchIssues", "issues", "issue", "comments", "comment", "viewer", "users",
    "teams", "issueLabels", "commentCreate", "issueCreate", "issueUpdate", "issueRelationCreate", "attachmentCreate",
    "id", "identifier", "title", "url", "createdAt", "updatedAt", "priorityLabel", "state", "name", "type", "team",
    "key", "assignee", "displayName", "creator", "labels", "first", "nodes", "projectMilestone", "estimate",
    "description", "parent", "children", "relations", "inverseRelations", "relatedIssue", "attachments", "body",
    "user", "pageInfo", "hasNextPage", "endCursor", "term", "filter", "after", "orderBy", "input", "success",
    "states", "eq", "String", "Int", "IssueFilter", "UserFilter", "IssueLabelFilter", "CommentCreateInput",
    "IssueCreateInput", "IssueUpdateInput", "IssueRelationCreateInput", "AttachmentCreateInput",
}  # fmt: skip


def refused(message: str, code: str, status: int = 200, shown: str = "") -> Refused:
    extensions = {
        "type": code.lower(),
        "code": code,
        "userError": True,
        "userPresentableMessage": shown or message,
    }
    return Refused(
        status,
        {"data": None, "errors": [{"message": message, "path": [], "extensions": extensions}]},
    )


def not_found(kind: str) -> Refused:
    return refused(
        f"Entity not found: {kind}", "INPUT_ERROR", 200, f"Could not find referenced {kind}."
    )


class Linear(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.world = World("ENG", "BIG", lambda text: text, closed="Done", opened="Todo")

    def answer(self, request: Request) -> Reply:
        if request.path != "/graphql":
            raise Refused(404, None)
        if request.headers.get("authorization") != TOKEN:
            raise refused("Authentication required, not authenticated", "AUTHENTICATION_ERROR", 400)
        text, values = request.body["query"], request.body["variables"]
        names = set(re.findall(r"(?<![$\w])[A-Za-z]\w*", text))
        if unknown := sorted(names - _KNOWN):
            raise refused(f'Cannot query field "{unknown[0]}"', "GRAPHQL_VALIDATION_FAILED", 400)
        match = _ROOT.match(text)
        assert match is not None
        root = match[1]
        return Reply(200, {"data": getattr(self, f"on_{root}")(values, text)})

    def on_viewer(self, values: Table, text: str) -> Table:
        return {"viewer": {"id": "u-ana", "displayName": "ana"}}

    def on_users(self, values: Table, text: str) -> Table:
        wanted = [
            next(iter(next(iter(one.values())).values())).lower() for one in values["filter"]["or"]
        ]
        return {
            "users": {
                "nodes": [
                    {"id": key, "displayName": name}
                    for key, name in PEOPLE.items()
                    if name in wanted
                ]
            }
        }

    def on_teams(self, values: Table, text: str) -> Table:
        states = {"nodes": [{"id": f"s-{name}", "name": name} for name in STATES]}
        found = [
            {"id": f"t-{key}", "states": states}
            for key in self.world.projects
            if key == values["key"]
        ]
        return {"teams": {"nodes": found}}

    def on_issueLabels(self, values: Table, text: str) -> Table:
        wanted = values["filter"]["name"]["in"]
        return {
            "issueLabels": {
                "nodes": [{"id": f"l-{name}", "name": name} for name in LABELS if name in wanted]
            }
        }

    def on_issues(self, values: Table, text: str) -> Table:
        return {
            "found": self.page(
                [one for one in self.all() if self.fits(one, values["filter"])], values
            )
        }

    def on_searchIssues(self, values: Table, text: str) -> Table:
        words = values["term"].lower().split()
        found = [one for one in self.all() if self.fits(one, values["filter"])]
        return {
            "found": self.page(
                [
                    one
                    for one in found
                    if all(w in f"{one.title} {one.body}".lower() for w in words)
                ],
                values,
            )
        }

    def all(self) -> list[Issue]:
        return [one for project in self.world.projects for one in self.world.newest_first(project)]

    def fits(self, one: Issue, narrowed: Table) -> bool:
        for name, condition in narrowed.items():
            ((key, inner),) = condition.items()
            match name, key:
                case "team", "key":
                    good = one.project == inner["eq"]
                case "state", "type":
                    ((sign, types),) = inner.items()
                    good = (STATES[one.state] in types) == (sign == "in")
                case "state", "name":
                    good = one.state.lower() == inner["eqIgnoreCase"].lower()
                case "assignee", "isMe":
                    good = one.assignee == "u-ana"
                case "assignee", "null":
                    good = not one.assignee
                case "assignee", "displayName":
                    good = PEOPLE.get(one.assignee, "") == inner["eqIgnoreCase"]
                case "labels", "some":
                    good = inner["name"]["eqIgnoreCase"] in one.labels
                case _:
                    raise refused(
                        f'Field "{name}.{key}" is not defined', "GRAPHQL_VALIDATION_FAILED", 400
                    )
            if not good:
                return False
        return True

    def page(self, found: list[Any], values: Table, shown: Any = None) -> Table:
        start = int((values.get("after") or "c0")[1:])
        size = min(250, values.get("first") or 50)
        nodes = [(shown or self.plain)(one) for one in found[start : start + size]]
        return {
            "nodes": nodes,
            "pageInfo": {"hasNextPage": start + size < len(found), "endCursor": f"c{start + size}"},
        }

    def find(self, key: str) -> Issue:
        project, _, number = key.partition("-")
        if project in self.world.projects and (issue := self.world.find(project, number)):
            return issue
        for one in self.all():
            if one.id == key:
                return one
        raise not_found("Issue")

    def on_issue(self, values: Table, text: str) -> Table:
        issue = self.find(values["id"])
        if "comments(" in text:
            return {"issue": {"comments": self.page(issue.comments, values, self.comment)}}
        return {"issue": self.plain(issue)}

    def on_comment(self, values: Table, text: str) -> Table:
        for issue in self.all():
            for one in issue.comments:
                if one["id"] == values["id"]:
                    return {"comment": self.comment(one)}
        raise not_found("Comment")

    def on_commentCreate(self, values: Table, text: str) -> Table:
        given: Table = values["input"]
        issue = self.find(given["issueId"])
        self.fresh(given["id"], [one["id"] for one in issue.comments])
        one: Table = {
            "id": given["id"],
            "text": given["body"],
            "author": "u-ana",
            "created": self.world.now(),
        }
        issue.comments.append(one)
        self.world.touch(issue)
        return {"commentCreate": {"success": True, "comment": self.comment(one)}}

    def on_issueCreate(self, values: Table, text: str) -> Table:
        given: Table = values["input"]
        self.fresh(given["id"], [one.id for one in self.all()])
        issue = self.world.add(
            given["teamId"].removeprefix("t-"), given["title"], given.get("description"), state="Todo", author="u-ana",
            labels=[one.removeprefix("l-") for one in given.get("labelIds", [])], created=self.world.now(), updated=self.world.now(),
        )  # fmt: skip
        issue.id = given["id"]
        return {"issueCreate": {"success": True, "issue": self.plain(issue)}}

    def fresh(self, key: str, taken: list[str]) -> None:
        if not _UUID4.fullmatch(key):
            raise refused("Argument Validation Error", "INVALID_INPUT", 400, "id must be a UUID.")
        if key in taken:
            raise refused(
                "Entity already exists", "INPUT_ERROR", 200, "Entity with this id already exists."
            )

    def on_issueUpdate(self, values: Table, text: str) -> Table:
        issue, given = self.find(values["id"]), values["input"]
        issue.title, issue.body = (
            given.get("title", issue.title),
            given.get("description", issue.body),
        )
        if "stateId" in given:
            issue.state = given["stateId"].removeprefix("s-")
        if "assigneeId" in given:
            issue.assignee = given["assigneeId"] or ""
        if "priority" in given:
            issue.priority = PRIORITIES[given["priority"]]
        if "estimate" in given:
            issue.custom["estimate"] = given["estimate"]
        if "parentId" in given:
            parent = self.find(given["parentId"])
            issue.links.append(("parent", parent.id))
            parent.links.append(("child", issue.id))
        labels = [
            *issue.labels,
            *(one.removeprefix("l-") for one in given.get("addedLabelIds", [])),
        ]
        gone = [one.removeprefix("l-") for one in given.get("removedLabelIds", [])]
        issue.labels = [one for one in dict.fromkeys(labels) if one not in gone]
        self.world.touch(issue)
        return {"issueUpdate": {"success": True}}

    def on_issueRelationCreate(self, values: Table, text: str) -> Table:
        given: Table = values["input"]
        first, second = self.find(given["issueId"]), self.find(given["relatedIssueId"])
        first.links.append((f"{given['type']}>", second.id))
        second.links.append((f"{given['type']}<", first.id))
        return {"issueRelationCreate": {"success": True}}

    def on_attachmentCreate(self, values: Table, text: str) -> Table:
        issue, url = self.find(values["input"]["issueId"]), values["input"]["url"]
        if ("url", url) not in issue.links:  # one address is one attachment of an issue
            issue.links.append(("url", url))
        return {"attachmentCreate": {"success": True}}

    def comment(self, one: Table) -> Table:
        return {"id": one["id"], "body": one["text"], "url": f"https://linear.app/acme/comment/{one['id'][:8]}",
                "createdAt": one["created"].replace("Z", ".123Z"), "user": {"displayName": PEOPLE[one["author"]]}}  # fmt: skip

    def plain(self, one: Issue) -> Table:
        def others(kind: str) -> list[Issue]:
            return [self.find(key) for name, key in one.links if name == kind]

        def short(issue: Issue) -> Table:
            return {"identifier": f"{issue.project}-{issue.number}", "title": issue.title}

        relations = [(name[:-1], key) for name, key in one.links if name[-1] == ">"]
        inverse = [(name[:-1], key) for name, key in one.links if name[-1] == "<"]
        return {
            "id": one.id, **short(one), "url": f"https://linear.app/acme/issue/{one.project}-{one.number}",
            "createdAt": one.created.replace("Z", ".000Z"), "updatedAt": one.updated.replace("Z", ".000Z"),
            "priorityLabel": one.priority or "No priority", "state": {"name": one.state, "type": STATES[one.state]},
            "team": {"key": one.project}, "creator": {"displayName": PEOPLE.get(one.author, one.author)},
            "assignee": {"id": one.assignee, "displayName": PEOPLE[one.assignee]} if one.assignee else None,
            "labels": {"nodes": [{"name": name} for name in one.labels]}, "projectMilestone": None,
            "estimate": one.custom.get("estimate"), "description": one.body,
            "parent": next((short(issue) for issue in others("parent")), None),
            "children": {"nodes": [short(issue) for issue in others("child")]},
            "relations": {"nodes": [{"type": kind, "relatedIssue": short(self.find(key))} for kind, key in relations]},
            "inverseRelations": {"nodes": [{"type": kind, "issue": short(self.find(key))} for kind, key in inverse]},
            "attachments": {"nodes": [{"title": url, "url": url} for name, url in one.links if name == "url"]},
        }  # fmt: skip
