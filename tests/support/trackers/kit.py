"""What the trackers' servers have in common: a socket, faults, a record of what was asked, and the issues.

A vendor is a class with ``answer(Request) -> Reply``; it follows what the vendor publishes of its interface, and refuses what that
refuses. Standard library alone: the servers are a process of their own that starts at once.
"""

import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

Table = dict[str, Any]
BIG = 10_000
"""Issues of each vendor's big project."""
_DRIP_S = 0.05


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    status: int
    data: Any = None
    headers: dict[str, str] = field(default_factory=lambda: {})


class Refused(Exception):
    """The vendor's own error."""

    def __init__(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.reply = Reply(status, data, headers or {})


@dataclass
class Issue:
    """One issue; ``body`` and the comments' are in the vendor's own form."""

    project: str
    number: int
    title: str
    body: Any = None
    state: str = "open"
    reason: str = ""
    labels: list[str] = field(default_factory=lambda: [])
    assignee: str = ""
    author: str = "bob"
    type: str = ""
    priority: str = ""
    created: str = ""
    updated: str = ""
    comments: list[Table] = field(default_factory=lambda: [])
    links: list[tuple[str, str]] = field(default_factory=lambda: [])
    properties: Table = field(default_factory=lambda: {})
    custom: Table = field(default_factory=lambda: {})
    id: str = ""
    rev: int = 1
    confidential: bool = False


class World:
    """The issues of one vendor: a small project that is written in, and a big one."""

    def __init__(
        self, small: str, big: str, body: Callable[[str], Any], *, closed: str, opened: str
    ) -> None:
        self.projects: dict[str, dict[int, Issue]] = {small: {}, big: {}}
        self.small, self.big = small, big
        self._ids = 1000
        self.add(
            small,
            "Checkout fails on Safari",
            body("The **pay** button is dead.\n\n- open it\n- press it"),
            state=opened,
            labels=["bug"],
        )
        self.add(
            small,
            "Rotate the signing keys",
            body("Once a year."),
            state=closed,
            labels=["security"],
        )
        self.add(small, "Write the release notes", body("For the checkout."), state=opened)
        self.projects[big] = _big(self, body, closed, opened)

    def now(self) -> str:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def next_id(self) -> str:
        self._ids += 1
        return str(self._ids)

    def add(self, project: str, title: str, body: Any, **more: Any) -> Issue:
        issues = self.projects[project]
        number = len(issues) + 1
        minutes = divmod(number, 1440)
        when = f"2025-01-{minutes[0] + 1:02}T{minutes[1] // 60:02}:{minutes[1] % 60:02}:00Z"
        fields: Table = {"created": when, "updated": when, "id": self.next_id(), **more}
        issue = Issue(project, number, title, body, **fields)
        issues[number] = issue
        return issue

    def touch(self, issue: Issue) -> None:
        issue.updated, issue.rev = self.now(), issue.rev + 1

    def find(self, project: str, number: str) -> Issue | None:
        return self.projects.get(project, {}).get(int(number)) if number.isdigit() else None

    def newest_first(self, project: str) -> list[Issue]:
        return sorted(
            self.projects[project].values(), key=lambda one: (one.updated, one.number), reverse=True
        )


_made: dict[str, dict[int, Issue]] = {}


def _big(world: World, body: Callable[[str], Any], closed: str, opened: str) -> dict[int, Issue]:
    """Ten thousand issues, made once: nothing is written in that project."""
    name = f"{world.big} {opened} {body('x')!r}"
    if name not in _made:
        for number in range(BIG):
            world.add(
                world.big,
                f"Task {number} of the migration",
                body(f"Step {number}."),
                state=opened if number % 3 else closed,
            )
        _made[name] = world.projects[world.big]
    return _made[name]


class Vendor:
    """``prefix`` is where the interface begins; ``faults`` are what is to go wrong with the next requests."""

    world: World

    def text(self, markdown: str) -> Any:
        """A text in the server's form."""
        return markdown

    def __init__(self) -> None:
        self.faults: list[Table] = []
        self.seen: list[Table] = []
        self.lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def fault_for(self, request: Request) -> Table | None:
        """The first fault whose method and path fit, once more used."""
        line = f"{request.method} {request.path} {json.dumps(request.body)}"
        for fault in self.faults:
            if fault["times"] > 0 and re.search(fault["on"], line):
                fault["times"] -= 1
                return fault
        return None


def serve(vendor: Vendor) -> ThreadingHTTPServer:
    """A server on a free port of this machine; it runs in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """What was asked is recorded in ``seen``."""

        def handle_any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = {
                name: values[-1]
                for name, values in parse_qs(parts.query, keep_blank_values=True).items()
            }
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            # %2F in a path is a slash of a name (GitLab's projects): the vendors split before they decode.
            request = Request(self.command, parts.path, query, headers, body)
            if parts.path.startswith("/-/"):
                return self.control(request)
            with vendor.lock:
                vendor.seen.append(
                    {
                        "line": f"{request.method} {unquote(request.path)}",
                        "body": body,
                        "query": query,
                    }
                )
                fault = vendor.fault_for(request)
                if fault is None or fault.get("after") or fault["kind"] == "schema":
                    try:
                        reply = vendor.answer(request)
                    except Refused as refused:
                        reply = refused.reply
                else:
                    reply = Reply(200, {})
            return self.fail(fault, reply) if fault else self.send(reply)

        def control(self, request: Request) -> None:
            with vendor.lock:
                match request.path:
                    case "/-/faults":
                        vendor.faults = request.body
                        reply = Reply(200, {})
                    case "/-/state":
                        issues = {
                            f"{project}/{one.number}": {
                                "title": one.title, "state": one.state, "labels": one.labels, "assignee": one.assignee,
                                "comments": [c["text"] for c in one.comments], "links": one.links, "custom": one.custom,
                                "body": one.body,
                            }
                            for project, found in vendor.world.projects.items()
                            for one in found.values()
                            if project == vendor.world.small
                        }  # fmt: skip
                        reply = Reply(200, {"issues": issues, "seen": vendor.seen})
                    case "/-/edit":
                        issue = vendor.world.projects[vendor.world.small][request.body["number"]]
                        for name, value in request.body["set"].items():
                            setattr(issue, name, value)
                        vendor.world.touch(issue)
                        reply = Reply(200, {})
                    case "/-/add":
                        world, fields = vendor.world, dict(request.body["set"])
                        title, text = fields.pop("title"), fields.pop("body")
                        opened = world.projects[world.small][1].state
                        for _ in range(request.body["count"]):
                            now = world.now()
                            more = {"state": opened, "created": now, "updated": now, **fields}
                            world.add(world.small, title, vendor.text(text), **more)
                        reply = Reply(200, {})
                    case _:
                        vendor.__init__()
                        reply = Reply(200, {})
            self.send(reply)

        def send(self, reply: Reply) -> None:
            data = b"" if reply.data is None else json.dumps(reply.data).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def fail(self, fault: Table, reply: Reply) -> None:
            match fault["kind"]:
                case "status":
                    self.send(Reply(fault["status"], fault.get("data"), fault.get("headers", {})))
                case "drop":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                case "stall" | "drip":
                    data = json.dumps(reply.data).encode() or b"{}"
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data) + 1000))
                    self.end_headers()
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    self.connection.settimeout(_DRIP_S if fault["kind"] == "drip" else 60)
                    self.until_left(dripping=fault["kind"] == "drip")
                    self.close_connection = True
                case "html":
                    data = b"<html><body>Sign in</body></html>"
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                case "huge":
                    self.send_response(200)
                    self.send_header("Content-Length", str(64 << 20))
                    self.end_headers()
                    try:
                        for _ in range(64):
                            self.wfile.write(b" " * (1 << 20))
                    except OSError:
                        self.close_connection = True
                case "schema":
                    self.send(Reply(reply.status, changed(reply.data), reply.headers))
                case other:
                    raise ValueError(other)

        def until_left(self, *, dripping: bool) -> None:
            """Until the client closes its end; a byte now and then where it drips."""
            while True:
                try:
                    if not self.connection.recv(1):
                        return
                except TimeoutError:
                    if not dripping:
                        return
                    try:
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    except OSError:
                        return
                except OSError:
                    return

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def changed(data: Any) -> Any:
    """The same answer after somebody has changed the interface: names that were are not, texts are tables."""
    if isinstance(data, list):
        return {"items_v2": [changed(one) for one in cast("list[Any]", data)]}
    if isinstance(data, dict):
        return {f"{name}_v2": {"value": value} for name, value in cast("Table", data).items()}
    return {"value": data}


def page_of(
    found: list[Issue], request: Request, size: str, number: str
) -> tuple[list[Issue], int, int]:
    """Page by page from 1; (these, the page, how many pages)."""
    per, page = (
        min(100, int(request.query.get(size, "30"))),
        max(1, int(request.query.get(number, "1"))),
    )
    return found[(page - 1) * per : page * per], page, -(-len(found) // per)
