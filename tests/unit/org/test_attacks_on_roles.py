"""Every role of the repository, attacked one by one, as python-tuf's own tests do it to its client; here to a whole machine.

What python-tuf's suites hold, and where its like is: unsigned, expired and wrong versions of each role, roots out of order, too many
roots, wrong digests, fast-forward recovery and changes of keys (here); rollback, mix-and-match, freezing, endless data, targets
that were changed (``test_attacks``); slow retrieval (``test_sources``); damaged bytes of every kind (``test_org_oracle``).
"""

import json
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devagent.core.codec import parse, sha256
from devagent.org import delegating
from devagent.org.canonical import signed_bytes
from devagent.org.in_force import InForce
from devagent.org.libraries import Metadata, Signer
from devagent.org.refusals import Refused
from tests.support.org_repository import Enrolled, Organisation, Server, signer

ROLES = ("timestamp", "snapshot", "targets", "env-prod", "revoke")
SIGNED = ("snapshot", "targets", "env-prod", "revoke")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Organisation, Path]:
    folder = tmp_path_factory.mktemp("roles")
    org = Organisation(folder)
    assert org.machine(folder / "machine").sync().outcome == "updated"
    return org, folder / "machine"


@pytest.fixture
def org(first: tuple[Organisation, Path], tmp_path: Path) -> Organisation:
    """With a second bundle, and a second version of every role, which the machine has not seen."""
    made = first[0].copied(tmp_path).after(hours=1)
    made.promote(made.build("second"))
    repository = made.repository
    for role in ("targets", "revoke"):
        repository.stage(role, repository.change(role))
    made.sign_all()
    made.publish()
    return made


@pytest.fixture
def machine(org: Organisation, first: tuple[Organisation, Path], tmp_path: Path) -> Enrolled:
    shutil.copytree(first[1], tmp_path / "machine", symlinks=True)
    return org.machine(tmp_path / "machine")


def keys(org: Organisation, role: str) -> list[Signer]:
    return [org.online[role]] if role in org.online else [org.people["ana"], org.people["bo"]]


def name_of(org: Organisation, role: str) -> str:
    if role == "timestamp":
        return "metadata/timestamp.json"
    return f"metadata/{org.repository.current(role).signed.version}.{role}.json"


def changed(
    org: Organisation, role: str, *, by: list[Signer] | None = None, at: str = "", **fields: Any
) -> Server:
    """A server whose file of that role is another one, with everything above it signed anew to fit."""
    server = org.server()
    name = name_of(org, role)
    value = parse(server.files[name])
    value["signed"].update(fields)
    server.files[at or name] = signed(value, keys(org, role) if by is None else by)
    if role == "snapshot":
        timestamp = parse(server.files[name_of(org, "timestamp")])
        meta = timestamp["signed"]["meta"]["snapshot.json"]
        meta["hashes"], meta["length"] = {"sha256": sha256(server.files[name])}, len(server.files[name])  # fmt: skip
        server.files[name_of(org, "timestamp")] = signed(timestamp, keys(org, "timestamp"))
    return server


def signed(value: dict[str, Any], by: list[Signer]) -> bytes:
    body = signed_bytes(value["signed"])
    made = [one.sign(body) for one in by]
    value["signatures"] = [{"keyid": one.keyid, "sig": one.signature} for one in made]
    return json.dumps(value).encode()


def refused(machine: Enrolled, server: Server, *codes: str) -> None:
    before = machine.client.in_force()
    done = machine.sync(server)
    assert (done.outcome, done.before, done.after) == ("refused", 1, 1), done
    assert done.code in codes, (done.code, done.reason)
    after = machine.client.look()
    assert isinstance(after, InForce)
    assert after.digest == before.digest


class TestEachRole:
    @pytest.mark.parametrize("role", ROLES)
    def test_signed_by_nobody(self, role: str, org: Organisation, machine: Enrolled) -> None:
        refused(machine, changed(org, role, by=[]), "signatures", "malformed", "mixed")

    @pytest.mark.parametrize("role", ROLES)
    def test_signed_by_a_stranger(self, role: str, org: Organisation, machine: Enrolled) -> None:
        refused(machine, changed(org, role, by=[signer("eve"), signer("mal")]), "signatures")

    @pytest.mark.parametrize("role", ROLES)
    def test_expired(self, role: str, org: Organisation, machine: Enrolled) -> None:
        over = (org.now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        refused(machine, changed(org, role, expires=over), "frozen", "expired")

    @pytest.mark.parametrize("role", SIGNED)
    @pytest.mark.parametrize("step", [-1, 1])
    def test_of_another_version_than_the_one_named(
        self, role: str, step: int, org: Organisation, machine: Enrolled
    ) -> None:
        version = org.repository.current(role).signed.version
        if version + step < 1:
            step = 2
        refused(machine, changed(org, role, version=version + step), "mixed", "rollback")

    @pytest.mark.parametrize("role", ROLES)
    def test_that_calls_itself_another(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        other = "root" if role != "root" else "targets"
        refused(machine, changed(org, role, _type=other), "malformed", "mixed")

    @pytest.mark.parametrize("role", ROLES)
    def test_of_a_specification_that_is_not_known(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        refused(machine, changed(org, role, spec_version="2.0.0"), "schema", "malformed")

    @pytest.mark.parametrize("role", SIGNED)
    def test_another_that_is_as_well_signed_under_an_old_name(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        """The bytes of a role are the ones that are named, or of the version that is."""
        server = org.server()
        server.files[name_of(org, role)] = b"{}"
        refused(machine, server, "malformed", "mixed")

    @pytest.mark.parametrize("role", ROLES)
    def test_by_one_key_where_two_must(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        if role in ("targets", "env-prod"):
            refused(machine, changed(org, role, by=[org.people["ana"]] * 3), "signatures", "malformed")  # fmt: skip
        else:
            assert machine.sync(changed(org, role)).after == 2

    @pytest.mark.parametrize("role", SIGNED)
    def test_a_fast_forward_is_recovered_from_by_new_keys(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        """Thieves of a role's keys, and of those below it, count it up to the top. Under new keys it counts on from where it was."""
        top = 2**31 - 1
        server = changed(org, role, version=top, at=f"metadata/{top}.{role}.json")
        self.named(org, server, role, top)
        done = machine.sync(server)
        assert (done.outcome, done.after) == ("updated", 2), done.reason
        honest = org.after(hours=1).server()
        before = machine.client.in_force().chosen.trusted.versions()[role]
        assert before == top
        assert machine.sync(honest).outcome in ("refused", "unchanged")
        self.new_keys(org, role)
        assert machine.sync().outcome == "renewed"
        assert machine.client.in_force().chosen.trusted.versions()[role] < top

    def named(self, org: Organisation, server: Server, role: str, version: int) -> None:
        """Everything that names the role names that version."""
        path = name_of(org, "snapshot")
        snapshot = parse(server.files[path])
        if role == "snapshot":
            path = f"metadata/{version}.snapshot.json"
            snapshot = parse(server.files[path])
        else:
            snapshot["signed"]["meta"][f"{role}.json"]["version"] = version
            snapshot["signed"]["version"] += 1
            path = f"metadata/{snapshot['signed']['version']}.snapshot.json"
            server.files[path] = signed(snapshot, keys(org, "snapshot"))
        timestamp = parse(server.files[name_of(org, "timestamp")])
        timestamp["signed"]["version"] += 1
        timestamp["signed"]["meta"]["snapshot.json"] = {
            "version": snapshot["signed"]["version"],
            "hashes": {"sha256": sha256(server.files[path])},
            "length": len(server.files[path]),
        }
        server.files[name_of(org, "timestamp")] = signed(timestamp, keys(org, "timestamp"))

    def new_keys(self, org: Organisation, role: str) -> None:
        """For the role, and for snapshot and timestamp, whose keys were stolen with it."""
        for name in {role, "snapshot", "timestamp"}:
            holders: Mapping[str, Signer] = org.online if name in org.online else org.people
            names = [name] if name in org.online else ["ana", "bo"]
            for one in names:
                fresh = signer("ci" if name in org.online else one)
                delegating.replace_key(org.repository, holders[one].public_key.keyid, fresh.public_key)  # fmt: skip
                assert isinstance(holders, dict)
                holders[one] = fresh
        org.sign_all()
        org.publish()


class TestRoot:
    def roots(self, org: Organisation, count: int, **fields: Any) -> Server:
        """So many further roots, each well signed; ``fields`` are changed in the last."""
        server = org.server()
        root = Metadata[Any].from_bytes(server.files["metadata/1.root.json"])
        for number in range(2, count + 2):
            root.signed.version = number
            if number == count + 1:
                for name, value in fields.items():
                    setattr(root.signed, name, value)
            root.signatures.clear()
            for name in ("ana", "bo"):
                root.sign(org.roots[name], append=True)
            server.files[f"metadata/{number}.root.json"] = root.to_bytes()
        return server

    def test_an_expired_one_at_the_end(self, org: Organisation, machine: Enrolled) -> None:
        refused(machine, self.roots(org, 2, expires=org.now - timedelta(days=1)), "expired")

    def test_an_expired_one_on_the_way_is_none_of_our_concern(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        server = self.roots(org, 2)
        value = parse(server.files["metadata/2.root.json"])
        value["signed"]["expires"] = (org.now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        server.files["metadata/2.root.json"] = signed(value, [org.roots["ana"], org.roots["bo"]])
        assert machine.sync(server).after == 2
        assert machine.client.in_force().chosen.trusted.versions()["root"] == 3

    def test_one_of_the_same_version(self, org: Organisation, machine: Enrolled) -> None:
        refused(machine, self.roots(org, 1, version=1), "rollback", "mixed", "root")

    def test_one_that_its_own_keys_have_not_signed(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        """The root before would do; the new one's keys do not stand for it."""
        server = self.roots(org, 1)
        value = parse(server.files["metadata/2.root.json"])
        eve, mal = signer("eve").public_key, signer("mal").public_key
        value["signed"]["keys"] |= {one.keyid: one.to_dict() for one in (eve, mal)}
        value["signed"]["roles"]["root"] = {"keyids": [eve.keyid, mal.keyid], "threshold": 2}
        server.files["metadata/2.root.json"] = signed(value, [org.roots["ana"], org.roots["bo"]])
        refused(machine, server, "signatures")

    def test_more_than_anybody_needs(self, org: Organisation, machine: Enrolled) -> None:
        """A server cannot keep a machine walking: so many roots at one look, and the next look goes on."""
        assert machine.sync(self.roots(org, 70)).after == 2
        assert machine.client.in_force().chosen.trusted.versions()["root"] <= 66

    def test_the_bundles_of_an_environment_whose_role_was_taken_out(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        server = org.server()
        name = name_of(org, "targets")
        value = parse(server.files[name])
        value["signed"]["delegations"]["roles"] = [
            one for one in value["signed"]["delegations"]["roles"] if one["name"] != "env-prod"
        ]
        server.files[name] = signed(value, keys(org, "targets"))
        refused(machine, server, "missing", "elsewhere", "malformed")


class TestClock:
    """A machine's clock that is wrong: ahead it stops working early, behind it works no longer than it may."""

    def test_set_ahead_past_the_timestamp_it_asks_and_past_the_snapshot_it_locks(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        now = org.now.timestamp()
        machine.clock = now + 4 * 86_400
        assert machine.client.in_force().standing.state == "stale"
        assert machine.sync().code == "frozen"
        machine.clock = now + 15 * 86_400
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "expired"

    def test_set_right_again_it_works_as_before(self, org: Organisation, machine: Enrolled) -> None:
        """What the wrong clock said is nowhere on record: marks keep signed moments alone."""
        machine.clock = org.now.timestamp() + 400 * 86_400
        assert machine.sync().outcome == "refused"
        machine.clock = None
        assert machine.sync().after == 2
        assert machine.client.in_force().standing.state == "fresh"

    def test_set_back_it_reads_and_asks_and_learns_what_is_revoked(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        machine.sync()
        machine.clock = org.now.timestamp() - 30 * 86_400
        stands = machine.client.in_force().standing
        assert (stands.state, "clock" in stands.why) == ("stale", True)
        org.after(hours=1).rolled_out("third")
        assert machine.sync().after == 3

    def test_a_little_off_is_as_good_as_right(self, org: Organisation, machine: Enrolled) -> None:
        machine.sync()
        machine.clock = org.now.timestamp() - 300
        assert machine.client.in_force().standing.state == "fresh"
