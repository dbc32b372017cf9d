"""GitHub's REST interface for issues, as docs.github.com publishes it (version 2022-11-28)."""

import re
from typing import Any
from urllib.parse import unquote

from tests.support.trackers.kit import Issue, Refused, Reply, Request, Table, Vendor, World, page_of

TOKEN = "ghp_test_token_of_the_fake"
_ISSUES = re.compile(
    r"/repos/([^/]+/[^/]+)/issues(?:/(\d+))?(?:/(comments|labels|dependencies/blocked_by|dependencies/blocking|sub_issues))?(?:/([^/]+))?$"
)
_DOCS = "https://docs.github.com/rest"


def missing() -> Refused:
    return Refused(404, {"message": "Not Found", "documentation_url": _DOCS, "status": "404"})


def invalid(field: str) -> Refused:
    errors = [{"resource": "Issue", "field": field, "code": "invalid"}]
    return Refused(
        422, {"message": "Validation Failed", "errors": errors, "documentation_url": _DOCS}
    )


class GitHub(Vendor):
    people = ("ana", "bob")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(
            "acme/shop", "acme/big", lambda text: text, closed="closed", opened="open"
        )
        self.world.add("acme/shop", "A pull request", "Not an issue.", type="pull")

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {"message": "Bad credentials", "documentation_url": _DOCS})
        if "user-agent" not in request.headers:
            raise Refused(403, {"message": "Request forbidden by administrative rules."})
        path = request.path
        if path == "/user":
            return Reply(200, {"login": "ana", "id": 1})
        if path == "/search/issues":
            return self.search(request)
        if found := re.fullmatch(r"/repos/[^/]+/[^/]+/assignees/([^/]+)", path):
            if unquote(found[1]) not in self.people:
                raise missing()
            return Reply(204)
        match = _ISSUES.fullmatch(unquote(path))
        if match is None or match[1] not in self.world.projects:
            raise missing()
        project, number, part, rest = match.groups()
        if number is None:
            return (
                self.listed(project, request)
                if request.method == "GET"
                else self.created(project, request)
            )
        issue = self.world.find(project, number)
        if issue is None:
            raise missing()
        if part is None:
            return self.one(issue, request)
        return self.part(issue, part, rest, request)

    def listed(self, project: str, request: Request) -> Reply:
        query = request.query
        found = self.world.newest_first(project)
        if (state := query.get("state", "open")) != "all":
            found = [one for one in found if one.state == state]
        if who := query.get("assignee"):
            found = [
                one for one in found if (one.assignee == who if who != "none" else not one.assignee)
            ]
        if labels := query.get("labels"):
            found = [one for one in found if set(labels.split(",")) <= set(one.labels)]
        if creator := query.get("creator"):
            found = [one for one in found if one.author == creator]
        if since := query.get("since"):
            found = [one for one in found if one.updated >= since]
        return self.paged(found, request)

    def paged(self, found: list[Issue], request: Request) -> Reply:
        shown, page, pages = page_of(found, request, "per_page", "page")
        links = (
            f'<https://api.github.com{request.path}?page={page + 1}>; rel="next"'
            if page < pages
            else ""
        )
        return Reply(200, [self.plain(one) for one in shown], {"Link": links} if links else {})

    def search(self, request: Request) -> Reply:
        words = re.findall(r'[a-z]+:"[^"]*"|\S+', request.query["q"])
        project = ""
        terms: list[str] = []
        found: list[Issue] = []
        for word in words:
            if word.startswith("repo:"):
                project = word[5:]
        if project not in self.world.projects:
            raise Refused(
                422,
                {
                    "message": "Validation Failed",
                    "errors": [{"message": "The listed users and repositories cannot be searched"}],
                },
            )
        found = [one for one in self.world.newest_first(project) if one.type != "pull"]
        for word in words:
            name, _, value = word.partition(":")
            match name if value else "":
                case "repo":
                    pass
                case "is":
                    found = [one for one in found if value in ("issue", one.state)]
                case "assignee":
                    found = [one for one in found if one.assignee == value]
                case "no":
                    found = [one for one in found if not one.assignee]
                case "label":
                    found = [one for one in found if value.strip('"') in one.labels]
                case _:
                    terms.append(word.lower())
        found = [one for one in found if all(t in f"{one.title} {one.body}".lower() for t in terms)]
        shown, _, _ = page_of(found, request, "per_page", "page")
        return Reply(
            200,
            {
                "total_count": len(found),
                "incomplete_results": False,
                "items": [self.plain(one) for one in shown],
            },
        )

    def created(self, project: str, request: Request) -> Reply:
        body: Table = request.body
        if not body.get("title") or set(body) - {
            "title",
            "body",
            "labels",
            "assignees",
            "type",
            "milestone",
        }:
            raise invalid("title")
        issue = self.world.add(
            project, body["title"], body.get("body"), labels=list(body.get("labels", [])), author="ana", state="open",
            created=self.world.now(), updated=self.world.now(),
        )  # fmt: skip
        return Reply(201, self.plain(issue), {"Location": self.plain(issue)["url"]})

    def one(self, issue: Issue, request: Request) -> Reply:
        if request.method == "GET":
            etag = f'W/"{issue.id}-{issue.rev}"'
            if request.headers.get("if-none-match") == etag:
                return Reply(304, None, {"ETag": etag})
            return Reply(200, self.plain(issue), {"ETag": etag})
        body: Table = request.body
        if unknown := set(body) - {
            "title",
            "body",
            "state",
            "state_reason",
            "labels",
            "assignees",
            "milestone",
        }:
            raise invalid(sorted(unknown)[0])
        if body.get("state", "open") not in ("open", "closed"):
            raise invalid("state")
        issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body)
        if "state" in body:
            issue.state, issue.reason = body["state"], body.get("state_reason") or ""
        if "assignees" in body:
            issue.assignee = next(iter(body["assignees"]), "")
        self.world.touch(issue)
        return Reply(200, self.plain(issue))

    def part(self, issue: Issue, part: str, rest: str | None, request: Request) -> Reply:
        world = self.world
        if part == "comments":
            if request.method == "GET":
                found = [
                    c for c in issue.comments if c["created"] >= request.query.get("since", "")
                ]
                per, page = (
                    int(request.query.get("per_page", "30")),
                    int(request.query.get("page", "1")),
                )
                shown = [self.comment(issue, c) for c in found[(page - 1) * per : page * per]]
                more = {"Link": '<x>; rel="next"'} if page * per < len(found) else {}
                return Reply(200, shown, more)
            if not request.body.get("body"):
                raise invalid("body")
            comment: Table = {
                "id": int(world.next_id()),
                "text": request.body["body"],
                "author": "ana",
                "created": world.now(),
            }
            issue.comments.append(comment)
            world.touch(issue)
            return Reply(201, self.comment(issue, comment))
        if part == "labels":
            if request.method == "DELETE":
                if rest not in issue.labels:
                    raise Refused(404, {"message": "Label does not exist"})
                issue.labels.remove(rest)
            else:
                issue.labels = list(dict.fromkeys([*issue.labels, *request.body["labels"]]))
            world.touch(issue)
            return Reply(200, [{"name": one} for one in issue.labels])
        kind = {
            "dependencies/blocked_by": "blocked_by",
            "dependencies/blocking": "blocks",
            "sub_issues": "child",
        }[part]
        if request.method == "GET":
            others = [self.by_id(key) for name, key in issue.links if name == kind]
            return Reply(200, [self.plain(one) for one in others])
        other = self.by_id(
            str(request.body["sub_issue_id" if part == "sub_issues" else "issue_id"])
        )
        back = {"blocked_by": "blocks", "child": "parent"}[kind]
        if (kind, other.id) in issue.links:
            raise Refused(
                422, {"message": "Validation Failed", "errors": ["Issue dependency already exists"]}
            )
        issue.links.append((kind, other.id))
        other.links.append((back, issue.id))
        return Reply(201, self.plain(issue))

    def by_id(self, key: str) -> Issue:
        for found in self.world.projects.values():
            for one in found.values():
                if one.id == key:
                    return one
        raise missing()

    def comment(self, issue: Issue, one: Table) -> Table:
        url = f"https://github.com/{issue.project}/issues/{issue.number}#issuecomment-{one['id']}"
        return {"id": one["id"], "body": one["text"], "user": {"login": one["author"]}, "created_at": one["created"],
                "updated_at": one["created"], "html_url": url}  # fmt: skip

    def plain(self, one: Issue) -> dict[str, Any]:
        kind = "pull" if one.type == "pull" else "issues"
        plain: Table = {
            "id": int(one.id), "number": one.number, "title": one.title, "body": one.body, "state": one.state,
            "state_reason": one.reason or None, "user": {"login": one.author}, "labels": [{"id": 1, "name": n} for n in one.labels],
            "assignee": {"login": one.assignee} if one.assignee else None,
            "assignees": [{"login": one.assignee}] if one.assignee else [], "milestone": None, "comments": len(one.comments),
            "created_at": one.created, "updated_at": one.updated,
            "url": f"https://api.github.com/repos/{one.project}/issues/{one.number}",
            "html_url": f"https://github.com/{one.project}/{kind}/{one.number}",
            "repository_url": f"https://api.github.com/repos/{one.project}",
        }  # fmt: skip
        return {**plain, "pull_request": {"url": plain["url"]}} if one.type == "pull" else plain
