"""The session's own check of signed metadata, held against python-tuf: what one accepts, the other accepts.

The same files, and many ways of damaging them, go through both. Expiry is left out: python-tuf judges it at once, a session
by the offline ladder.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from tuf.api.exceptions import RepositoryError
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from devagent.core.codec import parse, sha256
from devagent.org import delegating, revoking
from devagent.org.canonical import signed_bytes
from devagent.org.libraries import Signer
from devagent.org.refusals import Refused
from devagent.org.trusted import verify
from tests.support.org_attacks import signed_anew
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


class Signed(Struct, frozen=True):
    """A role as some of ten people (0 to 9) may sign it, and did."""

    keys: str
    threshold: int
    by: str


ROOTS: dict[str, tuple[bool, list[Signed]]] = {
    "one key gives way to another, both sign": (True, [Signed("1", 1, "1"), Signed("2", 1, "12"), Signed("2", 1, "2")]),
    "strangers sign besides": (True, [Signed("1", 1, "314"), Signed("2", 1, "3214"), Signed("2", 1, "324")]),
    "the old key has not signed": (False, [Signed("1", 1, "1"), Signed("2", 1, "234")]),
    "the new key has not signed": (False, [Signed("1", 1, "1"), Signed("2", 1, "134")]),
    "three of five, now these, now those": (True, [Signed("01234", 3, by) for by in ("024", "041", "013", "234")]),
    "one of five is replaced": (True, [Signed("01234", 3, "024"), Signed("01345", 3, "041")]),
    "too few of the new five": (False, [Signed("01234", 3, "024"), Signed("01345", 3, "024")]),
    "too few of the old five": (False, [Signed("01234", 3, "024"), Signed("01345", 3, "045")]),
    "one is replaced and then signs": (True, [Signed("01234", 3, "024"), Signed("01345", 3, "0245"), Signed("01345", 3, "045")]),
    "all are replaced": (True, [Signed("01234", 3, "024"), Signed("56789", 3, "024567"), Signed("56789", 3, "567")]),
    "the threshold rises": (True, [Signed("123", 1, "1"), Signed("123", 2, "12")]),
    "the threshold rises and is not reached": (False, [Signed("123", 1, "1"), Signed("123", 2, "2")]),
    "the threshold falls": (True, [Signed("123", 2, "12"), Signed("123", 1, "12"), Signed("123", 1, "1")]),
    "the threshold falls and the old one is not reached": (False, [Signed("123", 2, "12"), Signed("123", 1, "1")]),
    "a second key comes, and both must sign": (True, [Signed("1", 1, "1"), Signed("12", 2, "12")]),
}  # fmt: skip
"""As python-tuf's ``test_updater_key_rotations`` has them: whether the last is to be taken."""

OTHERS: dict[str, tuple[bool, Signed]] = {
    "another key": (True, Signed("2", 1, "2")),
    "strangers besides": (True, Signed("1", 1, "314")),
    "the key of before": (False, Signed("2", 1, "134")),
    "three sign, one of them no more": (False, Signed("01345", 3, "024")),
    "one too few": (False, Signed("01345", 3, "04")),
    **{f"three of five: {by}": (True, Signed("01234", 3, by)) for by in ("024", "041", "013", "123", "234")},
}  # fmt: skip


@pytest.fixture(scope="module")
def ten() -> list[Signer]:
    return [signer(f"person-{number}") for number in range(10)]


def of(root: dict[str, Any], role: str, wanted: Signed, ten: list[Signer]) -> None:
    """Let these keys sign the role."""
    named = [ten[int(number)].public_key for number in wanted.keys]
    root["keys"] |= {key.keyid: key.to_dict() for key in named}
    root["roles"][role] = {"keyids": [key.keyid for key in named], "threshold": wanted.threshold}


def by(value: dict[str, Any], wanted: Signed, ten: list[Signer]) -> bytes:
    return signed_anew(value, [ten[int(number)] for number in wanted.by])


@pytest.mark.parametrize("name", ROOTS)
def test_both_follow_the_same_roots(
    name: str, organisation: Organisation, ten: list[Signer]
) -> None:
    accepted, steps = ROOTS[name]
    files = {name: data for name, data in state(organisation).items() if "root" not in name}
    value: dict[str, Any] = parse((organisation.published / "metadata/2.root.json").read_bytes())
    for number, step in enumerate(steps, 1):
        value["signed"]["version"] = number
        of(value["signed"], "root", step, ten)
        files[f"root-{number}"] = by(value, step, ten)
    pinned = sha256(files["root-1"])
    assert (by_session(pinned, files), by_tuf(pinned, files)) == (accepted, accepted)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("name", OTHERS)
def test_both_take_the_same_signatures_of_a_role(
    name: str, role: str, organisation: Organisation, ten: list[Signer]
) -> None:
    accepted, step = OTHERS[name]
    files = {name: data for name, data in state(organisation).items() if "root" not in name}
    root: dict[str, Any] = parse((organisation.published / "metadata/2.root.json").read_bytes())
    root["signed"]["version"] = 1
    of(root["signed"], role, step, ten)
    # What a timestamp says of a snapshot's bytes is left out: they are signed anew here.
    if role == "snapshot":
        timestamp = parse(files["timestamp"])
        for field in ("hashes", "length"):
            del timestamp["signed"]["meta"]["snapshot.json"][field]
        files["timestamp"] = signed_anew(timestamp, [organisation.online["timestamp"]])
    files[role] = by(parse(files[role]), step, ten)
    files["root-1"] = signed_anew(root, [organisation.roots["ana"], organisation.roots["bo"]])
    pinned = sha256(files["root-1"])
    assert (by_session(pinned, files), by_tuf(pinned, files)) == (accepted, accepted)
