"""The parts of a bundle by themselves: bytes that are always the same, shares of machines, keys of every kind."""

import os
from pathlib import Path

import pytest

from devagent.cli.bundle.promote import promote
from devagent.core.codec import sha256
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.org import archive, building, delegating, revoking
from devagent.org.keys import KeyFolder, new_identity, recipient_of
from devagent.org.libraries import CryptoSigner
from devagent.org.manifest import Manifest
from devagent.org.refusals import WORDS, Refused
from devagent.org.rollout import Ring, Rings, place, ring_for
from tests.support.org_repository import Organisation

NOON = 1_795_262_400.0


def described(**changes: object) -> Manifest:
    fields: dict[str, object] = {
        "schema": 1,
        "org": "acme",
        "revision": 1,
        "author": "ana",
        "files": {},
    }
    return Manifest(**fields | changes)  # pyright: ignore[reportArgumentType]


class TestArchive:
    def test_the_same_content_is_the_same_bytes_everywhere_and_for_ever(self) -> None:
        files = {
            "policy/org.toml": b'version = 1\nname = "acme"\nlayer = "org"\n',
            "style.md": b"# Style\n",
        }
        built = building.build(files, described())
        again = building.build(dict(reversed(files.items())), described())
        assert built.data == again.data
        # A change of this digest breaks what people have compared: it needs another schema of the manifest.
        assert built.digest == "e748d8aaeac85441b76d3c9b6db5a2a1aa21c322eeab1cfd9281c2191ac0302c"

    def test_what_is_packed_is_what_is_unpacked(self) -> None:
        files = {
            "policy/org.toml": b"version = 1\n",
            "docs/a.bin": bytes(range(256)) * 600,
            "docs/b": b"",
        }
        assert archive.unpacked(archive.packed(files)) == files

    def test_any_tar_reads_it(self, tmp_path: Path) -> None:
        import tarfile

        (tmp_path / "a.tar.gz").write_bytes(archive.packed({"docs/a.txt": b"x" * 200_000}))
        with tarfile.open(tmp_path / "a.tar.gz") as opened:
            member = opened.extractfile("docs/a.txt")
            assert member is not None
            assert member.read() == b"x" * 200_000

    def test_a_bundle_needs_the_organisations_own_policy(self) -> None:
        with pytest.raises(Refused, match=r"it has no policy/org.toml"):
            building.build({"style.md": b""}, described())

    @pytest.mark.parametrize("name", ["policy/org.toml.swp~", "secrets.env", ".git/config"])
    def test_the_content_folder_holds_nothing_else(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
        if name.startswith("policy/"):
            with pytest.raises(Refused):
                building.build(building.content_of(str(tmp_path)), described())
        else:
            with pytest.raises(ConfigError, match="has no place for this file"):
                building.content_of(str(tmp_path))


class TestRings:
    def rings(self, *rings: Ring) -> Rings:
        return Rings(schema=1, org="acme", environment="prod", rings=rings)

    def test_a_share_of_machines_is_that_share_and_keeps_its_machines_as_it_grows(self) -> None:
        stands = {f"{number:08x}": place("acme", f"{number:08x}") for number in range(20_000)}
        taken = {
            percent: {d for d, at in stands.items() if at < percent} for percent in (1, 5, 25, 50)
        }
        assert taken[1] < taken[5] < taken[25] < taken[50]
        for percent, devices in taken.items():
            assert abs(len(devices) / 200 - percent) < 1
        assert {d for d in stands if place("other", d) < 5} != taken[5]

    def test_who_is_named_is_in_the_ring_wherever_they_stand(self) -> None:
        rings = self.rings(
            Ring(name="canary", bundle="c", percent=0, allow=("user:ana", "device:aa")),
            Ring(name="everyone", bundle="e", percent=100),
        )
        for device, names, expected in [
            ("aa", {"user:bo"}, "c"),
            ("bb", {"user:ana"}, "c"),
            ("bb", {"user:bo"}, "e"),
        ]:
            assert ring_for(rings, device=device, names=names, now=NOON).bundle == expected

    def test_a_ring_holds_from_its_moment_on(self) -> None:
        rings = self.rings(
            Ring(name="next", bundle="n", percent=100, since="2026-11-21T12:00:01Z"),
            Ring(name="everyone", bundle="e", percent=100),
        )
        assert ring_for(rings, device="aa", names=(), now=NOON).bundle == "e"
        assert ring_for(rings, device="aa", names=(), now=NOON + 1).bundle == "n"

    def test_who_is_in_no_ring_has_no_policy_to_run_by(self) -> None:
        with pytest.raises(Refused) as caught:
            ring_for(
                self.rings(Ring(name="none", bundle="c", percent=0)),
                device="aa",
                names=(),
                now=NOON,
            )
        assert caught.value.code == "ring"

    def test_a_ring_beside_nothing_is_refused(self, tmp_path: Path) -> None:
        org = Organisation(tmp_path, publish=False)
        with pytest.raises(DevagentError, match="nothing holds for everyone yet"):
            org.promote(org.build("first"), ring=Ring(name="canary", bundle="", percent=5))


class TestKeys:
    def test_a_key_of_a_key_service_is_of_another_kind_and_as_good(self, tmp_path: Path) -> None:
        """What hardware and services mostly have: ECDSA on P-256, here in Cy's hand."""
        org = Organisation(tmp_path)
        made = CryptoSigner.generate_ecdsa()
        made.public_key.unrecognized_fields["x-devagent-owner"] = "cy"
        delegating.replace_key(org.repository, org.people["cy"].public_key.keyid, made.public_key)
        org.people["cy"] = made
        org.sign_all()
        org.publish()
        machine = org.machine(tmp_path / "m")
        assert machine.sync().outcome == "updated"
        org.promote(org.build("second"), by=("cy", "ana"))
        org.publish()
        assert machine.sync().after == 2
        assert machine.client.in_force().approved.by == ("ana", "cy")

    def test_a_key_file_opens_for_the_identity_that_it_is_sealed_for_alone(
        self, tmp_path: Path
    ) -> None:
        mine, theirs = str(tmp_path / "mine.key"), str(tmp_path / "theirs.key")
        recipient = new_identity(mine)
        new_identity(theirs)
        assert recipient_of(mine) == recipient
        assert os.stat(mine).st_mode & 0o077 == 0
        public = KeyFolder(str(tmp_path / "keys")).new("ana", "ana", recipients=[recipient])
        sealed = (tmp_path / "keys/ana.age").read_bytes()
        assert sealed.startswith(b"age-encryption.org/v1")

        def opened(identity: str) -> KeyFolder:
            secret = Path(identity).read_text().splitlines()[-1]
            return KeyFolder(str(tmp_path / "keys"), identities=[secret])

        signed = opened(mine).signer("age:ana.age", public).sign(b"text")
        public.verify_signature(signed, b"text")
        for folder in (opened(theirs), KeyFolder(str(tmp_path / "keys"))):
            with pytest.raises(ConfigError):
                folder.signer("age:ana.age", public)
        with pytest.raises(ConfigError, match="already"):
            opened(mine).new("ana", "ana", recipients=[recipient])

    def test_a_service_that_is_not_there_says_which_key_it_was(self, tmp_path: Path) -> None:
        public = CryptoSigner.generate_ed25519().public_key
        with pytest.raises(ConfigError, match="the key hsm:… cannot be used"):
            KeyFolder(str(tmp_path)).signer("hsm:2?label=prod", public)


def test_only_what_there_is_can_be_revoked(tmp_path: Path) -> None:
    org = Organisation(tmp_path)
    with pytest.raises(UsageError, match="cannot be revoked"):
        revoking.revoked(revoking.revocations(org.repository, "acme"), "weather", "rain", "")


def test_every_refusal_has_words_and_says_what_to_do() -> None:
    for code, words in WORDS.items():
        refused = Refused(code, "found")
        assert refused.what == f"{words}: found"
        assert refused.hint
    assert len(set(WORDS.values())) == len(WORDS)


def test_what_is_signed_is_not_replaced(tmp_path: Path) -> None:
    org = Organisation(tmp_path)
    other = org.build("other", revision=1)
    with pytest.raises(DevagentError, match="has another digest"):
        org.promote(other)
    assert sha256(other.data) == other.digest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--percent", "5"], "for everybody"),
        (["--allow", "user:ana"], "for everybody"),
        (["--since", "2026-12-01T06:00:00Z"], "for everybody"),
        (["--ring", "canary", "--shadow", "--percent", "5"], "shadow"),
        (["--ring", "canary", "--since", "tomorrow"], "2026-12-01T06:00:00Z"),
        (["--ring", "canary", "--since", "2026-12-01T06:00:00+02:00"], "2026-12-01T06:00:00Z"),
    ],
)
def test_a_roll_out_that_says_less_than_was_meant_is_not_put_up(
    arguments: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        promote.main(["prod", "--as", "ana", *arguments], standalone_mode=False)
