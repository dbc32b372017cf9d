"""Every role of the repository, attacked one by one, as python-tuf's own tests do it to its client; here to a whole machine.

What python-tuf's suites hold (7.0, `tests/test_updater_*.py`), and where its like is:

| python-tuf | here |
| --- | --- |
| top_level_update: root unsigned, wrongly signed or expired, on the way and at the end; same, left-out and too many versions | ``TestRoot``, ``test_attacks.TestKeys`` |
| … each role unsigned, expired, of another version, another's bytes; a timestamp of the same version | ``TestEachRole`` |
| … rollback of timestamp, snapshot and what it names, under expired local files too; updating from expired files | ``test_attacks.TestRollback``, ``TestExpiredHere`` |
| … fast-forward recovery | ``TestEachRole``: by new keys of the role itself, not of those below it alone, for the marks outlive the cache |
| … longest metadata | ``TestEachRole``, ``test_attacks.TestTransport`` |
| key_rotations: sequences of roots, and of another role's keys | ``tests/contract/test_org_oracle.py``, python-tuf and the session's check side by side |
| delegation_graphs, fetch_target: a delegated role that is unsigned, missing or oddly named; changed targets | ``TestEachRole``, ``TestSnapshot``, ``test_attacks.TestTransport`` |
| updater_ng, fetcher_ng: files that cannot be kept, slow and endless servers | ``test_keeping_state``, ``test_sources`` |

Not here, as there is nothing like it in the product: deeper delegations, hash bins and succinct roles (one level is signed), hashes of
roles in a snapshot, names without versions, how often a cached file is opened.
"""

import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devagent.core.codec import parse, sha256
from devagent.org import delegating
from devagent.org.libraries import Metadata, Signer
from devagent.org.refusals import Refused
from tests.support.org_attacks import refused, signed_anew
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
    server.files[at or name] = signed_anew(value, keys(org, role) if by is None else by)
    if role == "snapshot":
        timestamp = parse(server.files[name_of(org, "timestamp")])
        meta = timestamp["signed"]["meta"]["snapshot.json"]
        meta["hashes"], meta["length"] = {"sha256": sha256(server.files[name])}, len(server.files[name])  # fmt: skip
        server.files[name_of(org, "timestamp")] = signed_anew(timestamp, keys(org, "timestamp"))
    return server


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
            server.files[path] = signed_anew(snapshot, keys(org, "snapshot"))
        timestamp = parse(server.files[name_of(org, "timestamp")])
        timestamp["signed"]["version"] += 1
        timestamp["signed"]["meta"]["snapshot.json"] = {
            "version": snapshot["signed"]["version"],
            "hashes": {"sha256": sha256(server.files[path])},
            "length": len(server.files[path]),
        }
        server.files[name_of(org, "timestamp")] = signed_anew(timestamp, keys(org, "timestamp"))

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

    @pytest.mark.parametrize("role", ROLES)
    def test_without_end(self, role: str, org: Organisation, machine: Enrolled) -> None:
        server = org.server()
        server.files[name_of(org, role)] += b" " * 5_000_000
        refused(machine, server, "endless")

    def test_a_timestamp_of_the_same_version_that_says_otherwise_is_not_taken(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        machine.sync()
        before = machine.client.in_force()
        later = (org.now + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
        machine.sync(changed(org, "timestamp", expires=later))
        after = machine.client.in_force()
        assert after.standing.fresh_until == before.standing.fresh_until
        assert after.chosen.trusted.versions() == before.chosen.trusted.versions()


class TestSnapshot:
    """What whoever has CI's keys alone can say."""

    def says(self, org: Organisation, meta: dict[str, Any]) -> Server:
        return changed(org, "snapshot", meta=meta)

    def meta(self, org: Organisation) -> dict[str, Any]:
        return dict(parse(org.server().files[name_of(org, "snapshot")])["signed"]["meta"])

    def test_other_content_of_the_same_version(self, org: Organisation, machine: Enrolled) -> None:
        server = org.server()
        name = name_of(org, "snapshot")
        value = parse(server.files[name])
        value["signed"]["x-more"] = "content"
        server.files[name] = signed_anew(value, keys(org, "snapshot"))
        refused(machine, server, "mixed")

    @pytest.mark.parametrize("role", ["targets", "env-prod", "revoke"])
    def test_one_that_drops_a_role(self, role: str, org: Organisation, machine: Enrolled) -> None:
        meta = self.meta(org)
        del meta[f"{role}.json"]
        refused(machine, self.says(org, meta), "mixed", "malformed", "missing")

    def test_names_of_roles_that_nobody_delegated_lead_nowhere(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        odd = ["team-none.json", "team-/../../../../evil.json", "team-..%2f.json", "team-a/b.json"]
        server = self.says(org, self.meta(org) | {name: {"version": 1} for name in odd})
        server.files |= {f"metadata/1.{name}": b"{}" for name in odd}
        assert machine.sync(server).after == 2
        assert not [path for path in server.fetched if "team-" in path]
        assert not list(machine.folder.rglob("*team-*")) + list(machine.folder.rglob("evil*"))

    def test_a_team_whose_name_would_lead_elsewhere_gets_no_file(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        """Two people signed for such a name; it is a name of no file on any machine."""
        server = org.server()
        name = name_of(org, "targets")
        value = parse(server.files[name])
        role = next(one for one in value["signed"]["delegations"]["roles"] if one["name"] == "revoke")  # fmt: skip
        value["signed"]["delegations"]["roles"].append(role | {"name": "team-x/../../evil"})
        server.files[name] = signed_anew(value, keys(org, "targets"))
        meta = self.meta(org) | {"team-x/../../evil.json": {"version": 1}}
        snapshot = self.says(org, meta)
        server.files |= {
            one: snapshot.files[one]
            for one in (name_of(org, "snapshot"), name_of(org, "timestamp"))
        }
        refused(machine, server, "missing")
        assert not list(machine.folder.rglob("*evil*"))


class TestExpiredHere:
    """A machine comes back after weeks: its own files are over, and still what new ones are held against."""

    @pytest.fixture
    def back(self, org: Organisation, machine: Enrolled) -> Enrolled:
        assert machine.sync().after == 2
        org.after(days=18).publish()
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "expired"
        return machine

    def test_it_goes_on_from_them(self, back: Enrolled) -> None:
        assert back.sync().after == 2
        assert back.client.in_force().standing.state == "fresh"

    def test_an_older_timestamp_with_a_longer_term(self, org: Organisation, back: Enrolled) -> None:
        refused(back, changed(org, "timestamp", version=1), "rollback")

    def test_a_newer_timestamp_of_an_older_snapshot(
        self, org: Organisation, back: Enrolled
    ) -> None:
        server = org.server()
        timestamp = parse(server.files[name_of(org, "timestamp")])
        older = server.files["metadata/1.snapshot.json"]
        meta = {"version": 1, "hashes": {"sha256": sha256(older)}, "length": len(older)}
        timestamp["signed"]["meta"]["snapshot.json"] = meta
        server.files[name_of(org, "timestamp")] = signed_anew(timestamp, keys(org, "timestamp"))
        refused(back, server, "rollback")


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
        server = self.roots(org, 2, expires=org.now - timedelta(days=1))
        refused(machine, server, "expired")
        # The next one that holds is taken from there on.
        old = org.now
        org.now += timedelta(days=1)
        server.files["metadata/4.root.json"] = self.roots(org, 3, expires=old + timedelta(days=9)).files["metadata/4.root.json"]  # fmt: skip
        assert machine.sync(server).after == 2
        assert machine.client.in_force().chosen.trusted.versions()["root"] == 4

    @pytest.mark.parametrize("unsigned", [2, 3])
    def test_one_that_nobody_signed_on_the_way_or_at_the_end(
        self, unsigned: int, org: Organisation, machine: Enrolled
    ) -> None:
        server = self.roots(org, 2)
        name = f"metadata/{unsigned}.root.json"
        server.files[name] = signed_anew(parse(server.files[name]), [])
        refused(machine, server, "signatures", "malformed")

    def test_an_expired_one_on_the_way_is_none_of_our_concern(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        server = self.roots(org, 2)
        value = parse(server.files["metadata/2.root.json"])
        value["signed"]["expires"] = (org.now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        server.files["metadata/2.root.json"] = signed_anew(
            value, [org.roots["ana"], org.roots["bo"]]
        )
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
        server.files["metadata/2.root.json"] = signed_anew(
            value, [org.roots["ana"], org.roots["bo"]]
        )
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
        server.files[name] = signed_anew(value, keys(org, "targets"))
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
