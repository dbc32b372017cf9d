"""The session's own check of signed metadata, held against python-tuf: what one accepts, the other accepts.

The same files, and many ways of damaging them, go through both. Expiry is left out: python-tuf judges it at once, a session
by the offline ladder.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from devagent.core.codec import parse, sha256
from devagent.org import delegating, revoking
from devagent.org.canonical import signed_bytes
from devagent.org.refusals import Refused
from devagent.org.trusted import verify
from tests.support.org_repository import Organisation, signer

ROLES = ("timestamp", "snapshot", "targets", "env-prod", "revoke")
Files = dict[str, bytes]


def by_session(pinned: str, files: Files) -> bool:
    roots = [files[name] for name in sorted(files) if name.startswith("root-")]
    try:
        verify(pinned, roots, files, ["env-prod", "revoke"])
    except Refused:
        return False
    return True


def by_tuf(pinned: str, files: Files) -> bool:
    first, *roots = [files[name] for name in sorted(files) if name.startswith("root-")]
    if sha256(first) != pinned:
        return False
    try:
        trusted = TrustedMetadataSet(first, EnvelopeType.METADATA)
        for root in roots:
            trusted.update_root(root)
        trusted.update_timestamp(files["timestamp"])
        trusted.update_snapshot(files["snapshot"])
        trusted.update_targets(files["targets"])
        for role in ("env-prod", "revoke"):
            trusted.update_delegated_targets(files[role], role, "targets")
    except (RepositoryError, KeyError, ValueError):
        return False
    return True


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    """With a second root, and a second state of every role."""
    org = Organisation(tmp_path_factory.mktemp("org"))
    org.rolled_out("second")
    old = org.online["timestamp"].public_key.keyid
    org.online["timestamp"] = signer("ci")
    delegating.replace_key(org.repository, old, org.online["timestamp"].public_key)
    org.repository.stage("targets", org.repository.change("targets"))
    revoking.set_revocations(
        org.repository, revoking.revocations(org.repository, "acme"), signer=None
    )
    org.sign_all()
    org.publish()
    return org


def state(org: Organisation) -> Files:
    """The newest files of each role, and all roots."""
    metadata = org.published / "metadata"
    files = {"timestamp": (metadata / "timestamp.json").read_bytes()}
    for role in ROLES[1:]:
        files[role] = max(metadata.glob(f"*.{role}.json"), key=_number).read_bytes()
    for path in metadata.glob("*.root.json"):
        files[f"root-{_number(path)}"] = path.read_bytes()
    return files


def older(org: Organisation, role: str) -> bytes:
    return min((org.published / "metadata").glob(f"*.{role}.json"), key=_number).read_bytes()


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        value: dict[str, Any] = json.loads(data)
        change(value)
        return json.dumps(value).encode()

    return edit


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "written otherwise": edited(lambda value: None),
    "no signature": edited(lambda value: value["signatures"].clear()),
    "one signature less": edited(lambda value: value["signatures"].pop()),
    "a signature of zeros": edited(lambda value: value["signatures"][0].update(sig="00" * 64)),
    "a signature that is no hex": edited(lambda value: value["signatures"][0].update(sig="xyz")),
    "a stranger's signature besides": edited(
        lambda value: value["signatures"].append({"keyid": "ab" * 32, "sig": "00" * 64})
    ),
    "a higher version": edited(lambda value: value["signed"].update(version=99)),
    "a version of text": edited(lambda value: value["signed"].update(version="1")),
    "another type": edited(lambda value: value["signed"].update(_type="mirrors")),
    "a newer specification": edited(lambda value: value["signed"].update(spec_version="2.0.0")),
    "one more field": edited(lambda value: value["signed"].update(surprise=1)),
    "no term": edited(lambda value: value["signed"].pop("expires")),
    "no signed part": edited(lambda value: value.pop("signed")),
    "empty": lambda data: b"",
    "no JSON": lambda data: data[:-10],
}


def variants(org: Organisation) -> Iterator[tuple[str, Files]]:
    files = state(org)
    for name, edit in EDITS.items():
        for role in files:
            yield f"{role}: {name}", files | {role: edit(files[role])}
    for role in ROLES[1:]:
        yield f"{role}: an older one", files | {role: older(org, role)}
        yield (
            f"{role}: another's",
            files | {role: files["targets" if role != "targets" else "revoke"]},
        )
    without = {name: data for name, data in files.items() if name != "root-2"}
    yield "the newest root is missing", without
    # What this role says, signed by keys that may sign another.
    for role in ROLES:
        value = parse(files[role])
        body = signed_bytes(value["signed"])
        for who in (*org.roots.values(), *org.online.values(), signer("eve")):
            made = who.sign(body)
            value["signatures"] = [{"keyid": made.keyid, "sig": made.signature}]
            yield f"{role}: signed by another key", files | {role: json.dumps(value).encode()}


def test_both_accept_and_refuse_the_same(organisation: Organisation) -> None:
    pinned = organisation.root_sha256
    judged = {True: 0, False: 0}
    for name, files in variants(organisation):
        accepted = by_session(pinned, files)
        assert accepted == by_tuf(pinned, files), name
        judged[accepted] += 1
    assert judged[True] >= 10
    assert judged[False] >= 100
