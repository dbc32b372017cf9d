"""A file that rules depend on is read only where nobody else could have written it."""

import os
import socket
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError, PolicyError
from devagent.settings import trusted_file
from devagent.settings.trusted_file import read_trusted
from tests.support.owners import ME, owned_by


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    made = tmp_path / "policy.toml"
    made.write_bytes(b"version = 1\n")
    made.chmod(0o600)
    return made


def refusal(file: Path, *, root_only: bool = False, narrows_only: bool = False) -> PolicyError:
    with pytest.raises(PolicyError) as raised:
        read_trusted(str(file), root_only=root_only, narrows_only=narrows_only)
    assert raised.value.file == str(file)
    return raised.value


def test_a_persons_own_file_is_read(file: Path) -> None:
    assert read_trusted(str(file)) == b"version = 1\n"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o444, 0o755])
def test_others_may_read_it(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_trusted(str(file))


def test_a_file_that_is_not_there_is_for_the_caller_to_judge(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_trusted(str(file.with_name("none.toml")))
    with pytest.raises(FileNotFoundError):
        read_trusted(str(file.parent / "no" / "folder.toml"))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_file_that_others_can_write_is_refused_with_the_command_that_mends_it(
    file: Path, mode: int
) -> None:
    file.chmod(mode)
    error = refusal(file)
    assert "the file can be written by others" in error.what
    assert f"{mode:04o}" in error.what
    assert error.hint == f"Run `chmod go-w {file}`."


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_refused(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    error = refusal(file)
    assert "its folder can be written by others" in error.what
    assert error.hint == f"Run `chmod go-w {file.parent}`."


def test_a_sticky_folder_lets_nobody_replace_a_file_of_mine(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert read_trusted(str(file))
    file.chmod(0o666)
    assert "the file can be written by others" in refusal(file).what


def test_a_narrowing_file_may_be_writable_by_the_group_but_not_by_everybody(file: Path) -> None:
    file.chmod(0o664)
    file.parent.chmod(0o775)
    assert read_trusted(str(file), narrows_only=True)
    file.chmod(0o666)
    assert "by others" in refusal(file, narrows_only=True).what
    file.chmod(0o664)
    file.parent.chmod(0o777)
    assert "its folder" in refusal(file, narrows_only=True).what


def test_a_file_of_somebody_else_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(ME + 12345, monkeypatch, file)
    error = refusal(file)
    assert f"the file belongs to user id {ME + 12345}" in error.what
    assert "to you or to root" in error.hint


def test_a_folder_of_somebody_else_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(ME + 12345, monkeypatch, file.parent)
    assert "its folder belongs to user id" in refusal(file).what


def test_a_narrowing_file_of_somebody_else_is_refused_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_by(ME + 12345, monkeypatch, file)
    assert "belongs to user id" in refusal(file, narrows_only=True).what


def test_roots_file_serves_everybody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(0, monkeypatch, file, file.parent)
    assert read_trusted(str(file))
    assert read_trusted(str(file), root_only=True)


def test_the_organisations_file_belongs_to_root_and_to_nobody_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = ME or 12345
    owned_by(person, monkeypatch, file, file.parent)
    monkeypatch.setattr(os, "geteuid", lambda: person)
    assert read_trusted(str(file))
    error = refusal(file, root_only=True)
    assert f"belongs to user id {person}" in error.what
    assert error.hint == "It must belong to root."


def test_a_symbolic_link_is_refused_wherever_it_leads(file: Path) -> None:
    link = file.with_name("link.toml")
    link.symlink_to(file)
    assert "is a symbolic link" in refusal(link).what
    dangling = file.with_name("dangling.toml")
    dangling.symlink_to(file.with_name("none.toml"))
    assert "is a symbolic link" in refusal(dangling).what


def test_a_pipe_is_refused_and_not_waited_for(file: Path) -> None:
    pipe = file.with_name("pipe.toml")
    os.mkfifo(pipe, 0o600)
    assert "is not a regular file" in refusal(pipe).what


def test_a_folder_and_a_socket_are_no_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not a regular file" in refusal(file.parent).what
    monkeypatch.chdir(file.parent)  # a socket's name may be 100 characters long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.toml")
        assert "cannot be read" in refusal(file.with_name("socket.toml")).what


def test_a_path_through_a_file_is_refused(file: Path) -> None:
    error = refusal(file / "policy.toml")
    assert "cannot be read (Not a directory)" in error.what
    assert error.hint.startswith("Check `ls -l")


def test_a_file_that_may_not_be_read_is_refused_and_not_skipped(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: str, flags: int) -> int:
        raise PermissionError(
            13, "Permission denied"
        )  # what root, who may read everything, never sees

    monkeypatch.setattr(os, "open", denied)
    assert "cannot be read (Permission denied)" in refusal(file).what


def test_a_file_beyond_all_measure_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_file, "MAX_BYTES", 1024 * 1024)
    file.write_bytes(b"#" * 1024 * 1024)
    assert len(read_trusted(str(file))) == 1024 * 1024
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    assert "is larger than 1 MiB" in refusal(file).what


def test_the_error_is_of_the_kind_that_the_caller_names(file: Path) -> None:
    file.chmod(0o666)
    with pytest.raises(ConfigError) as raised:
        read_trusted(str(file), error=ConfigError)
    assert not isinstance(raised.value, PolicyError)


def test_no_file_is_left_open(file: Path) -> None:
    file.chmod(0o666)
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        refusal(file)
    assert len(os.listdir("/dev/fd")) == before
