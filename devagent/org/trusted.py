"""Signed metadata (TUF), verified offline by what a machine was enrolled with. Bytes in, trusted values or a refusal out.

The rules, in the order of the TUF specification's client workflow (5.3 to 5.6), for files that lie here already:

1. The first root has the digest that the machine was enrolled with, and is signed by its own threshold.
2. Each further root is the next version, signed by the threshold of the root before and by its own. None is left out.
3. The timestamp is signed by the last root's timestamp role, the snapshot by its snapshot role, ``targets`` by its own.
4. The snapshot has the version (and digest, where one is named) that the timestamp names; every targets role those
   that the snapshot names.
5. A delegated role is signed by the threshold of its delegation in ``targets``, and speaks of that delegation's paths alone.
6. A threshold counts different keys: a key that is listed twice, under two ids, counts once.
7. No version is below the mark that this machine keeps, as long as the role's keys are those of the mark.

Not here, with the reason: expiry (``ladder`` says what each means), downloading, and updating from one state to the next
(``refresh``: python-tuf does that, and this check is made of what it leaves). ``tests/contract/test_org_oracle.py``
holds the two against each other.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from devagent.core.codec import digest, parse, sha256
from devagent.org.canonical import signed_bytes
from devagent.org.public_keys import Key, is_signed
from devagent.org.refusals import Refused
from devagent.org.times import moment
from devagent.policy.plain import is_list, is_table

MAX_BYTES = 1_000_000
"""Of one metadata file."""
TOP_LEVEL = ("timestamp", "snapshot", "targets")
OWNER = "x-devagent-owner"
"""In a key: the person who holds it."""
ISSUED = "x-devagent-issued"
"""In a timestamp: when it was signed. TUF itself signs only when things end."""


class Role(Struct, frozen=True):
    """Who must sign: so many of these keys. ``paths`` and ``extra`` are a delegation's."""

    name: str
    keys: dict[str, Key]
    threshold: int
    paths: tuple[str, ...] = ()
    extra: dict[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """Names the set of keys, for the marks: another set begins to count anew."""
        return digest([sorted(key.public for key in self.keys.values()), self.threshold])[:16]


class Target(Struct, frozen=True):
    path: str
    length: int
    sha256: str


class Metadata(Struct, frozen=True):
    """One verified file. ``expires`` in seconds since 1970; ``by`` are the keys whose signatures are good."""

    role: Role
    version: int
    expires: int
    body: dict[str, Any]
    by: tuple[Key, ...]

    def targets(self) -> dict[str, Target]:
        """The files it signs for, those alone that its delegation covers. Raises Refused."""
        found: dict[str, Target] = {}
        for path, entry in _table(self.body.get("targets"), "targets").items():
            if not covers(self.role, path):
                continue
            match entry:
                case {"length": int(length), "hashes": {"sha256": str(digest_)}} if length >= 0:
                    found[path] = Target(path, length, digest_)
                case _:
                    raise Refused(
                        "malformed", f"{self.role.name} says no length and sha256 of {path}"
                    )
        return found


class Trusted(Struct, frozen=True):
    """What a set of files comes to. ``roles`` are the delegations of ``targets``, ``delegated`` the files of some."""

    root: Metadata
    timestamp: Metadata
    snapshot: Metadata
    targets: Metadata
    delegations: dict[str, Role]
    delegated: dict[str, Metadata]
    client: dict[str, Any]

    @property
    def issued(self) -> int:
        """When the timestamp was signed; 0 where it does not say."""
        text = self.timestamp.body.get(ISSUED)
        try:
            return moment(text) if text else 0
        except ValueError as e:
            raise Refused("malformed", f"the timestamp's {ISSUED} is no moment") from e

    def every(self) -> Sequence[Metadata]:
        return (self.root, self.timestamp, self.snapshot, self.targets, *self.delegated.values())

    def versions(self) -> dict[str, int]:
        """Role → version, for the record."""
        return {one.role.name: one.version for one in self.every()}


def covers(role: Role, path: str) -> bool:
    """Whether a role's delegation lets it speak of a path; a glob does not reach into folders (TUF 4.5)."""
    parts = path.split("/")
    return any(
        len(parts) == len(glob.split("/"))
        and all(fnmatch.fnmatchcase(p, g) for p, g in zip(parts, glob.split("/"), strict=True))
        for glob in role.paths
    )


def verify(
    pinned_sha256: str,
    roots: Sequence[bytes],
    files: Mapping[str, bytes],
    wanted: Sequence[str],
    *,
    also: str = "",
) -> Trusted:
    """``files``: role → bytes; of the delegated roles those that are ``wanted``, and those whose name begins with ``also`` as
    far as the snapshot knows them. Raises Refused."""
    root = _last_root(pinned_sha256, roots)
    top = root.body
    timestamp = _verified(_role(top, "timestamp"), files)
    snapshot_said = _said(timestamp, "snapshot.json")
    snapshot = _verified(_role(top, "snapshot"), files)
    _fits(snapshot_said, snapshot, files)
    targets = _verified(_role(top, "targets"), files)
    _fits(_said(snapshot, "targets.json"), targets, files)
    delegations = _delegations(targets)
    delegated: dict[str, Metadata] = {}
    known = _table(snapshot.body.get("meta"), "the snapshot's meta")
    more = [
        name for name in delegations if also and name.startswith(also) and f"{name}.json" in known
    ]
    for name in (*wanted, *more):
        role = delegations.get(name)
        if role is None:
            raise Refused("elsewhere", f"the targets role names no {name}")
        one = _verified(role, files)
        _fits(_said(snapshot, f"{name}.json"), one, files)
        delegated[name] = one
    client = top.get("x-devagent-client", {})
    return Trusted(
        root=root,
        timestamp=timestamp,
        snapshot=snapshot,
        targets=targets,
        delegations=delegations,
        delegated=delegated,
        client=_table(client, "the root's client rules"),
    )


def _last_root(pinned_sha256: str, roots: Sequence[bytes]) -> Metadata:
    if not roots or sha256(roots[0]) != pinned_sha256:
        raise Refused("root", f"its sha256 is not {pinned_sha256[:16]}…")
    first, *later = roots
    last = _self_signed(*_opened("root", first))
    for data in later:
        signed, signatures = _opened("root", data)
        one = _self_signed(signed, signatures)
        if one.version != last.version + 1:
            raise Refused("root", f"version {one.version} does not follow {last.version}")
        _threshold(last.role, signed, signatures)
        last = one
    return last


def _self_signed(signed: dict[str, Any], signatures: list[Any]) -> Metadata:
    own = _role(signed, "root")
    return _made(own, signed, _threshold(own, signed, signatures))


def root_version(data: bytes) -> int:
    """The version that an unverified root says it has. Raises Refused."""
    signed, _ = _opened("root", data)
    return _whole(signed.get("version"), "root's version")


def _verified(role: Role, files: Mapping[str, bytes]) -> Metadata:
    data = files.get(role.name)
    if data is None:
        raise Refused("missing", f"{role.name}.json")
    signed, signatures = _opened(role.name, data)
    return _made(role, signed, _threshold(role, signed, signatures))


def _opened(name: str, data: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The signed part of a file that is of the right type, and its signatures; nothing of it is trusted yet."""
    if len(data) > MAX_BYTES:
        raise Refused("endless", f"{name}.json has more than {MAX_BYTES:,} bytes")
    try:
        value = parse(data)
    except ValueError as e:
        raise Refused("malformed", f"{name}.json is no JSON") from e
    kind = name if name in ("root", "timestamp", "snapshot") else "targets"
    match value:
        case {"signed": {"_type": str(said), **rest}, "signatures": signatures} if is_list(
            signatures
        ):
            if said != kind:
                raise Refused("malformed", f"{name}.json calls itself {said}")
            specification = rest.get("spec_version")
            if not isinstance(specification, str) or not specification.startswith("1."):
                raise Refused("schema", f"{name}.json follows version {specification} of TUF")
            return {"_type": said, **rest}, list(signatures)
        case _:
            raise Refused("malformed", f"{name}.json is no signed metadata")


def _made(role: Role, signed: dict[str, Any], by: tuple[Key, ...]) -> Metadata:
    try:
        expires = moment(signed.get("expires"))
    except ValueError as e:
        raise Refused("malformed", f"{role.name}.json has no term") from e
    version = _whole(signed.get("version"), f"{role.name}'s version")
    return Metadata(role, version, expires, signed, by)


def _threshold(role: Role, signed: dict[str, Any], signatures: list[Any]) -> tuple[Key, ...]:
    """The keys whose signatures are good. Raises Refused where they are too few."""
    try:
        data = signed_bytes(signed)
    except (ValueError, RecursionError) as e:
        raise Refused("malformed", f"{role.name}.json: {e}") from e
    good: dict[str, Key] = {}
    for one in signatures:
        match one:
            case {"keyid": str(id), "sig": str(sig)} if id in role.keys:
                key = role.keys[id]
                if key.same not in good and is_signed(key, sig, data):
                    good[key.same] = key
            case _:
                pass  # of a key that has no say here
    if len(good) < role.threshold:
        raise Refused(
            "signatures",
            f"{role.name} needs {role.threshold} of its {len(role.keys)} keys and has {len(good)}",
        )
    return tuple(good.values())


def _role(root: dict[str, Any], name: str) -> Role:
    match root:
        case {"keys": keys, "roles": roles} if is_table(keys) and is_table(roles):
            return _as_role(name, _table(roles.get(name), f"the role {name}"), keys)
        case _:
            raise Refused("malformed", "the root names no keys and roles")


def _delegations(targets: Metadata) -> dict[str, Role]:
    match targets.body.get("delegations"):
        case {"keys": keys, "roles": roles} if is_table(keys) and is_list(roles):
            found: dict[str, Role] = {}
            for entry in roles:
                table = _table(entry, "a delegation")
                name = table.get("name")
                if not isinstance(name, str) or name in (*TOP_LEVEL, "root") or name in found:
                    raise Refused("malformed", "a delegation has no name of its own")
                found[name] = _as_role(name, table, keys)
            return found
        case _:
            raise Refused("malformed", "the targets role delegates nothing")


def _as_role(name: str, entry: dict[str, Any], keys: dict[str, Any]) -> Role:
    match entry:
        case {"keyids": ids, "threshold": int(threshold)} if threshold >= 1 and is_list(ids):
            found: dict[str, Key] = {}
            for id in ids:
                match keys.get(id) if isinstance(id, str) else None:
                    case {"scheme": str(scheme), "keyval": {"public": str(public)}, **rest} if (
                        isinstance(id, str)
                    ):
                        owner = rest.get(OWNER, "")
                        found[id] = Key(id, scheme, public, owner if isinstance(owner, str) else "")
                    case _:
                        raise Refused("malformed", f"{name} names a key that is not there")
            paths = entry.get("paths", [])
            if not is_list(paths) or not all(isinstance(p, str) for p in paths):
                raise Refused("malformed", f"{name}'s paths")
            extra = {k: v for k, v in entry.items() if k.startswith("x-devagent-")}
            return Role(name, found, threshold, tuple(paths), extra)
        case _:
            raise Refused("malformed", f"the role {name} has no keys and threshold")


def _said(by: Metadata, file: str) -> dict[str, Any]:
    """What a timestamp or snapshot says of a file."""
    meta = _table(by.body.get("meta"), f"{by.role.name}'s meta")
    if file not in meta:
        raise Refused("mixed", f"the {by.role.name} knows no {file}")
    return _table(meta[file], file)


def _fits(said: dict[str, Any], one: Metadata, files: Mapping[str, bytes]) -> None:
    name = one.role.name
    version = _whole(said.get("version"), f"{name}'s version")
    if version != one.version:
        raise Refused(
            "mixed", f"{name} has version {one.version}, and {version} belongs to this state"
        )
    data = files[name]
    if "length" in said and said["length"] != len(data):
        raise Refused("mixed", f"{name}.json is not as long as it must be")
    hashes = said.get("hashes")
    if hashes is not None and _table(hashes, "hashes").get("sha256") != sha256(data):
        raise Refused("mixed", f"{name}.json is another than the one named")


def _table(value: object, what: str) -> dict[str, Any]:
    if not is_table(value):
        raise Refused("malformed", f"{what} is no table")
    return value


def _whole(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Refused("malformed", f"{what} is no number from 1 on")
    return value
