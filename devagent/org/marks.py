"""High-water marks: how far this machine has come, kept outside the cache so that losing the cache loses nothing.

A mark of a role holds as long as the role has the keys that it was taken under: after a compromise an organisation gives
the role new keys, and may count lower again than the thief did (fast-forward recovery, TUF 5.3.11).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, ValidationError, convert

from devagent.core.codec import canonical, parse
from devagent.org.refusals import Refused
from devagent.org.trusted import Trusted

FILE = "org-marks.json"


class Mark(Struct, frozen=True):
    """A role's version, and what names its keys (``Role.fingerprint``); "" for any keys."""

    version: int
    keys: str = ""


class Marks(Struct, frozen=True):
    """``roles`` by name; ``time``: the latest moment (s) that signed data or the own record has shown."""

    roles: dict[str, Mark] = {}
    time: int = 0


def of(trusted: Trusted) -> Marks:
    """The marks of a verified state."""
    roles = {one.role.name: Mark(one.version, one.role.fingerprint) for one in trusted.every()}
    # The root's keys change with it, and its version only rises.
    roles["root"] = Mark(trusted.root.version)
    return Marks(roles, trusted.issued)


def of_pin(at_least: Mapping[str, int]) -> Marks:
    return Marks({name: Mark(version) for name, version in at_least.items()})


def check(trusted: Trusted, marks: Iterable[Marks]) -> None:
    """Raises Refused where the state is older than any of the marks."""
    for one in trusted.every():
        for known in marks:
            mark = known.roles.get(one.role.name)
            if mark and mark.keys in ("", one.role.fingerprint) and one.version < mark.version:
                raise Refused(
                    "rollback",
                    f"{one.role.name} has version {one.version}, and {mark.version} was here already",
                )


def together(every: Iterable[Marks]) -> Marks:
    """The highest of each role, whichever keys it has: what a machine writes down, the newest keys first."""
    roles: dict[str, Mark] = {}
    time = 0
    for marks in every:
        time = max(time, marks.time)
        for name, mark in marks.roles.items():
            known = roles.get(name)
            if known is None or (known.keys == mark.keys and mark.version > known.version):
                roles[name] = mark
    return Marks(roles, time)


def written(marks: Marks) -> bytes:
    return canonical(marks) + b"\n"


def read(data: bytes | str) -> Marks:
    """Raises Refused."""
    try:
        value: Any = parse(data)
        return convert(value, Marks)
    except (ValueError, ValidationError) as e:
        raise Refused("pin", f"its marks are not readable ({e})") from e
