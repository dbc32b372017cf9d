"""What a person does with trackers: see them, take tickets in and out, look for one.

Plain functions that give plain data; ``devagent tickets`` and ``devagent-tickets`` print it.
"""

import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from devagent_tickets import exchange, tools
from devagent_tickets.contract import Surroundings, TicketsError
from devagent_tickets.keys import find_project
from devagent_tickets.settings import Tracker, data_folder, read_trackers
from devagent_tickets.store import opened


class Standing(Struct, frozen=True):
    """A tracker: how many tickets are kept here of it, and whether a secret is missing."""

    tracker: Tracker
    kept: int
    fault: str


def status(here: Surroundings) -> list[Standing]:
    """How all trackers stand; no server is asked. Raises TicketsError."""
    faults = [hint for _, _, hint in tools.checks(here)]
    found: list[Standing] = []
    for tracker, fault in zip(read_trackers(here.settings).values(), faults, strict=True):
        with opened(data_folder(here.settings), tracker.name) as store:
            (kept,) = store.connection.execute("select count(*) from tickets").fetchone()
        found.append(Standing(tracker, kept, fault))
    return found


def search(here: Surroundings, **asked: Any) -> Mapping[str, Any]:
    """As the tool searches. Raises TicketsError."""
    return tools.search(here, **asked)


def show(here: Surroundings, key: str) -> Mapping[str, Any]:
    """As the tool shows a ticket. Raises TicketsError."""
    return tools.get(here, key=key)


def take_in(here: Surroundings, project: str, path: str) -> tuple[str, int, int]:
    """Import into a local project: its name, how many are new, how many replaced. Raises TicketsError."""
    tracker, name = _local(here, project)
    wholes = list(exchange.read_all(path))
    with opened(data_folder(here.settings), tracker.name) as store:
        new, replaced = exchange.take_in(store, tracker, name, wholes)
    return name, new, replaced


def give_out(here: Surroundings, project: str, path: str, *, markdown: bool) -> int:
    """Export a local project: JSON lines into a new file, or Markdown files into a folder. Raises TicketsError."""
    tracker, name = _local(here, project)
    count = 0
    try:
        with opened(data_folder(here.settings), tracker.name) as store:
            if markdown:
                os.makedirs(path, exist_ok=True)
                for whole in exchange.exported(store, name):
                    place = os.path.join(path, f"{whole.ticket.key}.md")
                    with open(place, "w", encoding="utf-8") as file:
                        file.write(exchange.to_markdown(whole))
                    count += 1
                return count
            with open(path, "x", encoding="utf-8") as file:
                for whole in exchange.exported(store, name):
                    file.write(exchange.to_json(whole) + "\n")
                    count += 1
    except OSError as error:
        raise TicketsError(
            f"{path} cannot be written ({error.strerror}).", error="bad_arguments"
        ) from error
    return count


def _local(here: Surroundings, project: str) -> tuple[Tracker, str]:
    tracker, name = find_project(here.settings, project)
    if not tracker.is_local:
        raise TicketsError(
            f"{name} is kept at {tracker.host}: only a local project is taken in and out.",
            error="unsupported",
        )
    return tracker, name
