"""Who stands for a bundle: an in-toto Statement in a DSSE envelope, signed by the people who approved it.

The statement's subjects are the digests of the archive and of its manifest; its predicate says for which environment, by
whom it was written, and what lint, tests and replay found. The signers are the approvers: nobody lists them.

One author and one other person at least, wherever more than one must sign: a key names its owner in signed metadata,
and several keys of one owner count once.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, ValidationError, convert, field

from devagent.core.codec import canonical, parse
from devagent.org.public_keys import Key, is_signed
from devagent.org.refusals import Refused
from devagent.org.trusted import Role
from devagent.policy.plain import is_list

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:devagent:bundle-approval:1"
PAYLOAD = "application/vnd.in-toto+json"
MAX_BYTES = 65_536


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The predicate. ``lint``, ``tests`` and ``replay`` are counts, by name, of what was found."""

    org: str
    environment: str
    revision: int
    author: str
    ticket: str = ""
    lint: dict[str, int] = field(default_factory=dict)
    tests: dict[str, int] = field(default_factory=dict)
    replay: dict[str, int] = field(default_factory=dict)


class Statement(Struct, frozen=True):
    """``archive`` and ``manifest`` are digests (sha256)."""

    name: str
    archive: str
    manifest: str
    approval: Approval


def payload(statement: Statement) -> bytes:
    """The bytes that are signed (within ``pae``)."""
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [
                {"name": statement.name, "digest": {"sha256": statement.archive}},
                {"name": "manifest.json", "digest": {"sha256": statement.manifest}},
            ],
            "predicateType": PREDICATE,
            "predicate": statement.approval,
        }
    )


def pae(body: bytes, kind: str = PAYLOAD) -> bytes:
    """DSSE's pre-authentication encoding: what the signatures cover."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def envelope(body: bytes, signatures: Mapping[str, bytes]) -> bytes:
    """The envelope's file; ``signatures`` by key id."""
    return (
        canonical(
            {
                "payload": base64.b64encode(body).decode(),
                "payloadType": PAYLOAD,
                "signatures": [
                    {"keyid": id, "sig": base64.b64encode(signature).decode()}
                    for id, signature in sorted(signatures.items())
                ],
            }
        )
        + b"\n"
    )


def opened(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The payload and the signatures by key id, none of them verified. Raises Refused."""
    if len(data) > MAX_BYTES:
        raise Refused("endless", "the envelope")
    try:
        match parse(data):
            case {"payload": str(body), "payloadType": str(kind), "signatures": entries} if (
                kind == PAYLOAD and is_list(entries)
            ):
                signatures: dict[str, bytes] = {}
                for one in entries:
                    match one:
                        case {"keyid": str(id), "sig": str(sig)}:
                            signatures[id] = base64.b64decode(sig, validate=True)
                        case _:
                            raise Refused("malformed", "a signature of the envelope")
                return base64.b64decode(body, validate=True), signatures
            case _:
                raise Refused(
                    "malformed", "the envelope is no DSSE envelope of an in-toto statement"
                )
    except (ValueError, binascii.Error) as e:
        raise Refused("malformed", "the envelope") from e


def statement_of(body: bytes) -> Statement:
    """The statement in a payload. Raises Refused for any other kind, and for what it does not know."""
    try:
        value: Any = parse(body)
    except ValueError as e:
        raise Refused("malformed", "the statement is no JSON") from e
    match value:
        case {
            "_type": str(kind),
            "subject": [
                {"name": str(name), "digest": {"sha256": str(archive)}},
                {"name": "manifest.json", "digest": {"sha256": str(manifest)}},
            ],
            "predicateType": str(predicate),
            "predicate": content,
        }:
            if kind != STATEMENT or predicate != PREDICATE:
                raise Refused("schema", f"the statement is of type {predicate[:80]}")
            try:
                return Statement(name, archive, manifest, convert(content, Approval))
            except ValidationError as e:
                raise Refused("schema", f"the statement: {e}") from e
        case _:
            raise Refused(
                "malformed", "the statement has other subjects than an archive and its manifest"
            )


class Approved(Struct, frozen=True):
    """A statement with the owners of the good signatures, sorted."""

    statement: Statement
    by: tuple[str, ...]


def approved(data: bytes, role: Role) -> Approved:
    """The envelope, approved by those who must: as many people as the role's threshold. Raises Refused."""
    body, signatures = opened(data)
    owners = {key.owner or key.same for key in signers(body, signatures, role)}
    statement = statement_of(body)
    if len(owners) < role.threshold:
        raise Refused(
            "approval",
            f"{role.threshold} people must sign, and {len(owners)} did ({', '.join(sorted(owners)) or 'nobody'})",
        )
    if role.threshold > 1 and owners <= {statement.approval.author}:
        raise Refused("approval", f"only its author {statement.approval.author} signed")
    return Approved(statement, tuple(sorted(owners)))


def signers(body: bytes, signatures: Mapping[str, bytes], role: Role) -> list[Key]:
    """The role's keys whose signatures of the payload are good."""
    covered = pae(body)
    return [
        role.keys[id]
        for id, signature in signatures.items()
        if id in role.keys and is_signed(role.keys[id], signature.hex(), covered)
    ]
