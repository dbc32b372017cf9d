"""Signed files of approvals: taken from a known signer, whole, in their time, and for whom they were given."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devagent.audit.approval_file import Approvals, PrivateKey, SignedFile, read, write
from devagent.audit.device import Device
from devagent.cli.policy.approvals import approvals
from devagent.core.approvals import StandingApproval
from devagent.core.errors import ConfigError, UsageError
from devagent.core.resources import Resource
from devagent.settings.approvals import ApprovalsOnFile, Together
from devagent.settings.identity import principal
from devagent.settings.places import places

TODAY = "2026-11-21"


def approval(user: str = "ana", id: str = "a1") -> StandingApproval:
    return StandingApproval(
        id=id, user=user, by="user:bo", tool="git.branch", definition="ab" * 32, scope="always",
        given="2026-11-20", expires="2026-12-20", rules=("local/mine#look",),
        resources=(Resource("branch:b", "write"),),
    )  # fmt: skip


def content(*given: StandingApproval) -> Approvals:
    return Approvals(issued=TODAY, expires="2026-11-28", approvals=given or (approval(),))


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(str(tmp_path / "data"))


def pem(folder: Path) -> str:
    file = folder / "key.pem"
    key = Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(file)


def reading(
    file: Path, device: Device, *, user: str = "ana", keys: tuple[str, ...] = (), today: str = TODAY
) -> SignedFile:
    return read(str(file), device=device, user=user, keys=keys, today=today)


def test_what_this_computer_signed_holds_for_its_own_person_until_the_file_ends(
    tmp_path: Path, device: Device
) -> None:
    file = tmp_path / "a"
    file.write_bytes(write(content(approval(), approval("bo", "a2")), device))
    signed = reading(file, device)
    (one,) = signed.content.approvals
    assert (one.id, one.user, one.expires) == ("a1", "ana", "2026-11-28")
    assert (signed.event.key, signed.event.ids) == (device.name, ("a1",))
    assert reading(file, device, user="eve").content.approvals == ()


def test_a_key_that_policy_names_gives_for_others_and_any_other_key_gives_nothing(
    tmp_path: Path, device: Device
) -> None:
    signer = PrivateKey(pem(tmp_path), "acme/ci")
    file = tmp_path / "a"
    file.write_bytes(write(content(approval("ci")), signer))
    signed = reading(file, device, keys=(signer.vkey,))
    assert [one.user for one in signed.content.approvals] == ["ci"]
    with pytest.raises(ConfigError, match="signed neither by this computer nor by a key"):
        reading(file, device)
    other = PrivateKey(pem(tmp_path), "acme/ci")
    with pytest.raises(ConfigError, match="signed neither"):
        reading(file, device, keys=(other.vkey,))
    with pytest.raises(ConfigError, match="keys in the organisation's policy"):
        reading(file, device, keys=("nonsense",))


@pytest.mark.parametrize(
    ("today", "why"), [("2026-11-29", "expired on 2026-11-28"), ("2026-11-20", "holds from")]
)
def test_a_file_holds_in_its_time_alone(
    tmp_path: Path, device: Device, today: str, why: str
) -> None:
    file = tmp_path / "a"
    file.write_bytes(write(content(), device))
    with pytest.raises(ConfigError, match=why):
        reading(file, device, today=today)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"git.branch", b"git.push", "was changed after it was signed"),
        (b"2026-11-28", b"2027-11-28", "was changed after it was signed"),
        (b"devagent/approvals/1", b"devagent/approvals/2", "no signed file of approvals"),
        (b"\n\n\xe2\x80\x94 ", b"\n", "no signed file of approvals"),
        (b"git.branch", b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_was_touched_is_refused(
    tmp_path: Path, device: Device, old: bytes, new: bytes, why: str
) -> None:
    file = tmp_path / "a"
    file.write_bytes(write(content(), device).replace(old, new))
    with pytest.raises(ConfigError, match=why):
        reading(file, device)


def test_what_policy_revoked_answers_nothing_wherever_it_lies(tmp_path: Path) -> None:
    on_file = ApprovalsOnFile(str(tmp_path / "approvals.json"), [approval(id="b1")])
    together = Together(on_file, [approval(), approval(id="a2")], {"a1", "b1"})
    assert [one.id for one in together.standing()] == ["a2"]


def test_approvals_on_file_are_exported_checked_and_their_key_is_told(tmp_path: Path) -> None:
    me = principal().user
    ApprovalsOnFile.load(places().approvals).keep(approval(me))
    out = str(tmp_path / "signed")
    runner = CliRunner()

    def run(*arguments: str) -> str:
        done = runner.invoke(approvals, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "1 approval in" in run("export", "a1", "-o", out, "--days", "3")
    assert "a1 git.branch branch:b" in run("check", out)
    assert run("key").strip() == Device(places().data).vkey
    key = pem(tmp_path)
    run("export", "-o", out, "--key", key, "--name", "acme/ci", "--for", "ci")
    assert run("key", "--key", key, "--name", "acme/ci").startswith("acme/ci+")
    with pytest.raises(ConfigError, match="signed neither"):
        runner.invoke(approvals, ["check", out], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--for", "bo"], "--for needs --key"),
        (["--name", "x"], "go together"),
        (["nothing"], "no approval 'nothing'"),
        ([], "nothing to sign"),
        (["--from-session", "last"], "by a person at a terminal"),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path: Path, arguments: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        CliRunner().invoke(
            approvals, ["export", "-o", str(tmp_path / "out"), *arguments], catch_exceptions=False
        )
    assert not (tmp_path / "out").exists()
