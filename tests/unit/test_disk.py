"""Small files of our own: whole or as they were, and one process at a time."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError, DevagentError
from devagent.disk import locked, replace_file


def test_a_replaced_file_is_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    replace_file(str(path), b"one")
    replace_file(str(path), b"two", to_disk=False)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["kept.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_what_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "kept.json"
    replace_file(str(path), b"one")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(str(path), b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["kept.json"]


def test_no_link_that_lies_in_the_way_is_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    (tmp_path / f"kept.json.{os.getpid()}").symlink_to(other)
    (tmp_path / "lock").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        replace_file(str(tmp_path / "kept.json"), b"mine")
    with pytest.raises(OSError, match="symbolic links"), locked(str(tmp_path / "lock")):
        pytest.fail("a lock was taken through a link")
    assert other.read_bytes() == b"somebody's"


def test_one_holds_a_lock_and_the_others_wait_no_longer_than_they_say(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with locked(path):
        with pytest.raises(ConfigError, match="another devagent holds"), locked(path, wait_s=0, error=ConfigError):  # fmt: skip
            pytest.fail("two hold the lock")
        with pytest.raises(DevagentError), locked(path, wait_s=0.01):
            pytest.fail("two hold the lock")
    with locked(path, wait_s=0):
        assert os.path.exists(path)


def test_changes_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    path, lock = str(tmp_path / "count"), str(tmp_path / "lock")
    replace_file(path, b"0")

    def count() -> None:
        for _ in range(20):
            with locked(lock, wait_s=60), open(path, "rb") as file:
                replace_file(f"{path}", b"%d" % (int(file.read()) + 1), to_disk=False)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert Path(path).read_bytes() == b"80"
