"""The vendors' servers as one process, and the surroundings of calls to one of them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.tickets import Place
from tests.support.trackers import azure, github, gitlab, jira, linear

ROOT = Path(__file__).parents[2]
LIMIT_S = 30
SECRETS = {
    "github": github.TOKEN, "gitlab": gitlab.TOKEN, "jira": jira.TOKEN, "jira-dc": jira.TOKEN, "linear": linear.TOKEN,
    "azure": azure.TOKEN,
}  # fmt: skip
PROJECTS = {
    "github": ("acme/shop", "acme/big"), "gitlab": ("acme/shop", "acme/big"), "jira": ("PAY", "BIG"), "jira-dc": ("PAY", "BIG"),
    "linear": ("ENG", "BIG"), "azure": ("Shop", "Big"),
}  # fmt: skip


class Server:
    """One vendor's server."""

    def __init__(self, vendor: str, url: str) -> None:
        self.vendor, self.url = vendor, url
        self.small, self.big = PROJECTS[vendor]

    def key(self, number: int, project: str = "") -> str:
        """As the tools take it."""
        sign = "#" if self.vendor in ("github", "gitlab", "azure") else "-"
        return f"{project or self.small}{sign}{number}"

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """What goes wrong next: ``on`` is looked for in method, path and body of a request."""
        self._post("faults", [{"times": 1, "on": ".", **one} for one in faults])

    def reset(self) -> None:
        self._post("reset", {})

    def edit(self, number: int, **fields: Any) -> None:
        """Change an issue as somebody else would."""
        self._post("edit", {"number": number, "set": fields})

    def add(self, count: int, **fields: Any) -> None:
        """So many issues more in the small project, made just now."""
        self._post("add", {"count": count, "set": fields})

    def issues(self) -> dict[str, dict[str, Any]]:
        """The small project as the server has it, by ``project/number``."""
        return self._post("state", {})["issues"]

    def issue(self, number: int) -> dict[str, Any]:
        return self.issues()[f"{self.small}/{number}"]

    def seen(self) -> list[str]:
        """What was asked, in order."""
        return [one["line"] for one in self._post("state", {})["seen"]]

    def place(self, folder: Path, *, timeout_s: float = 20, **more: Any) -> Place:
        """The surroundings of a call to it."""
        tracker: dict[str, Any] = {
            "type": self.vendor, "projects": [self.small, self.big], "secret": "the-token", "timeout_s": timeout_s,
            "url": f"{self.url}/fabrikam" if self.vendor == "azure" else self.url,
        }  # fmt: skip
        if self.vendor == "jira":
            tracker["user"] = jira.USER
        if self.vendor.startswith("jira"):
            tracker["fields"] = {"points": "customfield_10016"}
        if self.vendor == "azure":
            tracker["fields"] = {"points": "Microsoft.VSTS.Scheduling.StoryPoints"}
        settings = {"data": str(folder / "data"), "trackers": {"team": {**tracker, **more}}}
        return Place(str(folder), settings, secrets={"the-token": SECRETS[self.vendor]})

    def _post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}/-/{path}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return json.load(answer)


@contextmanager
def tracker_servers() -> Generator[dict[str, Server]]:
    """All of them; they end with the block."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "extensions")])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.trackers"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        urls: dict[str, str] = json.loads(process.stdout.readline())
        yield {vendor: Server(vendor, url) for vendor, url in urls.items()}
    finally:
        process.stdin.close()
        process.wait(LIMIT_S)
        process.stdout.close()
