"""Azure Boards' REST interface, as learn.microsoft.com publishes it (7.1): WIQL, batches, JSON patches, comments."""

import base64
import re
from typing import Any
from urllib.parse import unquote

from tests.support.trackers.kit import Issue, Refused, Reply, Request, Table, Vendor, World

TOKEN = "azure-test-token-of-the-fake"
PEOPLE = {"ana@acme.example": "Ana Lee", "bob@acme.example": "Bob Roe"}
STATES = ("New", "Active", "Done", "Removed")
_ORG = "/fabrikam"


def refused(status: int, message: str, kind: str = "VssServiceException") -> Refused:
    return Refused(
        status,
        {
            "$id": "1",
            "innerException": None,
            "message": message,
            "typeKey": kind,
            "errorCode": 0,
            "eventId": 3000,
        },
    )


class Azure(Vendor):
    def __init__(self) -> None:
        super().__init__()
        self.world = World("Shop", "Big", self.html, closed="Done", opened="New")

    def html(self, markdown: str) -> str:
        """The first work items' texts, as the web editor writes them."""
        text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", markdown)
        first, _, rest = text.partition("\n\n")
        items = "".join(f"<li>{line[2:]}</li>" for line in rest.split("\n") if line)
        return f"<div>{first}</div>" + (f"<ul>{items}</ul>" if items else "")

    def answer(self, request: Request) -> Reply:
        if (
            request.headers.get("authorization")
            != f"Basic {base64.b64encode(f':{TOKEN}'.encode()).decode()}"
        ):
            raise Refused(203, None)  # the page to sign in at
        path = unquote(request.path)
        if path == f"{_ORG}/_apis/connectionData":
            account = {"$type": "System.String", "$value": "ana@acme.example"}
            return Reply(
                200,
                {
                    "authenticatedUser": {
                        "id": "1",
                        "providerDisplayName": "Ana Lee",
                        "properties": {"Account": account},
                    }
                },
            )
        match = re.fullmatch(rf"{_ORG}/(\w+)/_apis/wit/(\w+)(?:/(\$?\w+))?(?:/(comments))?", path)
        if match is None or match[1] not in self.world.projects:
            raise refused(
                404,
                "TF200016: The following project does not exist.",
                "ProjectDoesNotExistWithNameException",
            )
        version = request.query.get("api-version")
        if version != ("7.1-preview.4" if match[4] else "7.1"):
            raise refused(
                400,
                "A preview version of the API must be asked for.",
                "VssInvalidPreviewVersionException",
            )
        project, part, key = match[1], match[2].lower(), match[3]
        if part == "wiql":
            return self.wiql(project, request)
        if part == "workitemsbatch":
            return self.batch(project, request.body)
        if part != "workitems":
            raise refused(404, "no such route")
        if key.startswith("$"):
            return self.created(project, key[1:], request)
        issue = self.world.find(project, key)
        if issue is None:
            raise refused(
                404,
                f"TF401232: Work item {key} does not exist, or you do not have permissions to read it.",
                "WorkItemUnauthorizedAccessException",
            )
        if match[4]:
            return self.comments(issue, request)
        return self.one(issue, request)

    def wiql(self, project: str, request: Request) -> Reply:
        where, _, order = (
            request.body["query"]
            .removeprefix("SELECT [System.Id] FROM WorkItems WHERE ")
            .partition(" ORDER BY ")
        )
        if order not in ("[System.ChangedDate] DESC", "[System.CreatedDate] DESC"):
            raise refused(400, f"TF51006: The query statement is missing a clause: {order}")
        found = self.world.newest_first(project)
        for condition in re.split(r" AND (?=(?:[^']*'[^']*')*[^']*$)", where):
            found = [one for one in found if self.fits(one, condition)]
        most = int(request.query.get("$top", "200"))
        if most > 20_000:
            raise refused(
                400, "VS402337: The number of work items returned exceeds the size limit of 20000."
            )
        return Reply(
            200,
            {
                "queryType": "flat",
                "workItems": [{"id": one.number, "url": "…"} for one in found[:most]],
            },
        )

    def fits(self, one: Issue, condition: str) -> bool:
        words = [word.replace("''", "'") for word in re.findall(r"'((?:[^']|'')*)'", condition)]
        match condition:
            case "[System.TeamProject] = @project":
                return True
            case "[System.AssignedTo] = @Me":
                return one.assignee == "ana@acme.example"
            case "[System.AssignedTo] = ''":
                return not one.assignee
            case "[System.CreatedBy] = @Me":
                return one.author == "ana@acme.example"
            case "[System.CreatedDate] >= @Today - 1":
                return True
            case _:
                pass
        if condition.startswith("([System.Title] CONTAINS"):
            return words[0].lower() in f"{one.title} {one.body}".lower()
        name, sign = condition.split()[0], " ".join(condition.split()[1:3])
        if name == "[System.State]" and sign.startswith(("IN", "NOT IN")):
            return (one.state in words) == sign.startswith("IN")
        value = {
            "[System.State]": one.state,
            "[System.AssignedTo]": PEOPLE.get(one.assignee, ""),
            "[System.Title]": one.title,
        }.get(name)
        if value is not None:
            return value.lower() == words[0].lower()
        if name == "[System.Tags]":
            return words[0] in one.labels
        raise refused(400, f"TF51005: The query references a field that does not exist: {name}")

    def batch(self, project: str, body: Table) -> Reply:
        if len(body["ids"]) > 200:
            raise refused(400, "VS403474: You requested more than the 200 work items allowed.")
        found = [self.world.find(project, str(key)) for key in body["ids"]]
        return Reply(
            200,
            {
                "count": len(found),
                "value": [self.plain(one, body["fields"]) if one else None for one in found],
            },
        )

    def created(self, project: str, kind: str, request: Request) -> Reply:
        if kind not in ("Task", "Bug", "Issue"):
            raise refused(
                404, f"VS402323: Work item type {kind} does not exist in project {project}."
            )
        issue = self.world.add(
            project,
            "",
            "",
            state="New",
            author="ana@acme.example",
            type=kind,
            created=self.world.now(),
            updated=self.world.now(),
        )
        try:
            self.patched(issue, request)
        except Refused:
            del self.world.projects[project][issue.number]
            raise
        return Reply(200, self.plain(issue))

    def patched(self, issue: Issue, request: Request) -> None:
        if request.headers.get("content-type") != "application/json-patch+json":
            raise refused(415, "The request indicated a Content-Type that is not supported.")
        for change in request.body:
            path, value = change["path"], change["value"]
            if change["op"] == "test":
                if value != issue.rev:
                    raise refused(
                        412,
                        "VS403443: The test operation failed: the work item has been changed.",
                        "TestPatchOperationFailedException",
                    )
                continue
            if path == "/relations/-":
                link = (value["rel"], value["url"])
                if link in issue.links:
                    raise refused(400, "TF201035: Relation already exists.")
                issue.links.append(link)
                if value["rel"].startswith("System.LinkTypes."):
                    base, _, way = str(value["rel"]).partition("-")
                    back = {"Forward": f"{base}-Reverse", "Reverse": f"{base}-Forward"}.get(
                        way, base
                    )
                    other = self.world.find(issue.project, value["url"].rpartition("/")[2])
                    if other is None:
                        raise refused(400, "TF401232: Work item does not exist.")
                    other.links.append(
                        (back, f"https://dev.azure.com/fabrikam/_apis/wit/workItems/{issue.number}")
                    )
                continue
            match path.removeprefix("/fields/"):
                case "System.Title":
                    issue.title = value
                case "System.Description":
                    issue.body = value
                case "System.Tags":
                    issue.labels = [one for one in value.split("; ") if one]
                case "System.State":
                    if value not in STATES:
                        raise refused(
                            400,
                            f"The field 'State' contains the value '{value}' that is not in the list of supported values",
                        )
                    issue.state = value
                case "System.AssignedTo":
                    known = {name.lower(): key for key, name in PEOPLE.items()} | {
                        key: key for key in PEOPLE
                    }
                    if value and value.lower() not in known:
                        raise refused(
                            400,
                            f"The identity value '{value}' for field 'Assigned To' is an unknown identity.",
                        )
                    issue.assignee = known[value.lower()] if value else ""
                case "Microsoft.VSTS.Common.Priority":
                    issue.priority = str(value)
                case "Microsoft.VSTS.Scheduling.StoryPoints" as name:
                    issue.custom[name] = value
                case name:
                    raise refused(400, f"TF51535: Cannot find field {name}.")

    def one(self, issue: Issue, request: Request) -> Reply:
        if request.method == "PATCH":
            self.patched(issue, request)
            self.world.touch(issue)
        return Reply(200, self.plain(issue))

    def comments(self, issue: Issue, request: Request) -> Reply:
        if request.method == "POST":
            one: Table = {
                "id": int(self.world.next_id()),
                "text": request.body["text"],
                "author": "ana@acme.example",
                "created": self.world.now(),
            }
            issue.comments.append(one)
            self.world.touch(issue)
            return Reply(200, self.comment(issue, one))
        found = list(issue.comments)
        if request.query.get("order", "desc") == "desc":
            found.reverse()
        start, size = (
            int(request.query.get("continuationToken", "0")),
            int(request.query.get("$top", "20")),
        )
        reply: Table = {
            "totalCount": len(found),
            "count": size,
            "comments": [self.comment(issue, one) for one in found[start : start + size]],
        }
        if start + size < len(found):
            reply["continuationToken"] = str(start + size)
        return Reply(200, reply)

    def comment(self, issue: Issue, one: Table) -> Table:
        return {"workItemId": issue.number, "id": one["id"], "text": one["text"], "createdBy": self.person(one["author"]),
                "createdDate": one["created"].replace("Z", ".57Z")}  # fmt: skip

    def person(self, key: str) -> Table:
        return {"displayName": PEOPLE.get(key, key), "uniqueName": key, "id": f"id-{key}"}

    def plain(self, one: Issue, wanted: list[str] | None = None) -> dict[str, Any]:
        fields: Table = {
            "System.Id": one.number, "System.TeamProject": one.project, "System.Title": one.title, "System.State": one.state,
            "System.WorkItemType": one.type or "Task", "System.CreatedBy": self.person(one.author),
            "System.CreatedDate": one.created.replace("Z", ".123Z"), "System.ChangedDate": one.updated,
            "System.IterationPath": f"{one.project}\\Sprint 1", "Microsoft.VSTS.Common.Priority": int(one.priority or 2), **one.custom,
        }  # fmt: skip
        if one.body:
            fields["System.Description"] = one.body
        if one.labels:
            fields["System.Tags"] = "; ".join(one.labels)
        if one.assignee:
            fields["System.AssignedTo"] = self.person(one.assignee)
        if wanted is not None:
            return {
                "id": one.number,
                "rev": one.rev,
                "fields": {k: v for k, v in fields.items() if k in wanted},
            }
        relations: list[Table] = [
            {"rel": rel, "url": url, "attributes": {}} for rel, url in one.links
        ]
        return (
            {"id": one.number, "rev": one.rev, "fields": fields, "relations": relations}
            if relations
            else {"id": one.number, "rev": one.rev, "fields": fields}
        )
