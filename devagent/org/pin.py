"""The pin: what makes a machine belong to an organisation, and the one thing that trust begins with.

``org.json`` in the machine's folder of devagent (root's, put there by whoever manages it), or in the person's own. It names
the digest of the first root: everything else follows from signatures.
"""

from typing import Any

from msgspec import Struct, ValidationError, convert

from devagent.core.codec import canonical, parse
from devagent.org.manifest import ORG_NAME
from devagent.org.refusals import Refused

SCHEMA = 1
FILE = "org.json"


class Pin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``url``: where to fetch. ``root_sha256``: of the root that trust begins with, whose version is ``root_version``.
    ``at_least``: role → version that this machine must not fall below, whatever it remembers; ``joined``: how."""

    schema: int
    org: str
    url: str
    root_sha256: str
    environment: str = "prod"
    root_version: int = 1
    at_least: dict[str, int] = {}
    joined: str = ""


def written(pin: Pin) -> bytes:
    return canonical(pin) + b"\n"


def read(data: bytes) -> Pin:
    """The pin. Raises Refused."""
    try:
        value: Any = parse(data)
        pin = convert(value, Pin)
    except (ValueError, ValidationError) as e:
        raise Refused("pin", str(e)) from e
    if pin.schema != SCHEMA:
        raise Refused("schema", f"the enrolment has schema {pin.schema}, and {SCHEMA} is known")
    digest = len(pin.root_sha256) == 64 and set(pin.root_sha256) <= set("0123456789abcdef")
    if (
        not digest
        or not ORG_NAME.fullmatch(pin.org)
        or not ORG_NAME.fullmatch(pin.environment)
        or not pin.url
    ):
        raise Refused("pin", "org, environment, url or root_sha256 is not usable")
    return pin
