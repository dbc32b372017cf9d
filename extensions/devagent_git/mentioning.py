"""The ticket that a session works on, in the messages of its commits: as a trailer, where they do not name it."""

import re
from collections.abc import Mapping
from typing import Any

from devagent_git.contract import Surroundings

_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*|\s+\S.*")


def ticket_of(here: Surroundings) -> str:
    """The ticket that the host names; empty for none."""
    return str(getattr(here, "ticket", "") or "")


def mentioning(message: str, ticket: str) -> str:
    """The message with the ticket in it: as it is where it names it, else with a trailer ``Ticket: PAY-17``."""
    if not ticket or not message.strip() or _is_named(message, ticket):
        return message
    text = message.rstrip()
    last = text.rpartition("\n\n")[2] if "\n\n" in text else ""
    lines = last.splitlines()
    has_trailers = bool(lines) and all(map(_TRAILER.fullmatch, lines)) and ": " in lines[0]
    return f"{text}\n{'' if has_trailers else chr(10)}Ticket: {ticket}\n"


def preview(tool: str, args: Mapping[str, Any], here: Surroundings) -> str:
    """For whoever is asked: what a commit's message is given beside what the call says. Empty for all else."""
    message, ticket = args.get("message", ""), ticket_of(here)
    if tool != "commit" or not isinstance(message, str) or mentioning(message, ticket) == message:
        return ""
    return f"The message is given the line: Ticket: {ticket}"


def _is_named(message: str, ticket: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(ticket)}(?!\w)", message, re.IGNORECASE) is not None
