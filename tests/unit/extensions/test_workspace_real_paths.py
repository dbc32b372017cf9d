"""Names that lead through a link which may not be read: judged, and never an error of the house."""

import os
from pathlib import Path
from typing import Any

import pytest

from devagent_git import names
from devagent_git.real_paths import real_path as real_path_of_git
from devagent_workspace import tools
from devagent_workspace.contract import WorkspaceError
from devagent_workspace.environment import environment
from devagent_workspace.judging import touched_by
from devagent_workspace.real_paths import real_path
from tests.support.workspaces import Place


@pytest.fixture
def shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``root``, a link that may not be read, as in the ``/proc`` of somebody else's process."""
    place = tmp_path / "proc"
    place.mkdir()
    (place / "root").symlink_to("/")
    readlink = os.readlink

    def refusing(path: str, *, dir_fd: int | None = None) -> str:
        if os.fsdecode(path) == str(place / "root"):
            raise PermissionError(13, "Permission denied", path)
        return readlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "readlink", refusing)
    return place


@pytest.mark.parametrize("resolve", [real_path, real_path_of_git])
def test_a_link_that_may_not_be_read_stays_and_nothing_leads_back_from_it(
    shut: Path, resolve: Any
) -> None:
    (shut / "to").symlink_to("root/etc")
    root = f"{shut}/root"
    assert resolve(f"{root}/etc") == f"{root}/etc"
    assert resolve(f"{root}/../../x") == f"{root}/x"
    assert resolve(f"{shut}/to/passwd") == f"{root}/etc/passwd"
    assert resolve(f"{shut}/../proc/./root") == root
    assert real_path_of_git(os.fsencode(root)) == os.fsencode(root)


def test_what_lies_behind_it_is_judged_as_outside(shut: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "link").symlink_to(shut / "root")
    found = f"path:{shut}/root/etc/passwd"
    for line in (
        f"cat {shut}/root/etc/passwd",
        "cat link/etc/passwd",
        f"cd {shut}/root && cat etc/passwd",
    ):
        judged = touched_by(line, folder=str(work), cwd=str(work), variables=environment({}))
        assert found in [one["id"] for one in judged.resources], line
    here = Place(str(work))
    (one,) = tools.resources("read", {"path": "link/etc/passwd"}, here)
    assert one["id"] == found
    assert "path.outside" in one["tags"]
    with pytest.raises(WorkspaceError):
        tools.read(here, path="link/etc/passwd")


def test_git_takes_it_for_a_place_outside_of_the_repository(shut: Path, tmp_path: Path) -> None:
    with pytest.raises(names.GitError, match="outside"):
        names.path_in(str(tmp_path / "work"), str(tmp_path / "work"), f"{shut}/root/etc/passwd")
