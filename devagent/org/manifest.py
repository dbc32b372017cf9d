"""``manifest.json``: what a bundle is, and the digest of every file in it. All strict: what is not known is refused."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, ValidationError, convert, field

from devagent.core.codec import canonical, parse, sha256
from devagent.org.refusals import Refused
from devagent.policy.plain import is_table

SCHEMA = 1
SEMANTICS = 1
"""The version of the policy language that this devagent judges by."""
FILE = "manifest.json"
ORG_POLICY = "policy/org.toml"
ORG_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``files``: path → sha256. ``rollback_of``: the revision whose content this is again.
    ``min_client`` and ``max_client``: versions of devagent, both inclusive; empty = any."""

    schema: int
    org: str
    revision: int
    author: str
    files: dict[str, str]
    rollback_of: int = 0
    min_client: str = ""
    max_client: str = ""
    semantics: int = SEMANTICS
    note: str = field(default="")


def written(manifest: Manifest) -> bytes:
    """The file's bytes: the same for the same content."""
    return canonical(manifest) + b"\n"


def read(data: bytes, *, client: str) -> Manifest:
    """The manifest, for this version of devagent. Raises Refused."""
    try:
        value: Any = parse(data)
    except ValueError as e:
        raise Refused("manifest", "it is no JSON") from e
    if not is_table(value):
        raise Refused("manifest", "it is no table")
    schema = value.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        raise Refused(
            "schema", f"the bundle's manifest has schema {schema!r}, and {SCHEMA} is known"
        )
    try:
        manifest = convert(value, Manifest)
    except ValidationError as e:
        raise Refused("manifest", str(e)) from e
    if not ORG_NAME.fullmatch(manifest.org) or manifest.revision < 1 or not manifest.author:
        raise Refused("manifest", "org, revision or author is not usable")
    if manifest.semantics > SEMANTICS:
        raise Refused(
            "engine",
            f"its policies are in version {manifest.semantics} of the language, and {SEMANTICS} is known",
        )
    own = version(client)
    if manifest.min_client and own < version(manifest.min_client):
        raise Refused(
            "engine", f"it needs devagent {manifest.min_client} or newer, and this is {client}"
        )
    if manifest.max_client and own > version(manifest.max_client):
        raise Refused(
            "engine", f"it is for devagent up to {manifest.max_client}, and this is {client}"
        )
    return manifest


def check_files(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """That these are the manifest's files, all of them and no other. Raises Refused."""
    given = {path: sha256(data) for path, data in files.items() if path != FILE}
    for path, digest in manifest.files.items():
        if given.get(path) != digest:
            raise Refused("manifest", f"{path} is {'another' if path in given else 'not there'}")
    for path in given:
        if path not in manifest.files:
            raise Refused("manifest", f"{path} is not in the manifest")
    if ORG_POLICY not in manifest.files:
        raise Refused("manifest", f"it has no {ORG_POLICY}")


def version(text: str) -> tuple[int, ...]:
    """``1.4.2`` as numbers; what follows them (``rc1``, ``.dev0``) is left out. Raises Refused."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    if found is None:
        raise Refused("manifest", f"{text!r} is no version")
    numbers = [int(part) for part in found[0].split(".")]
    return tuple([*numbers, 0, 0][:3])
