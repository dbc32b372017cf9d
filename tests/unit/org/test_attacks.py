"""Everything that somebody between an administrator and a machine may try. None of it is accepted: what was in force stays
in force, or the machine is locked; and each attempt is on record."""

import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.core.codec import canonical, parse, sha256
from devagent.org import archive, delegating, revoking, rollout, staged_rings
from devagent.org import manifest as manifests
from devagent.org.building import Built
from devagent.org.libraries import Metadata
from devagent.org.marks import Mark, Marks
from devagent.org.refusals import Refused
from devagent.org.rollout import Ring
from devagent.org.statement import envelope, opened, pae
from tests.support.org_attacks import locked, refused, signed
from tests.support.org_repository import Enrolled, Organisation, Server, signer
from tests.support.owners import owned_by

NEW = "metadata/timestamp.json"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Organisation, Path]:
    """An organisation, and the folder of a machine that has its first bundle: each test gets a copy."""
    folder = tmp_path_factory.mktemp("first")
    org = Organisation(folder)
    made = org.machine(folder / "machine")
    assert made.sync().outcome == "updated"
    return org, folder / "machine"


@pytest.fixture
def org(first: tuple[Organisation, Path], tmp_path: Path) -> Organisation:
    return first[0].copied(tmp_path)


@pytest.fixture
def machine(org: Organisation, first: tuple[Organisation, Path], tmp_path: Path) -> Enrolled:
    shutil.copytree(first[1], tmp_path / "machine", symlinks=True)
    return org.machine(tmp_path / "machine")


class TestRollback:
    """An older state is served again."""

    def test_of_everything(self, org: Organisation, machine: Enrolled) -> None:
        old = org.server()
        org.after(hours=1).rolled_out("second")
        assert machine.sync().after == 2
        refused(machine, old, "rollback")
        assert 'id = "second"' in machine.rules()

    @pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "env-prod", "revoke"])
    def test_of_each_role_by_whoever_has_the_keys_below_it(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        """The role's version falls, and everything that names it is signed anew: only the mark knows better."""
        org.after(hours=1).rolled_out("second")
        revoking.set_revocations(
            org.repository,
            revoking.revoked(
                revoking.revocations(org.repository, "acme"), "principal", "user:eve", ""
            ),
            signer=org.people["ana"],
        )
        repository = org.repository
        repository.stage("targets", repository.change("targets"))
        org.sign_all()
        org.publish()
        assert machine.sync().after == 2
        server = org.server()
        if role == "timestamp":
            older = signed(server.files[NEW], org.online["timestamp"], version=1)
            refused(machine, server.with_files({NEW: older}), "rollback")
            return
        metadata = org.published / "metadata"
        snapshot = max(metadata.glob("*.snapshot.json"), key=_number)
        if role == "snapshot":
            changed = signed(snapshot.read_bytes(), org.online["snapshot"], version=1)
            files = {"metadata/1.snapshot.json": changed}
            meta = {"snapshot.json": {"version": 1, "hashes": {"sha256": sha256(changed)}, "length": len(changed)}}  # fmt: skip
        else:
            newest = max(metadata.glob(f"*.{role}.json"), key=_number)
            version = _number(newest)
            said = parse(snapshot.read_bytes())["signed"]["meta"]
            said[f"{role}.json"]["version"] = version - 1
            number = _number(snapshot) + 1
            changed = signed(
                snapshot.read_bytes(), org.online["snapshot"], version=number, meta=said
            )
            files = {f"metadata/{number}.snapshot.json": changed}
            meta = {"snapshot.json": {"version": number, "hashes": {"sha256": sha256(changed)}, "length": len(changed)}}  # fmt: skip
        files[NEW] = signed(server.files[NEW], org.online["timestamp"], version=99, meta=meta)
        refused(machine, server.with_files(files), "rollback")

    @pytest.mark.parametrize("role", ["timestamp", "env-prod"])
    def test_after_the_cache_was_deleted_the_marks_remember(
        self, role: str, org: Organisation, machine: Enrolled
    ) -> None:
        old = org.server()
        if role == "env-prod":
            org.after(hours=1).rolled_out("second")
        else:
            org.after(hours=1).publish()
        machine.sync()
        _delete(machine.folder / "cache")
        assert isinstance(machine.client.look(), Refused)
        refused(machine, old, "rollback")
        assert machine.sync().outcome == "updated"

    def test_after_cache_and_marks_were_deleted_the_keyring_remembers(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        machine = org.machine(tmp_path / "m", keyring=True)
        old = org.server()
        org.after(hours=1).rolled_out("second")
        assert machine.sync().unkept == ""
        _delete(machine.folder / "cache")
        _delete(machine.folder / "data")
        refused(machine, old, "rollback")

    def test_after_cache_and_marks_were_deleted_the_record_remembers(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        old = org.server()
        org.after(hours=1).rolled_out("second")
        seen = Marks({"env-prod": Mark(2)}, 0)
        refused(org.machine(tmp_path / "m", seen=[seen]), old, "rollback")

    def test_below_what_the_pin_says_at_the_least(self, org: Organisation, tmp_path: Path) -> None:
        old = org.server()
        refused(org.machine(tmp_path / "m", at_least={"env-prod": 2}), old, "rollback")

    def test_of_the_cache_itself_is_seen_when_a_session_starts(
        self, org: Organisation, machine: Enrolled, tmp_path: Path
    ) -> None:
        """Whoever can write the cache puts an old copy of it there, whole and well signed."""
        old = tmp_path / "copy"
        os.rename(machine.folder / "cache", old)
        machine.sync()
        org.after(hours=1).rolled_out("second")
        assert machine.sync().after == 2
        _delete(machine.folder / "cache")
        os.rename(old, machine.folder / "cache")
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "rollback"


class TestFreeze:
    def test_an_expired_timestamp_is_no_news(self, tmp_path: Path) -> None:
        org = Organisation(tmp_path, now=datetime.now(UTC) - timedelta(days=5))
        machine = org.machine(tmp_path / "m")
        refused(machine, org.server(), "frozen")

    def test_a_held_back_server_leaves_a_machine_stale_and_then_locked(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        held = org.server()
        org.after(days=3.5)
        done = machine.sync(held)
        assert done.code == "frozen"
        assert machine.client.in_force().standing.state == "stale"
        org.after(days=11)
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "expired"
        assert "snapshot" in found.what

    def test_a_clock_that_is_set_back_makes_nothing_fresh_again(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        org.after(days=2).publish()
        machine.sync()
        machine.clock = org.now.timestamp() - 86_400
        stands = machine.client.in_force().standing
        assert (stands.state, stands.age_s) == ("stale", 0)
        assert "clock" in stands.why

    def test_a_clock_behind_the_own_record_is_stale(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        later = Marks({}, int(org.now.timestamp()) + 3_600)
        machine = org.machine(tmp_path / "m", seen=[later])
        assert machine.sync().outcome == "updated"
        assert "clock" in machine.client.in_force().standing.why

    def test_a_term_that_is_over_stays_over_when_the_clock_is_set_back(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        """The signed moment of a newer timestamp counts, whatever the clock says."""
        files = _generation(machine)
        timestamp = files / "timestamp.json"
        far = (org.now + timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%SZ")
        changed = signed(
            timestamp.read_bytes(), org.online["timestamp"], **{"x-devagent-issued": far}
        )
        timestamp.write_bytes(changed)
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "expired"


class TestMixAndMatch:
    def test_an_old_env_role_under_a_new_snapshot(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        org.after(hours=1).rolled_out("second")
        server = org.server()
        server.files["metadata/2.env-prod.json"] = server.files["metadata/1.env-prod.json"]
        refused(machine, server, "mixed", "rollback")

    def test_a_new_snapshot_that_the_timestamp_does_not_name(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        org.after(hours=1).rolled_out("second")
        server = org.server()
        server.files["metadata/2.snapshot.json"] = server.files["metadata/1.snapshot.json"]
        refused(machine, server, "mixed", "rollback", "missing", "malformed")

    def test_files_of_two_states_in_the_cache(self, org: Organisation, machine: Enrolled) -> None:
        before = _generation(machine)
        kept = {path.name: path.read_bytes() for path in before.iterdir()}
        org.after(hours=1).rolled_out("second")
        machine.sync()
        for name in ("snapshot.json", "env-prod.json"):
            (_generation(machine) / name).write_bytes(kept[name])
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "mixed"

    def test_rings_of_another_environment(self, org: Organisation, machine: Enrolled) -> None:
        built = org.build("second")
        org.promote(built, by=("ana",), environment="dev")
        dev = staged_rings.current_rings(org.repository, "dev", "acme")
        metadata = org.repository.change("env-prod")
        metadata.signed.targets["prod/rings.json"] = org.repository.put(
            "prod/rings.json", rollout.written(dev)
        )
        org.repository.stage("env-prod", metadata)
        for name in ("ana", "bo"):
            org.repository.sign("env-prod", org.people[name])
        org.publish()
        refused(machine, org.server(), "elsewhere")

    def test_an_envelope_for_another_environment(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        built = org.build("second")
        org.promote(built, by=("ana", "bo"), environment="dev")
        org.promote(built)
        org.publish()
        server = org.server()
        other = server.files[f"targets/dev/{built.digest}.dsse.json"]
        server.files[f"targets/prod/{built.digest}.dsse.json"] = other
        refused(machine, server, "elsewhere")

    def test_another_organisation_behind_the_same_address(
        self, machine: Enrolled, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        other = Organisation(tmp_path / "other")
        other.after(hours=1).publish()
        refused(machine, other.server(), "signatures")
        _delete(machine.folder / "cache")
        refused(machine, other.server(), "root")


class TestKeys:
    def test_one_stolen_key_of_two_signs_no_environment(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        built = org.build("evil", author="bo")
        org.promote(built, by=("ana",))
        staged = org.folder / "staged/env-prod.json"
        server = _as_published(org, "env-prod", staged.read_bytes())
        refused(machine, server, "signatures")

    def test_one_stolen_key_that_signs_twice_is_one(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        """A threshold cheat: the same key under two ids, and the same signature twice."""
        built = org.build("evil", author="bo")
        org.promote(built, by=("ana",))
        value = parse((org.folder / "staged/env-prod.json").read_bytes())
        value["signatures"] = value["signatures"] * 2
        refused(
            machine,
            _as_published(org, "env-prod", json.dumps(value).encode()),
            "signatures",
            "malformed",
        )

    @pytest.mark.parametrize("spelled", [str, str.upper, " {}".format])
    def test_a_key_that_is_listed_under_two_ids_counts_once(
        self, spelled: Callable[[str], str], org: Organisation, machine: Enrolled
    ) -> None:
        """Whoever rules `targets` could list one key twice: a session's start does not count it so."""
        from devagent.org.trusted import verify

        files = {path.name: path.read_bytes() for path in _generation(machine).iterdir()}
        value = parse(files["targets.json"])
        role = next(
            one for one in value["signed"]["delegations"]["roles"] if one["name"] == "env-prod"
        )
        keys = value["signed"]["delegations"]["keys"]
        ana = org.people["ana"].public_key.keyid
        public = spelled(keys[ana]["keyval"]["public"])
        keys["ee" * 32] = keys[ana] | {"keyval": {"public": public}}
        role["keyids"] = [ana, "ee" * 32]
        value["signed"]["version"] = 1
        targets = signed(canonical(value), org.people["ana"], org.people["bo"])
        env = parse(files["env-prod.json"])
        sig = next(one["sig"] for one in env["signatures"] if one["keyid"] == ana)
        env["signatures"] = [{"keyid": ana, "sig": sig}, {"keyid": "ee" * 32, "sig": sig}]
        roles = {name.removesuffix(".json"): data for name, data in files.items()}
        roles |= {"targets": targets, "env-prod": canonical(env)}
        with pytest.raises(Refused, match="needs 2 of its 2 keys and has 1"):
            verify(org.root_sha256, [files["1.root.json"]], roles, ["env-prod"])

    def test_keys_of_the_timestamp_and_the_snapshot_alone_change_no_policy(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        mine = signer("eve")
        server = org.server()
        metadata = Metadata[Any].from_bytes(server.files["metadata/1.env-prod.json"])
        metadata.signed.version = 2
        metadata.sign(mine)
        data = metadata.to_bytes()
        refused(machine, _as_published(org, "env-prod", data), "signatures")

    def test_a_root_without_the_threshold_of_the_root_before(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        mine = [signer("eve"), signer("eva")]
        org.after(hours=1).publish()
        server = org.server()
        root = Metadata[Any].from_bytes(server.files["metadata/1.root.json"])
        root.signed.version = 2
        for old in list(root.signed.roles["root"].keyids):
            root.signed.revoke_key(old, "root")
        for one in mine:
            root.signed.add_key(one.public_key, "root")
        root.signatures.clear()
        for one in (*mine, org.roots["ana"]):
            root.sign(one, append=True)
        server.files["metadata/2.root.json"] = root.to_bytes()
        refused(machine, server, "signatures")

    def test_a_root_that_leaves_out_a_version(self, org: Organisation, machine: Enrolled) -> None:
        org.after(hours=1).publish()
        server = org.server()
        first = server.files["metadata/1.root.json"]
        server.files["metadata/2.root.json"] = signed(
            first, org.roots["ana"], org.roots["bo"], version=3
        )
        refused(machine, server, "rollback", "mixed", "root")

    def test_a_fast_forward_is_recovered_from_by_new_keys(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        """A thief of the timestamp's key counts up to the top; with new keys for it the organisation counts on."""
        server = org.server()
        server.files[NEW] = signed(server.files[NEW], org.online["timestamp"], version=2**31)
        assert machine.sync(server).outcome == "renewed"
        refused(machine, org.after(hours=1).server(), "rollback")
        fresh = signer("ci")
        delegating.replace_key(
            org.repository, org.online["timestamp"].public_key.keyid, fresh.public_key
        )
        org.online["timestamp"] = fresh
        org.sign_all()
        org.publish()
        assert machine.sync().outcome == "renewed"
        assert machine.client.in_force().chosen.trusted.versions()["timestamp"] < 2**31

    def test_a_root_key_that_is_stolen_is_replaced_and_of_no_use_after(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        stolen, fresh = org.roots["cy"], signer("cy")
        delegating.replace_key(org.repository, stolen.public_key.keyid, fresh.public_key)
        org.sign_all("ana", "bo")
        assert "root" in org.publish()
        org.roots["cy"] = fresh
        assert machine.sync().outcome == "renewed"
        root = Metadata[Any].from_bytes((org.published / "metadata/2.root.json").read_bytes())
        root.signed.version = 3
        root.signatures.clear()
        for one in (stolen, signer("eve")):
            root.sign(one, append=True)
        org.after(hours=1).publish()
        server = org.server()
        server.files["metadata/3.root.json"] = root.to_bytes()
        refused(machine, server, "signatures")

    def test_a_revoked_key_approves_nothing_any_more(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        found = revoking.revoked(
            revoking.revocations(org.repository, "acme"),
            "key",
            org.people["bo"].public_key.keyid,
            "lost",
        )
        revoking.set_revocations(org.repository, found, signer=org.people["ana"])
        org.publish()
        locked(machine, org.server())
        # What it approves from here on is refused as well; what others approve is not.
        org.promote(org.build("second", author="cy"), by=("bo", "cy"))
        org.publish()
        locked(machine, org.server())
        org.promote(org.build("third"), by=("ana", "cy"))
        org.publish()
        assert machine.sync().after == 3

    def test_the_author_alone_approves_nothing_with_two_keys(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        built = org.build("second", author="ana")
        org.promote(built, by=("ana", "bo"))
        place = f"prod/{built.digest}.dsse.json"
        body, signatures = opened(org.repository.target(place))
        ana = org.people["ana"].public_key.keyid
        org.repository.put_plain(place, envelope(body, {ana: signatures[ana]}))
        org.publish()
        done = refused(machine, org.server(), "approval")
        assert "2 people must sign, and 1 did (ana)" in done.reason

    def test_another_statement_under_the_same_signatures(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        org.rolled_out("second")
        server = org.server()
        (place,) = [p for p in server.files if p.startswith("targets/prod/") and p.endswith(".dsse.json") and _newest(server, p)]  # fmt: skip
        body, signatures = opened(server.files[place])
        assert pae(body) != pae(body + b" ")
        server.files[place] = envelope(body.replace(b'"failed":0', b'"failed":1'), signatures)
        refused(machine, server, "approval")


class TestTransport:
    def test_bytes_of_the_bundle_that_were_changed(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        built = org.rolled_out("second")
        server = org.server()
        place = f"targets/prod/{built.digest}.{built.name}"
        server.files[place] = server.files[place].replace(b"second", b"sekond")
        refused(machine, server, "changed")

    def test_a_bundle_without_end(self, org: Organisation, machine: Enrolled) -> None:
        built = org.rolled_out("second")
        server = org.server()
        server.files[f"targets/prod/{built.digest}.{built.name}"] += b"\x00" * 100_000
        refused(machine, server, "changed")

    @pytest.mark.parametrize(
        "file",
        [
            "metadata/timestamp.json",
            "metadata/2.snapshot.json",
            "metadata/2.root.json",
            "metadata/2.env-prod.json",
        ],
    )
    def test_metadata_without_end(self, file: str, org: Organisation, machine: Enrolled) -> None:
        org.after(hours=1).rolled_out("second")
        server = org.server()
        server.files[file] = b" " * 5_000_000
        refused(machine, server, "endless")

    @pytest.mark.parametrize(
        "file",
        ["metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.env-prod.json"],
    )
    def test_a_file_that_is_kept_back(
        self, file: str, org: Organisation, machine: Enrolled
    ) -> None:
        org.after(hours=1).rolled_out("second")
        server = org.server()
        del server.files[file]
        refused(machine, server, "missing")

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"null", b'{"signed": {}, "signatures": []}', b"\xff\xfe", b"[" * 9_000],
    )
    def test_a_timestamp_that_is_none(
        self, content: bytes, org: Organisation, machine: Enrolled
    ) -> None:
        server = org.server()
        server.files[NEW] = content
        refused(machine, server, "malformed")

    def test_a_server_that_is_not_there(self, machine: Enrolled) -> None:
        def gone() -> bytes:
            raise Refused("unreachable", "nobody answers")

        server = Server()
        server.on_fetch[NEW] = gone
        refused(machine, server, "unreachable")


class TestBundles:
    """Well signed, and still not to be taken: whoever signs can make a mistake, or be made to."""

    def test_a_machine_that_is_too_old(self, org: Organisation, machine: Enrolled) -> None:
        self.signed(org, org.build("second", min_client="2.0.0"))
        done = refused(machine, org.server(), "engine")
        assert "2.0.0" in done.reason

    def test_a_machine_that_is_too_new(self, org: Organisation, machine: Enrolled) -> None:
        self.signed(org, org.build("second", max_client="0.1.0"))
        refused(machine, org.server(), "engine")

    def test_a_policy_language_that_is_not_known(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        self.signed(org, org.build("second", semantics=7))
        refused(machine, org.server(), "engine")

    @pytest.mark.parametrize(
        ("manifest", "code"),
        [
            ({"schema": 2}, "schema"),
            ({"schema": True}, "schema"),
            ({"surprise": 1}, "manifest"),
            ({"revision": -1}, "manifest"),
            ({"org": "other"}, "approval"),
            ({"author": "eve"}, "approval"),
        ],
    )
    def test_a_manifest_of_another_kind(
        self, manifest: dict[str, Any], code: str, org: Organisation, machine: Enrolled
    ) -> None:
        built = org.build("second")
        files = {**built.files}
        files[manifests.FILE] = canonical(parse(files[manifests.FILE]) | manifest)
        self.signed(org, _packed(built, files))
        refused(machine, org.server(), code)

    def test_a_file_that_its_manifest_does_not_name(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        built = org.build("second")
        self.signed(org, _packed(built, {**built.files, "policy/more.toml": b"version = 1\n"}))
        refused(machine, org.server(), "manifest")

    def test_a_policy_that_is_none(self, org: Organisation, machine: Enrolled) -> None:
        self.signed(org, org.build("second", policy="version = 1\nnonsense = true\n"))
        done = refused(machine, org.server(), "policy")
        assert "nonsense" in done.reason

    @pytest.mark.parametrize(
        "name", ["../../evil", "/etc/evil", "a/../b", "c:\\x", "a//b", ".", "x" * 300]
    )
    def test_an_archive_with_a_name_that_leads_elsewhere(
        self, name: str, org: Organisation, machine: Enrolled
    ) -> None:
        self.archived(org, machine, lambda tar: _add(tar, name, b"evil"))

    @pytest.mark.parametrize(
        "kind",
        [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE],
    )
    def test_an_archive_with_something_else_than_files(
        self, kind: bytes, org: Organisation, machine: Enrolled
    ) -> None:
        def link(tar: tarfile.TarFile) -> None:
            entry = tarfile.TarInfo("policy/link")
            entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry)

        self.archived(org, machine, link)

    def test_an_archive_with_a_name_twice(self, org: Organisation, machine: Enrolled) -> None:
        self.archived(org, machine, lambda tar: _add(tar, "policy/ORG.toml", b"other"))

    def test_an_archive_with_too_many_files(self, org: Organisation, machine: Enrolled) -> None:
        def many(tar: tarfile.TarFile) -> None:
            for number in range(archive.MAX_FILES + 1):
                _add(tar, f"docs/{number}", b"")

        self.archived(org, machine, many)

    def test_an_archive_that_grows(self, org: Organisation, machine: Enrolled) -> None:
        """A few kilobytes that unpack to gigabytes are given up at the limit."""
        built = org.build("second")
        self.signed(org, Built(_gzip(b"\0" * 30_000_000), built.files, built.manifest))
        refused(machine, org.server(), "archive")

    def test_something_behind_the_archive(self, org: Organisation, machine: Enrolled) -> None:
        built = org.build("second")
        self.signed(org, Built(built.data + b"more", built.files, built.manifest))
        refused(machine, org.server(), "archive")

    def test_a_ring_that_names_no_signed_bundle(self, org: Organisation, machine: Enrolled) -> None:
        rings = staged_rings.current_rings(org.repository, "prod", "acme")
        elsewhere = Ring(name="everyone", percent=100, bundle="ab" * 32)
        metadata = org.repository.change("env-prod")
        data = rollout.written(replace(rings, rings=(elsewhere,)))
        metadata.signed.targets["prod/rings.json"] = org.repository.put("prod/rings.json", data)
        org.repository.stage("env-prod", metadata)
        for name in ("ana", "bo"):
            org.repository.sign("env-prod", org.people[name])
        org.publish()
        refused(machine, org.server(), "missing")

    def test_a_revoked_bundle_locks_the_machines_that_have_it(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        digest = machine.client.in_force().digest
        found = revoking.revoked(
            revoking.revocations(org.repository, "acme"), "bundle", digest, "leaks"
        )
        revoking.set_revocations(org.repository, found, signer=org.people["ana"])
        org.publish()
        locked(machine, org.server())
        # Nobody goes back to it by deleting what says so, or by a server of before.
        _delete(machine.folder / "cache")
        locked(machine, org.server())
        org.after(hours=1).rolled_out("second")
        assert machine.sync().after == 2

    def test_a_server_that_holds_a_revocation_back_gets_no_further_than_the_timestamps_term(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        held = org.server()
        digest = machine.client.in_force().digest
        found = revoking.revoked(
            revoking.revocations(org.repository, "acme"), "bundle", digest, "leaks"
        )
        revoking.set_revocations(org.repository, found, signer=org.people["ana"])
        org.publish()
        assert machine.sync(held).outcome == "unchanged"
        org.after(days=3.1)
        refused(machine, held, "frozen")
        assert machine.client.in_force().standing.state == "stale"

    def signed(self, org: Organisation, built: Built) -> None:
        """Put up, approved and published, whatever is in it."""
        org.promote(built)
        org.publish()

    def archived(
        self, org: Organisation, machine: Enrolled, more: Callable[[tarfile.TarFile], None]
    ) -> None:
        built = org.build("second")
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name, data in built.files.items():
                _add(tar, name, data)
            more(tar)
        self.signed(org, Built(_gzip(plain.getvalue()), built.files, built.manifest))
        refused(machine, org.server(), "archive")
        assert not (machine.folder / "evil").exists()
        assert not Path("/etc/evil").exists()


class TestThisMachine:
    def test_a_deleted_cache_locks(self, machine: Enrolled) -> None:
        _delete(machine.folder / "cache")
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "unsynced"

    @pytest.mark.parametrize("file", ["policy/org.toml", "manifest.json"])
    def test_a_changed_file_of_the_bundle_locks(self, file: str, machine: Enrolled) -> None:
        found = machine.client.in_force()
        path = Path(found.path(file))
        path.write_text(path.read_text().replace("read", "exec") + "\n")
        with pytest.raises(Refused) as caught:
            machine.client.in_force().read("policy/org.toml")
        assert caught.value.code == "changed"

    @pytest.mark.parametrize("number", range(9))
    def test_no_file_of_the_state_can_be_changed_or_taken_away(
        self, number: int, machine: Enrolled
    ) -> None:
        files = sorted(_generation(machine).iterdir())
        assert len(files) == 9
        path = files[number]
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"', b"'", 1))
        assert isinstance(machine.client.look(), Refused)
        path.unlink()
        assert isinstance(machine.client.look(), Refused)
        assert machine.sync().outcome == "updated"

    def test_somebody_elses_file_is_not_relied_on(
        self, machine: Enrolled, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owned_by(4_321, monkeypatch, _generation(machine) / "env-prod.json")
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "owner"

    def test_a_file_that_others_can_write_is_not_relied_on(self, machine: Enrolled) -> None:
        (_generation(machine) / "env-prod.json").chmod(0o666)
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "owner"

    def test_damaged_marks_lock(self, machine: Enrolled) -> None:
        (machine.folder / "data/org-marks.json").write_bytes(b"{")
        found = machine.client.look()
        assert isinstance(found, Refused)
        assert found.code == "pin"

    def test_a_cut_refresh_leaves_the_last_state(
        self, org: Organisation, machine: Enrolled
    ) -> None:
        """Wherever fetching ends, what was in force is in force, and the next look brings the rest."""
        before = machine.client.in_force().digest
        org.after(hours=1).rolled_out("second")
        whole = org.server()
        machine_fetches = org.machine(machine.folder.parent / "other")
        machine_fetches.sync(whole)
        for cut in range(1, len(whole.fetched)):
            server = org.server()
            left = [cut]

            def failing(
                path: str,
                limit: int,
                tag: str = "",
                server: Server = server,
                left: list[int] = left,
            ) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Refused("unreachable", "cut off")
                return Server.fetch(server, path, limit, tag)

            server.fetch = failing  # pyright: ignore[reportAttributeAccessIssue]
            done = machine.sync(server)
            if done.outcome == "updated":
                break
            assert machine.client.in_force().digest == before
        assert machine.sync().outcome in ("updated", "unchanged")
        assert machine.client.in_force().digest != before


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])


def _generation(machine: Enrolled) -> Path:
    state = machine.client.state
    return Path(state.folder, "generations", state.current())


def _delete(folder: Path) -> None:
    shutil.rmtree(folder)


def _as_published(org: Organisation, role: str, data: bytes) -> Server:
    """The tree with this role in it, and a snapshot and timestamp that name it: who has CI's keys can do that."""
    server = org.server()
    version: int = parse(data)["signed"]["version"]
    snapshot = max((org.published / "metadata").glob("*.snapshot.json"), key=_number)
    meta = parse(snapshot.read_bytes())["signed"]["meta"]
    meta[f"{role}.json"]["version"] = version
    number = _number(snapshot) + 1
    changed = signed(snapshot.read_bytes(), org.online["snapshot"], version=number, meta=meta)
    named = {"snapshot.json": {"version": number, "hashes": {"sha256": sha256(changed)}, "length": len(changed)}}  # fmt: skip
    server.files |= {
        f"metadata/{version}.{role}.json": data,
        f"metadata/{number}.snapshot.json": changed,
        NEW: signed(server.files[NEW], org.online["timestamp"], version=50, meta=named),
    }
    for path in (org.folder / "staged/targets").rglob("*"):
        if path.is_file():
            server.files[f"targets/{path.relative_to(org.folder / 'staged/targets').as_posix()}"] = path.read_bytes()  # fmt: skip
    return server


def _newest(server: Server, envelope_path: str) -> bool:
    return b'"revision":2' in opened(server.files[envelope_path])[0]


def _packed(built: Built, files: dict[str, bytes]) -> Built:
    """The files as they are, whatever the manifest says of them."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            _add(tar, name, files[name])
    return Built(_gzip(plain.getvalue()), files, built.manifest)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def _gzip(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=31)
    return made.compress(data) + made.flush()
