"""Surroundings for calls of the tickets extension, and a local tracker with some tickets."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from devagent_tickets import tools


class Place(NamedTuple):
    """The surroundings of a call. ``refused``: by id and tags of a resource, whether policy forbids it."""

    folder: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = {}
    obligations: Mapping[str, Any] = {}
    time_limit_s: float = 30.0
    refused: Callable[[str, Sequence[str]], bool] = lambda resource, tags: False
    cancelled: threading.Event = threading.Event()

    def secret(self, name: str) -> str | None:
        return self.secrets.get(name)

    def may_read(self, resources: Sequence[Mapping[str, Any]]) -> list[bool]:
        """As the house answers."""
        return [not self.refused(one["id"], one["tags"]) for one in resources]


def local_place(folder: Path, *, projects: Sequence[str] = ("WORK",), **more: Any) -> Place:
    """A local tracker whose files lie in the folder."""
    tracker = {"type": "local", "projects": list(projects), "user": "ana"}
    return Place(str(folder), {"data": str(folder / "data"), "trackers": {"own": tracker}, **more})


def fill(here: Place) -> None:
    """Three tickets of WORK."""
    tools.create(
        here,
        project="WORK",
        title="Checkout fails on Safari",
        body="The pay button is dead.",
        labels=["bug"],
    )
    tools.create(
        here,
        project="WORK",
        title="Rotate the signing keys",
        body="Once a year.",
        labels=["security"],
    )
    tools.create(here, project="WORK", title="Write the release notes", body="For the checkout.")
    tools.assign(here, key="WORK-1", assignee="me")
    tools.transition(here, key="WORK-2", status="done")
