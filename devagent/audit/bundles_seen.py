"""How far this machine's own record says that it has come with an organisation's bundles: marks that no cache holds."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from msgspec import Struct

from devagent.audit.layout import EVENTS, newest_first, started_at
from devagent.core.codec import parse
from devagent.core.errors import LogError
from devagent.policy.plain import is_table

SESSIONS = 5
"""So many of the newest sessions are looked at: some never got as far as a policy."""
LINES = 40
_MOST_BYTES = 1 << 20
_KIND = b'"type":"bundle.in_force"'


class Seen(Struct, frozen=True):
    """What one session stood on: versions and keys by role (``core.events.BundleInForce``), and the latest moment (s)."""

    versions: dict[str, int]
    keys: dict[str, str]
    time: int


def bundles_seen(sessions: str, org: str, environment: str) -> Iterator[Seen]:
    """Of the newest sessions; their ids say when they began, whatever the clock says now."""
    try:
        folders = list(islice(newest_first(sessions), SESSIONS))
    except LogError:
        return  # it cannot be listed: the session that is to begin says so itself
    for folder in folders:
        began = started_at(os.path.basename(folder)) // 1000
        yield _seen(folder, org, environment, began) or Seen({}, {}, began)


def _seen(folder: str, org: str, environment: str, began: int) -> Seen | None:
    try:
        with open(os.path.join(folder, EVENTS), "rb") as file:
            for line in islice(file, LINES):
                if len(line) < _MOST_BYTES and _KIND in line:
                    return _of(parse(line), org, environment, began)
    except (OSError, ValueError):
        return None
    return None


def _of(header: Any, org: str, environment: str, began: int) -> Seen | None:
    match header:
        case {
            "type": "bundle.in_force",
            "org": str(named),
            "environment": str(where),
            "issued": int(issued),
            "versions": versions,
            "keys": keys,
        } if (named, where) == (org, environment) and is_table(versions) and is_table(keys):
            return Seen(
                {
                    str(role): version
                    for role, version in versions.items()
                    if isinstance(version, int)
                },
                {role: str(key) for role, key in keys.items()},
                max(issued, began),
            )
        case _:
            return None
