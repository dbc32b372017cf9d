"""Many machines' collected sessions, folded to where each stands with its organisation's policy."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

from msgspec import Struct

from devagent.audit.layout import DEVICE_KEY, started_at
from devagent.audit.reader import read_events
from devagent.audit.requests import session_folders
from devagent.core.errors import LogError
from devagent.core.events.ground import BundleInForce, BundleRevoked, BundleSynced, PolicyLocked
from devagent.core.events.session import SessionStarted


class Machine(Struct):
    """One device, by its newest sessions. ``state``: fresh, stale, locked, revoked or unknown; ``refused``: the code of
    what it refused last; ``at``: seconds since 1970."""

    name: str
    user: str = ""
    environment: str = ""
    ring: str = ""
    revision: int = 0
    state: str = "unknown"
    refused: str = ""
    why: str = ""
    at: int = 0


def fleet(roots: Sequence[str]) -> Iterator[Machine]:
    """Each device in the folders, by its newest session that says anything. Sessions that cannot be read are left out."""
    found: dict[str, Machine] = {}
    for root in roots:
        for folder in session_folders(root):
            with suppress(LogError):
                _take(folder, found)
    yield from sorted(found.values(), key=lambda machine: machine.name)


def _take(folder: str, found: dict[str, Machine]) -> None:
    name = _device(folder)
    at = started_at(os.path.basename(folder)) // 1000
    known = found.get(name)
    # The newest of a folder's sessions come first; one that says nothing leaves the word to those before it.
    if known is not None and known.at >= at and (known.state != "unknown" or known.refused):
        return
    machine = Machine(name, at=at)
    with closing(read_events(folder)) as events:
        for event in events:
            match event:
                case SessionStarted():
                    machine.user = str(event.principal)
                case BundleInForce():
                    machine.environment, machine.ring = event.environment, event.ring
                    machine.revision, machine.state, machine.why = (
                        event.revision,
                        event.state,
                        event.why,
                    )
                case BundleSynced():
                    machine.environment = event.environment
                    machine.refused, machine.why = event.err, event.reason
                    machine.revision = event.after
                    if event.err and not event.after:
                        machine.state = "locked"  # nothing is left in force
                case PolicyLocked():
                    machine.state, machine.why = "locked", event.reason
                case BundleRevoked():
                    machine.state, machine.why = "revoked", event.reason
                case _:
                    pass
    if machine.state != "unknown" or machine.refused or known is None:
        found[name] = machine


def _device(folder: str) -> str:
    try:
        with open(os.path.join(folder, DEVICE_KEY), encoding="utf-8") as file:
            return file.read(200).partition("+")[0].removeprefix("devagent/")
    except (OSError, UnicodeDecodeError):
        return "unknown device"
