"""Files that policy denies, and commands that would read them by themselves: the sandbox hides them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.core.tools import ToolSpec
from devagent.policy.denied_paths import denied_paths
from devagent.policy.parse import parse
from devagent_workspace import concealing, tools
from devagent_workspace.concealing import concealed
from devagent_workspace.contract import Result, WorkspaceError
from devagent_workspace.state import forget
from tests.support import sandboxes
from tests.support.workspaces import Place

SHELL = ToolSpec("workspace", "shell", "exec", "", {})


class Policy:
    """Refuses what it is told to, as a session's policy would; what it was asked."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied
        self.asked: list[str] = []

    def __call__(self, resources: Sequence[Any]) -> Sequence[bool]:
        self.asked += [one["id"] for one in resources]
        return [not one["id"].startswith(self.denied) for one in resources]


@pytest.fixture(params=sandboxes.KINDS)
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    sandboxes.use(monkeypatch, request.param)
    work = tmp_path.resolve() / "work"
    (work / "src").mkdir(parents=True)
    (work / "private/deep").mkdir(parents=True)
    for name in (
        ".env",
        "src/.env.local",
        "private/a",
        "private/deep/b",
        "src/app.py",
        "plans.txt",
    ):
        (work / name).write_text(f"secret of {name}\n")
    yield work
    forget(str(work))


def run(here: Place, command: str) -> Result:
    return tools.shell(here, command=command, timeout_s=20)


READ_ALL = "for f in .env src/.env.local private/a private/deep/b src/app.py plans.txt; do cat $f 2>/dev/null; done; true"  # fmt: skip


def test_what_policy_denies_is_not_there_for_any_command(folder: Path) -> None:
    denied = ("path:.env", "path:src/.env.local", "path:private/", "path:plans.txt")
    here = Place(str(folder), may_read=Policy(*denied), denied_paths=("private/**", "plans.*"))
    assert run(here, READ_ALL)["text"] == "secret of src/app.py"
    free = here._replace(may_read=Policy())
    assert run(free, READ_ALL)["text"].count("secret of") == 6
    for command in ("cp .env x; cat x", "ln .env x", "mv .env x && cat x", "rm -f .env; cat .env"):
        assert "secret of" not in run(here, command)["text"]
    code = "open('/proc/self/root' + __import__('os').path.abspath('.env')).read()"
    assert "secret of" not in run(here, f'python3 -c "print({code})"')["text"]
    assert (folder / ".env").read_text() == "secret of .env\n"


def test_a_refusal_is_explained(folder: Path) -> None:
    here = Place(str(folder), may_read=Policy("path:.env"))
    assert "policy keeps commands from .env" in run(here, "cat .env")["text"]


def test_a_file_that_comes_later_is_hidden_from_the_next_command(folder: Path) -> None:
    here = Place(str(folder), may_read=Policy("path:src/"))
    assert run(here, "cat src/.env.local 2>/dev/null; cat .env")["text"] == "secret of .env"
    (folder / "src/key.pem").write_text("secret, new\n")
    os.symlink("../src/.env.local", folder / "src/settings")
    result = run(here, "cat src/key.pem src/settings src/app.py 2>/dev/null; true")
    assert result["text"] == "secret of src/app.py"


def test_policy_is_asked_about_few_files_and_folders_are_read_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Policy("path:private/")
    here = Place(str(folder), may_read=policy, denied_paths=("private/**", "/nowhere/**", "*/x"))
    for at in (folder, folder / "src", folder / "private", folder / "private/deep"):
        os.utime(at, (1_700_000_000, 1_700_000_000))
    assert concealed(here) == (str(folder / "private"),)
    assert sorted(policy.asked) == ["path:.env", "path:private/-", "path:src/.env.local"]

    def scandir(path: str) -> None:
        raise AssertionError(f"read again: {path}")

    monkeypatch.setattr(concealing.os, "scandir", scandir)
    assert concealed(here) == (str(folder / "private"),)


def test_more_than_can_be_hidden_runs_nothing(folder: Path) -> None:
    for number in range(concealing.MOST_HIDDEN + 1):
        (folder / f"{number}.pem").touch()
    with pytest.raises(WorkspaceError) as refused:
        run(Place(str(folder), may_read=Policy("path:")), "touch ran")
    assert refused.value.error == "no_sandbox"
    assert not (folder / "ran").exists()


def test_where_to_look_is_what_rules_may_deny_to_a_tool() -> None:
    text = b"""
version = 1
layer = "org"
default = "deny"
[[rule]]
id = "a"
effect = "deny"
resources = ["path:private/**", "branch:main", "path:**.pem"]
why = "private"
[[rule]]
id = "b"
effect = "deny"
tools = ["workspace.*"]
resources = ["path:notes/*"]
when = { mode = ["run"] }
why = "maybe"
[[rule]]
id = "c"
effect = "deny"
tools = ["git.*"]
resources = ["path:git-only/**"]
why = "another tool"
[[rule]]
id = "d"
effect = "deny"
access = ["write"]
resources = ["path:written/**"]
why = "only writing"
[[rule]]
id = "e"
effect = "allow"
resources = ["path:src/**"]
why = "work"
"""
    file = parse(text, "org.toml", org=True)
    assert denied_paths([file], SHELL) == ("private/**", "**.pem", "notes/*")
