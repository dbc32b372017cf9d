"""``python -m tests.support.trackers``: all vendors' servers in one process; prints their addresses, ends with its input."""

import json
import sys

from tests.support.trackers.azure import Azure
from tests.support.trackers.github import GitHub
from tests.support.trackers.gitlab import GitLab
from tests.support.trackers.jira import Jira
from tests.support.trackers.kit import Vendor, serve
from tests.support.trackers.linear import Linear


class DataCenter(Jira):
    def __init__(self) -> None:
        super().__init__(cloud=False)


VENDORS: dict[str, type[Vendor]] = {
    "github": GitHub, "gitlab": GitLab, "jira": Jira, "jira-dc": DataCenter, "linear": Linear, "azure": Azure,
}  # fmt: skip


def main() -> None:
    servers = {name: serve(kind()) for name, kind in VENDORS.items()}
    print(
        json.dumps(
            {name: f"http://127.0.0.1:{one.server_address[1]}" for name, one in servers.items()}
        ),
        flush=True,
    )
    sys.stdin.read()


if __name__ == "__main__":
    main()
