"""The way of trust by itself, as a session's start walks it over files that lie here: python-tuf has no part in it.

Each case is signed anew all the way up by the keys that may, so that what is refused is refused for what it says."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.core.codec import parse, sha256
from devagent.org.canonical import signed_bytes
from devagent.org.libraries import Signer
from devagent.org.refusals import Refused
from devagent.org.trusted import MAX_BYTES, Trusted, verify
from tests.support.org_attacks import signed_anew
from tests.support.org_repository import Organisation, signer

Signed = dict[str, Any]


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    return Organisation(tmp_path_factory.mktemp("org"))


class Files:
    """What the organisation published, to be changed and verified."""

    def __init__(self, org: Organisation) -> None:
        metadata = org.published / "metadata"
        self._org = org
        self.roots = [(metadata / "1.root.json").read_bytes()]
        self.files = {"timestamp": (metadata / "timestamp.json").read_bytes()}
        version = self.signed("timestamp")["meta"]["snapshot.json"]["version"]
        self.files["snapshot"] = (metadata / f"{version}.snapshot.json").read_bytes()
        for name, said in self.signed("snapshot")["meta"].items():
            role = name.removesuffix(".json")
            self.files[role] = (metadata / f"{said['version']}.{name}").read_bytes()

    def signed(self, role: str) -> Signed:
        return parse(self.files[role])["signed"]

    def keys(self, role: str) -> list[Signer]:
        online = self._org.online.get(role)
        return [online] if online is not None else list(self._org.people.values())

    def change(
        self, role: str, change: Callable[[Signed], None], by: Iterable[Signer] = ()
    ) -> None:
        """Change one file, and what stands above it says so."""
        value = parse(self.files[role])
        change(value["signed"])
        self.files[role] = signed_anew(value, [*by] or self.keys(role))
        above = {"snapshot": "timestamp", "timestamp": ""}.get(role, "snapshot")
        if above:
            self.change(
                above, lambda signed: signed["meta"].update({f"{role}.json": self.named(role)})
            )

    def named(self, role: str) -> dict[str, Any]:
        data = self.files[role]
        return {
            "version": self.signed(role)["version"],
            "length": len(data),
            "hashes": {"sha256": sha256(data)},
        }

    def another_root(self, change: Callable[[Signed], None], by: Iterable[Signer] = ()) -> None:
        value = parse(self.roots[-1])
        value["signed"]["version"] += 1
        change(value["signed"])
        self.roots.append(signed_anew(value, [*by] or self._org.roots.values()))

    def verified(self, pinned: str = "", roots: Sequence[bytes] | None = None) -> Trusted:
        known = self.roots if roots is None else roots
        pin = pinned or self._org.root_sha256
        return verify(pin, known, self.files, ["env-prod", "revoke"], also="team-")

    def refused(self, *, said: str | None = None) -> str:
        with pytest.raises(Refused, match=said) as caught:
            self.verified()
        return caught.value.code


@pytest.fixture
def files(org: Organisation) -> Files:
    return Files(org)


def test_what_was_published_is_trusted_and_so_is_what_was_signed_anew(files: Files) -> None:
    before = files.verified().versions()
    files.change("env-prod", lambda signed: signed.update(version=signed["version"] + 1))
    files.another_root(lambda _: None)
    found = files.verified()
    assert found.versions() == before | {"env-prod": before["env-prod"] + 1, "root": 2}
    assert {one.owner for one in found.root.by} == {"ana", "bo", "cy"}


class TestRoots:
    def test_another_organisations_however_well_signed(
        self, files: Files, tmp_path: Path, org: Organisation
    ) -> None:
        other = Files(Organisation(tmp_path))
        assert other.verified().versions()["root"] == 1
        with pytest.raises(Refused) as caught:
            other.verified(org.root_sha256)
        assert caught.value.code == "root"

    def test_none(self, files: Files) -> None:
        with pytest.raises(Refused) as caught:
            files.verified(roots=[])
        assert caught.value.code == "root"

    @pytest.mark.parametrize("step", [0, 2])
    def test_one_whose_version_does_not_follow(self, files: Files, step: int) -> None:
        files.another_root(lambda signed: signed.update(version=1 + step))
        assert files.refused(said="does not follow") == "root"

    def test_one_that_the_keys_before_it_have_not_signed(self, files: Files, org: Organisation) -> None:  # fmt: skip
        mine = [signer("mallory"), signer("trudy")]

        def taken_over(signed: Signed) -> None:
            signed["keys"] |= {one.public_key.keyid: one.public_key.to_dict() for one in mine}
            signed["roles"]["root"] = {
                "keyids": [one.public_key.keyid for one in mine],
                "threshold": 2,
            }

        files.another_root(taken_over, by=[*mine, org.roots["ana"]])
        assert files.refused(said="root needs 2 of its 3 keys and has 1") == "signatures"

    def test_one_that_its_own_keys_have_not_signed(self, files: Files, org: Organisation) -> None:
        new = signer("dee")

        def handed_over(signed: Signed) -> None:
            signed["keys"][new.public_key.keyid] = new.public_key.to_dict()
            signed["roles"]["root"] = {"keyids": [new.public_key.keyid], "threshold": 1}

        files.another_root(handed_over, by=org.roots.values())
        assert files.refused(said="root needs 1 of its 1 keys and has 0") == "signatures"


FOUR = ["timestamp", "snapshot", "targets", "env-prod"]


@pytest.mark.parametrize("role", FOUR)
class TestOneFile:
    def test_that_is_not_there(self, role: str, files: Files) -> None:
        del files.files[role]
        assert files.refused() == "missing"

    def test_that_is_larger_than_any(self, role: str, files: Files) -> None:
        files.change(role, lambda signed: signed.update(padding="x" * MAX_BYTES))
        assert files.refused() == "endless"

    def test_that_is_no_json(self, role: str, files: Files) -> None:
        files.files[role] = files.files[role][:-1]
        assert files.refused(said="no JSON") == "malformed"

    def test_of_another_type(self, role: str, files: Files) -> None:
        files.change(role, lambda signed: signed.update(_type="mirrors"))
        assert files.refused() in ("malformed", "mixed")

    @pytest.mark.parametrize("version", [0, -1, True, "7", None])
    def test_without_a_version(self, role: str, version: object, files: Files) -> None:
        files.change(role, lambda signed: signed.update(version=version))
        assert files.refused() == "malformed"

    @pytest.mark.parametrize("specification", ["2.0", "", 1, None])
    def test_of_a_specification_that_is_not_known(
        self, role: str, specification: object, files: Files
    ) -> None:
        files.change(role, lambda signed: signed.update(spec_version=specification))
        assert files.refused() == "schema"

    @pytest.mark.parametrize("expires", ["soon", 7, None])
    def test_without_a_term(self, role: str, expires: object, files: Files) -> None:
        files.change(role, lambda signed: signed.update(expires=expires))
        assert files.refused() == "malformed"

    def test_signed_by_a_stranger(self, role: str, files: Files) -> None:
        files.change(role, lambda _: None, by=[signer("mallory"), signer("trudy")])
        assert files.refused() == "signatures"

    def test_changed_after_it_was_signed(self, role: str, files: Files) -> None:
        value = parse(files.files[role])
        value["signed"]["version"] += 1
        files.files[role] = json.dumps(value).encode()
        assert files.refused() == "signatures"


@pytest.mark.parametrize("role", FOUR[1:])
class TestWhatStandsAboveSays:
    def above(self, role: str, files: Files, change: Callable[[dict[str, Any]], None]) -> None:
        name = "timestamp" if role == "snapshot" else "snapshot"
        files.change(role, lambda _: None)
        files.change(name, lambda signed: change(signed["meta"]))

    def test_nothing_of_it(self, role: str, files: Files) -> None:
        self.above(role, files, lambda meta: meta.pop(f"{role}.json"))
        assert files.refused(said="knows no") == "mixed"

    @pytest.mark.parametrize(
        ("other", "code"),
        [
            ({"version": 99}, "mixed"), ({"length": 3}, "mixed"), ({"hashes": {"sha256": "0" * 64}}, "mixed"),
            ({"hashes": {"md5": "0"}}, "mixed"), ({"hashes": 7}, "malformed"), ({"version": "1"}, "malformed"),
        ],
    )  # fmt: skip
    def test_another_than_it_is(
        self, role: str, other: dict[str, Any], code: str, files: Files
    ) -> None:
        self.above(role, files, lambda meta: meta[f"{role}.json"].update(other))
        assert files.refused() == code

    def test_no_table(self, role: str, files: Files) -> None:
        self.above(role, files, lambda meta: meta.update({f"{role}.json": 7}))
        assert files.refused() == "malformed"


def _delegation(change: Callable[[dict[str, Any]], object]) -> Callable[[Signed], None]:
    def changed(signed: Signed) -> None:
        (one,) = (r for r in signed["delegations"]["roles"] if r["name"] == "env-prod")
        change(one)

    return changed


MALFORMED: dict[str, Callable[[Signed], None]] = {
    "no delegations": lambda signed: signed.pop("delegations"),
    "a list of keys": lambda signed: signed["delegations"].update(keys=[]),
    "a role that is no table": lambda signed: signed["delegations"]["roles"].append(7),
    "a role without a name": _delegation(lambda one: one.pop("name")),
    "a top-level role's name": _delegation(lambda one: one.update(name="snapshot")),
    "the root's name": _delegation(lambda one: one.update(name="root")),
    "one role twice": lambda signed: signed["delegations"]["roles"].append(
        signed["delegations"]["roles"][0]
    ),
    "no threshold": _delegation(lambda one: one.pop("threshold")),
    "a threshold of none": _delegation(lambda one: one.update(threshold=0)),
    "no list of keys": _delegation(lambda one: one.update(keyids="abc")),
    "a key that is not there": _delegation(lambda one: one["keyids"].append("0" * 64)),
    "a key that is no name": _delegation(lambda one: one["keyids"].append(7)),
    "paths that are none": _delegation(lambda one: one.update(paths=[7])),
    "paths that are no list": _delegation(lambda one: one.update(paths="**")),
}


@pytest.mark.parametrize("what", list(MALFORMED))
def test_delegations_that_cannot_be_read(what: str, files: Files) -> None:
    files.change("targets", MALFORMED[what])
    assert files.refused() == "malformed"


def test_a_role_that_nobody_delegated_is_not_found(files: Files) -> None:
    def taken_out(signed: Signed) -> None:
        roles = signed["delegations"]["roles"]
        signed["delegations"]["roles"] = [one for one in roles if one["name"] != "env-prod"]

    files.change("targets", taken_out)
    assert files.refused(said="names no env-prod") == "elsewhere"


def test_one_key_under_two_ids_is_one(files: Files, org: Organisation) -> None:
    ana = org.people["ana"]
    twin = "f" * 64

    def doubled(signed: Signed) -> None:
        signed["delegations"]["keys"][twin] = ana.public_key.to_dict()
        for one in signed["delegations"]["roles"]:
            if one["name"] == "env-prod":
                one["keyids"].append(twin)

    files.change("targets", doubled)
    value = parse(files.files["env-prod"])
    sig = ana.sign(signed_bytes(value["signed"])).signature
    value["signatures"] = [{"keyid": id, "sig": sig} for id in (ana.public_key.keyid, twin)]
    files.files["env-prod"] = json.dumps(value).encode()
    files.change("snapshot", lambda signed: signed["meta"].update({"env-prod.json": files.named("env-prod")}))  # fmt: skip
    assert files.refused(said="has 1") == "signatures"


def test_a_role_signs_for_the_files_below_its_paths_alone(files: Files) -> None:
    def more(signed: Signed) -> None:
        entry = next(iter(signed["targets"].values()))
        signed["targets"] |= {"dev/rings.json": entry, "prod/a/b.json": entry, "prod/own.json": entry}  # fmt: skip

    before = set(files.verified().delegated["env-prod"].targets())
    files.change("env-prod", more)
    assert set(files.verified().delegated["env-prod"].targets()) == before | {"prod/own.json"}


@pytest.mark.parametrize(
    "entry", [7, {"length": -1, "hashes": {"sha256": "0"}}, {"length": 1}, {"hashes": {"sha256": "0"}}]
)  # fmt: skip
def test_a_file_without_length_and_digest_is_not_signed_for(entry: object, files: Files) -> None:
    files.change("env-prod", lambda signed: signed["targets"].update({"prod/rings.json": entry}))
    with pytest.raises(Refused, match="no length and sha256"):
        files.verified().delegated["env-prod"].targets()
