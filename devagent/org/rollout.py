"""``rings.json``: which bundle is for which machines of one environment; ``revocations.json``: what holds no longer.

A machine is in the first ring that takes it in: by name (``user:ana``, ``device:1f0e2a91``), or by a number that the
hash of organisation and device gives it, once and for all: who is within 5 percent stays within 20.
"""

import hashlib
from collections.abc import Collection
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert

from devagent.core.codec import canonical, parse
from devagent.org.refusals import Refused
from devagent.org.times import moment
from devagent.policy.plain import is_table

SCHEMA = 1
RINGS, REVOCATIONS = "rings.json", "revocations.json"

T = TypeVar("T", bound="Rings | Revocations")


class Ring(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``bundle`` and ``shadow`` are digests of archives; ``shadow`` is judged and logged beside it, and not enforced.
    ``since``: the moment that it holds from, or "" for now."""

    name: str
    bundle: str
    percent: float = 0
    allow: tuple[str, ...] = ()
    shadow: str = ""
    since: str = ""


class Rings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    org: str
    environment: str
    rings: tuple[Ring, ...]


class RevokedTool(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An extension, all of it or the one with this digest."""

    extension: str
    digest: str = ""
    why: str = ""


class Revocations(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """``bundles``: digests, ``keys``: ids, ``principals``: as rules name them; each with why."""

    schema: int
    org: str
    bundles: dict[str, str] = {}
    extensions: tuple[RevokedTool, ...] = ()
    keys: dict[str, str] = {}
    principals: dict[str, str] = {}


def written(value: Rings | Revocations) -> bytes:
    return canonical(value) + b"\n"


def rings_of(data: bytes, *, org: str, environment: str) -> Rings:
    """The rings. Raises Refused."""
    rings = _read(data, Rings, org, RINGS)
    if rings.environment != environment:
        raise Refused(
            "elsewhere", f"{RINGS} is for {rings.environment}, and this machine is in {environment}"
        )
    return rings


def revocations_of(data: bytes, *, org: str) -> Revocations:
    """The revocations. Raises Refused."""
    return _read(data, Revocations, org, REVOCATIONS)


def _read(data: bytes, kind: type[T], org: str, name: str) -> T:
    try:
        value: Any = parse(data)
    except ValueError as e:
        raise Refused("malformed", f"{name} is no JSON") from e
    schema = value.get("schema") if is_table(value) else None
    if type(schema) is not int or schema != SCHEMA:
        raise Refused("schema", f"{name} has schema {schema!r}, and {SCHEMA} is known")
    try:
        read = convert(value, kind)
    except ValidationError as e:
        raise Refused("schema", f"{name}: {e}") from e
    if read.org != org:
        raise Refused("elsewhere", f"{name} is of {read.org}, and this machine belongs to {org}")
    return read


def place(org: str, device: str) -> float:
    """Where a device stands among all of the organisation's: 0 to below 100, two digits behind the point."""
    hashed = hashlib.sha256(f"devagent/ring\n{org}\n{device}".encode()).digest()
    return int.from_bytes(hashed[:8]) % 10_000 / 100


def ring_for(rings: Rings, *, device: str, names: Collection[str], now: float) -> Ring:
    """The machine's ring. ``names``: of who runs it, as rules name them. Raises Refused."""
    known = {*names, f"device:{device}"}
    stands = place(rings.org, device)
    for ring in rings.rings:
        try:
            if ring.since and moment(ring.since) > now:
                continue
        except ValueError as e:
            raise Refused("malformed", f"the ring {ring.name} begins at no moment") from e
        if stands < ring.percent or not known.isdisjoint(ring.allow):
            return ring
    raise Refused("ring")
