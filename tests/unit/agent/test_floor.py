"""The floor below every policy: devagent's own files, however they are named."""

import sys
from pathlib import Path

import pytest

from devagent.agent.floor import Floor
from devagent.core.resources import Access, Resource
from devagent.settings.places import places


class Machine:
    """A home with devagent's folder in it, and a workspace beside that."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "home" / "shop"
        self.own = root / "home" / ".config" / "devagent"
        for folder in (self.workspace, self.own):
            folder.mkdir(parents=True)
        self.floor = Floor(str(self.workspace), (str(self.own),))

    def refuses(self, name: str | Path, access: Access = "read", kind: str = "path") -> bool:
        return self.floor.refusal([Resource(f"{kind}:{name}", access)]) is not None


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path.resolve())


@pytest.mark.parametrize("access", ["read", "write"])
def test_own_files_are_refused_by_each_of_their_names(machine: Machine, access: Access) -> None:
    for name in (
        machine.own,
        machine.own / "policy.toml",
        machine.own / "deep" / "er" / "file",
        "../.config/devagent/policy.toml",
        "src/../../.config/devagent/policy.toml",
        f"{machine.own}/../devagent/./policy.toml",
        f"{machine.own}//policy.toml",
        f"{machine.own}/",
    ):
        assert machine.refuses(name, access), name


@pytest.mark.parametrize("access", ["read", "write"])
def test_files_beside_the_own_ones_are_not_its_matter(machine: Machine, access: Access) -> None:
    for name in (
        "src/app.py",
        "policy.toml",
        ".config/devagent/policy.toml",
        f"{machine.own}-other/policy.toml",
        f"{machine.own}.toml",
        machine.own.parent / "dev",
        "../.config/git/config",
    ):
        assert not machine.refuses(name, access), name


def test_a_folder_or_repository_that_holds_them_may_be_read_but_not_written(
    machine: Machine,
) -> None:
    for kind in ("path", "repo"):
        for name in ("..", machine.own.parent, machine.own.parent.parent, "/"):
            assert machine.refuses(name, "write", kind), name
            assert not machine.refuses(name, "read", kind), name


def test_a_repository_that_is_one_of_them_is_refused_altogether(machine: Machine) -> None:
    assert machine.refuses(machine.own, "read", "repo")
    assert not machine.refuses(".", "write", "repo")


def test_a_link_in_the_workspace_leads_nowhere_new(machine: Machine) -> None:
    (machine.workspace / "notes").symlink_to(machine.own)
    (machine.workspace / "a.toml").symlink_to(machine.own / "policy.toml")
    assert machine.refuses("notes/policy.toml", "write")
    assert machine.refuses("a.toml", "write")


def test_a_home_that_is_a_link_is_guarded_by_both_of_its_names(tmp_path: Path) -> None:
    real, link = tmp_path.resolve() / "real", tmp_path.resolve() / "link"
    real.mkdir()
    link.symlink_to(real)
    floor = Floor(str(tmp_path), places({"DEVAGENT_HOME": str(link)}).own())
    for folder in (real, link):
        assert floor.refusal([Resource(f"path:{folder}/policy.toml", "write")]), folder


def test_the_folders_of_a_person_and_of_the_organisation_are_guarded(tmp_path: Path) -> None:
    here = places({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "c")})
    floor = Floor(str(tmp_path), here.own())
    for path in (here.config, here.policy, f"{here.sessions}/x", f"{here.data}/x", here.cache):
        assert floor.refusal([Resource(f"path:{path}", "read")]), path


def test_one_own_file_among_many_resources_is_enough(machine: Machine) -> None:
    harmless = [Resource(f"path:src/{n}.py", "read") for n in range(3)]
    own = Resource(f"path:{machine.own}/config.toml", "read")
    assert machine.floor.refusal(harmless) is None
    refusal = machine.floor.refusal([*harmless, own])
    assert refusal is not None
    assert (refusal.effect, refusal.rules) == ("deny", ("floor#own-files",))
    assert refusal.determining[0].resource == own.id
    assert own.id in refusal.reason
    assert refusal.grant


def test_other_kinds_of_resources_are_not_files(machine: Machine) -> None:
    assert not machine.refuses(machine.own, "write", "branch")


def test_a_name_that_no_file_can_have_is_compared_all_the_same(machine: Machine) -> None:
    assert not machine.refuses("a\0b", "write")
    assert machine.refuses(f"{machine.own}/a\0b", "write")


def test_another_spelling_is_the_same_file_where_the_file_system_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    machine = Machine(tmp_path.resolve())
    assert machine.refuses(str(machine.own).upper(), "write")


def test_a_command_that_names_them_is_refused_and_others_are_not_its_matter(
    machine: Machine,
) -> None:
    own = machine.own
    for command in (
        f"rm -rf {own}",
        f"cp a.toml '{own}/policy.toml'",
        "cat ../.config/devagent/policy.toml",
        f"tool --output={own}/config.toml",
        f"echo 'unclosed {own}/policy.toml",
    ):
        assert machine.refuses(command, "write", "command"), command
    for command in ("rm -rf build", "pytest -q", f"ls {own}-other", "git log --author=dev"):
        assert not machine.refuses(command, "write", "command"), command
