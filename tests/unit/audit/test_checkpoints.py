"""Signed tree heads: what they prove that the chain alone cannot."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devagent.audit.checkpoints import key_id, note_text
from devagent.audit.layout import CHECKPOINTS, DEVICE_KEY, EVENTS
from devagent.audit.merkle import Tree
from devagent.audit.record import to_base64
from devagent.audit.verify import verify_session
from tests.support.log_events import story, write_story
from tests.support.verifiers import said_by_second

NAME = "devagent/laptop-1"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
VKEY = f"{NAME}+{key_id(NAME, PUBLIC).hex()}+{to_base64(bytes([1]) + PUBLIC)}"


def head(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + head(leaves[:k]) + head(leaves[k:])).digest()


def note(folder: str, size: int, root: bytes | None = None, origin: str = "") -> str:
    lines = (Path(folder) / EVENTS).read_bytes().splitlines()
    text = note_text(
        origin or f"devagent/local/laptop-1/{Path(folder).name}", size, root or head(lines[:size])
    )
    signature = to_base64(key_id(NAME, PUBLIC) + KEY.sign(text.encode()))
    return f"{text}\n— {NAME} {signature}\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    made = write_story(str(tmp_path), story())
    (Path(made) / DEVICE_KEY).write_text(VKEY + "\n")
    return made


def sign(folder: str, *notes: str) -> None:
    (Path(folder) / CHECKPOINTS).write_text("".join(notes))


def test_the_tree_is_that_of_rfc_6962() -> None:
    leaves = [bytes([n]) * n for n in range(70)]
    tree = Tree()
    for n, leaf in enumerate(leaves):
        assert tree.root() == head(leaves[:n])
        tree.push(hashlib.sha256(b"\x00" + leaf).digest())
    assert tree.root() == head(leaves)


def test_checkpoints_over_the_log_verify_and_are_said_to_be_self_signed(folder: str) -> None:
    sign(folder, note(folder, 1), note(folder, 1), note(folder, 7), note(folder, len(story())))
    found = verify_session(folder)
    assert found.ok, found.problem
    assert found.checkpoints == 4
    assert found.notes == ["checkpoints: self-signed (the key is the folder's own device.vkey)"]
    assert verify_session(folder, key=VKEY).notes == []


def test_checkpoints_of_one_session_have_one_origin(folder: str) -> None:
    elsewhere = f"devagent/elsewhere/laptop-1/{Path(folder).name}"
    sign(folder, note(folder, 1, origin=elsewhere), note(folder, 7, origin=elsewhere))
    assert verify_session(folder).ok
    sign(folder, note(folder, 1), note(folder, 7, origin=elsewhere))
    assert f"is of {elsewhere}, the first one of" in str(verify_session(folder).problem)
    assert "is not the next of" in said_by_second(Path(folder))


def test_a_changed_last_line_is_found(folder: str) -> None:
    sign(folder, note(folder, len(story())))
    events = Path(folder) / EVENTS
    changed = events.read_bytes().replace(b'"exit_code":0', b'"exit_code":1')
    events.write_bytes(changed)
    assert str(verify_session(folder).problem) == (
        f"checkpoints:1: its root is not the root over the first {len(story())} lines"
    )


def test_lines_cut_from_the_end_are_found(folder: str) -> None:
    sign(folder, note(folder, 3), note(folder, len(story())))
    events = Path(folder) / EVENTS
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:-2]))
    assert "checkpoints:7: truncated: 23 lines were signed, 21 are there" in str(
        verify_session(folder).problem
    )


def test_lines_after_the_last_checkpoint_are_told(folder: str) -> None:
    sign(folder, note(folder, 20))
    assert "the last 3 lines come after the last checkpoint" in verify_session(folder).notes


def test_a_checkpoint_that_shrinks_or_is_of_another_session_is_refused(folder: str) -> None:
    sign(folder, note(folder, 7), note(folder, 3))
    assert "shrinks from 7 to 3 lines" in str(verify_session(folder).problem)
    sign(folder, note(folder, 7, origin="devagent/local/laptop-1/01MCC5RM000000000000000009"))
    assert "is not of session" in str(verify_session(folder).problem)


@pytest.mark.parametrize("at", [0, 30, 50, 60, 90, 100, 150, 200])
def test_a_changed_byte_of_a_checkpoint_is_found(folder: str, at: int) -> None:
    good = note(folder, 23).encode()
    (Path(folder) / CHECKPOINTS).write_bytes(
        good[:at] + (b"A" if good[at : at + 1] != b"A" else b"B") + good[at + 1 :]
    )
    assert not verify_session(folder).ok


def test_another_devices_signature_is_not_enough(folder: str) -> None:
    sign(folder, note(folder, 5))
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key()
    public = other.public_bytes(Encoding.Raw, PublicFormat.Raw)
    vkey = f"{NAME}+{key_id(NAME, public).hex()}+{to_base64(bytes([1]) + public)}"
    assert "bears no good signature" in str(verify_session(folder, key=vkey).problem)


def test_without_a_key_the_roots_are_checked_and_the_signatures_said_not_to_be(folder: str) -> None:
    (Path(folder) / DEVICE_KEY).unlink()
    sign(folder, note(folder, 5))
    found = verify_session(folder)
    assert found.ok
    assert "checkpoints: signatures not checked, there is no key (device.vkey)" in found.notes


def test_a_checkpoint_that_a_crash_cut_short_is_torn(folder: str) -> None:
    whole = note(folder, 5)
    for cut in range(1, len(whole.encode())):
        (Path(folder) / CHECKPOINTS).write_bytes(whole.encode() + whole.encode()[:cut])
        found = verify_session(folder)
        assert (found.ok, found.checkpoints) == (True, 1), (cut, found.problem)
        assert f"torn: the last {cut} bytes of checkpoints are no whole note" in found.notes


def test_a_damaged_key_is_refused(folder: str) -> None:
    sign(folder, note(folder, 5))
    (Path(folder) / DEVICE_KEY).write_text(VKEY.replace("laptop-1", "laptop-2"))
    assert "device.vkey: the key's id does not belong" in str(verify_session(folder).problem)
