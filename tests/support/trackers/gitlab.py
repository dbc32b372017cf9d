"""GitLab's REST interface for issues, as docs.gitlab.com publishes it (v4)."""

import re
from typing import Any
from urllib.parse import unquote

from tests.support.trackers.kit import Issue, Refused, Reply, Request, Table, Vendor, World, page_of

TOKEN = "glpat-test-token-of-the-fake"
_PATH = re.compile(r"/api/v4/projects/([^/]+)/(issues|members/all)(?:/(\d+))?(?:/(notes|links))?$")
_EDITS = {
    "title",
    "description",
    "add_labels",
    "remove_labels",
    "state_event",
    "assignee_ids",
    "weight",
}
PEOPLE = {"ana": 1, "bob": 2, "bobby": 3}


class GitLab(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(
            "acme/shop", "acme/big", lambda text: text, closed="closed", opened="opened"
        )

    def answer(self, request: Request) -> Reply:
        if request.headers.get("private-token") != TOKEN:
            raise Refused(401, {"message": "401 Unauthorized"})
        if request.path == "/api/v4/user":
            return Reply(200, self.person("ana"))
        match = _PATH.fullmatch(request.path)
        project = unquote(match[1]) if match else ""
        if match is None or project not in self.world.projects:
            raise Refused(404, {"message": "404 Project Not Found"})
        if match[2] == "members/all":
            wanted = request.query.get("query", "").lower()
            return Reply(200, [self.person(name) for name in PEOPLE if wanted in name])
        if match[3] is None:
            return (
                self.listed(project, request)
                if request.method == "GET"
                else self.created(project, request)
            )
        issue = self.world.find(project, match[3])
        if issue is None:
            raise Refused(404, {"message": "404 Not found"})
        if match[4] == "notes":
            return self.notes(issue, request)
        if match[4] == "links":
            return self.links(issue, request)
        return self.one(issue, request)

    def listed(self, project: str, request: Request) -> Reply:
        query, found = request.query, self.world.newest_first(project)
        if (state := query.get("state", "all")) != "all":
            found = [one for one in found if one.state == state]
        if text := query.get("search", "").lower():
            found = [
                one
                for one in found
                if all(w in f"{one.title} {one.body}".lower() for w in text.split())
            ]
        if labels := query.get("labels"):
            found = [one for one in found if set(labels.split(",")) <= set(one.labels)]
        if query.get("assignee_id") == "None":
            found = [one for one in found if not one.assignee]
        if who := query.get("assignee_username") or (
            "ana" if query.get("scope") == "assigned_to_me" else ""
        ):
            found = [one for one in found if one.assignee == who]
        if query.get("scope") == "created_by_me":
            found = [one for one in found if one.author == "ana"]
        found = [one for one in found if one.created >= query.get("created_after", "")]
        shown, page, pages = page_of(found, request, "per_page", "page")
        headers = {"X-Next-Page": str(page + 1) if page < pages else "", "X-Page": str(page)}
        if len(found) <= 10_000:  # more are not counted
            headers["X-Total"] = str(len(found))
        return Reply(200, [self.plain(one) for one in shown], headers)

    def created(self, project: str, request: Request) -> Reply:
        body: Table = request.body
        if not body.get("title"):
            raise Refused(400, {"message": {"title": ["can't be blank"]}})
        if unknown := set(body) - {"title", "description", "labels", "issue_type", "weight"}:
            raise Refused(400, {"error": f"{sorted(unknown)[0]} is invalid"})
        issue = self.world.add(
            project, body["title"], body.get("description"), author="ana", state="opened",
            labels=[one for one in body.get("labels", "").split(",") if one], created=self.world.now(), updated=self.world.now(),
        )  # fmt: skip
        if "weight" in body:
            issue.custom["weight"] = body["weight"]
        return Reply(201, self.plain(issue))

    def one(self, issue: Issue, request: Request) -> Reply:
        if request.method == "GET":
            etag = f'W/"{issue.rev}{issue.id}"'
            if request.headers.get("if-none-match") == etag:
                return Reply(304, None, {"ETag": etag})
            return Reply(200, self.plain(issue), {"ETag": etag})
        body: Table = request.body
        if not body or set(body) - _EDITS:
            raise Refused(
                400,
                {
                    "error": "title, description … are missing, at least one parameter must be provided"
                },
            )
        issue.title, issue.body = (
            body.get("title", issue.title),
            body.get("description", issue.body),
        )
        labels = [*issue.labels, *[one for one in body.get("add_labels", "").split(",") if one]]
        gone = body.get("remove_labels", "").split(",")
        issue.labels = [one for one in dict.fromkeys(labels) if one not in gone]
        match body.get("state_event"):
            case "close":
                issue.state = "closed"
            case "reopen":
                issue.state = "opened"
            case None:
                pass
            case _:
                raise Refused(400, {"error": "state_event does not have a valid value"})
        if "assignee_ids" in body:
            ids = {number: name for name, number in PEOPLE.items()}
            issue.assignee = next((ids[one] for one in body["assignee_ids"] if one in ids), "")
        if "weight" in body:
            issue.custom["weight"] = body["weight"]
        self.world.touch(issue)
        return Reply(200, self.plain(issue))

    def notes(self, issue: Issue, request: Request) -> Reply:
        if request.method == "POST":
            if not request.body.get("body"):
                raise Refused(400, {"error": "body is missing"})
            note: Table = {
                "id": int(self.world.next_id()),
                "text": request.body["body"],
                "author": "ana",
                "created": self.world.now(),
            }
            issue.comments.append(note)
            self.world.touch(issue)
            return Reply(201, self.note(note))
        system: Table = {
            "id": 1,
            "text": "changed the description",
            "author": "bob",
            "created": issue.created,
            "system": True,
        }
        found = [system, *issue.comments]
        if request.query.get("sort") == "desc":
            found.reverse()
        per, page = int(request.query.get("per_page", "20")), int(request.query.get("page", "1"))
        headers = {"X-Next-Page": str(page + 1) if page * per < len(found) else ""}
        return Reply(200, [self.note(one) for one in found[(page - 1) * per : page * per]], headers)

    def links(self, issue: Issue, request: Request) -> Reply:
        if request.method == "GET":
            shown: list[Table] = []
            for kind, key in issue.links:
                other = self.world.projects[key.partition("#")[0]][int(key.partition("#")[2])]
                shown.append({**self.plain(other), "link_type": kind})
            return Reply(200, shown)
        body: Table = request.body
        other = self.world.find(str(body["target_project_id"]), str(body["target_issue_iid"]))
        kind = str(body.get("link_type", "relates_to"))
        if other is None:
            raise Refused(404, {"message": "404 Not found"})
        key = f"{other.project}#{other.number}"
        if any(name == key for _, name in issue.links):
            raise Refused(409, {"message": "Issue(s) already assigned"})
        back = {"blocks": "is_blocked_by", "is_blocked_by": "blocks"}.get(str(kind), str(kind))
        issue.links.append((kind, key))
        other.links.append((back, f"{issue.project}#{issue.number}"))
        return Reply(
            201,
            {
                "source_issue": self.plain(issue),
                "target_issue": self.plain(other),
                "link_type": kind,
            },
        )

    def person(self, name: str) -> Table:
        return {"id": PEOPLE[name], "username": name, "name": name.title()}

    def note(self, one: Table) -> Table:
        return {"id": one["id"], "body": one["text"], "author": self.person(one["author"]), "created_at": one["created"],
                "system": one.get("system", False)}  # fmt: skip

    def plain(self, one: Issue) -> dict[str, Any]:
        return {
            "id": int(one.id), "iid": one.number, "project_id": 7, "title": one.title, "description": one.body,
            "state": one.state, "labels": one.labels, "author": self.person(one.author), "issue_type": "issue",
            "assignees": [self.person(one.assignee)] if one.assignee else [], "confidential": one.confidential,
            "milestone": None, "created_at": one.created.replace("Z", ".123Z"), "updated_at": one.updated,
            "weight": one.custom.get("weight"), "web_url": f"https://gitlab.example/{one.project}/-/issues/{one.number}",
            "references": {"short": f"#{one.number}", "full": f"{one.project}#{one.number}"},
        }  # fmt: skip
