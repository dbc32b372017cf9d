"""The CI templates that `bundle init` writes: their own steps, run as they stand in a fresh checkout."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devagent import __version__
from devagent.cli.entry import run_command_line
from devagent.org.keys import new_identity
from tests.support.command_line import ROOT

IDENTITY = "ci.key"


def steps(system: str, checkout: Path) -> list[tuple[str, dict[str, str]]]:
    """The commands of both jobs in their order, each with its own variables."""
    yaml: Any = pytest.importorskip("ruamel.yaml").YAML(typ="safe")
    if system == "gitlab":
        jobs: Any = yaml.load((checkout / ".gitlab-ci.yml").read_text())
        return [
            (line, dict(jobs[job].get("variables", {})))
            for job in ("check", "publish")
            for line in jobs[job]["script"]
        ]
    jobs = yaml.load((checkout / ".github/workflows/policy.yml").read_text())["jobs"]
    return [
        (step["run"], step.get("env", {}))
        for job in ("check", "publish")
        for step in jobs[job]["steps"]
        if "run" in step
    ]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=ana", "-c", "user.email=ana@acme.example", "-C", str(folder), *words],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """`devagent`, and installers that see whether they are asked for the version that is here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    wanted = f"devagent[org]=={__version__}"
    source = f"{ROOT}:{ROOT}/extensions:{ROOT}/policies"
    texts = {
        "devagent": f'PYTHONPATH={source} exec {sys.executable} -m devagent "$@"\n',
        **dict.fromkeys(("pip", "pipx"), f"[ \"$1 $2\" = 'install {wanted}' ]\n"),
    }
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The policy's repository as others push to it, with a first bundle put up for dev."""
    recipients = {name: new_identity(str(tmp_path / f"{name}.key")) for name in ("ana", "bo", "ci")}
    policy = tmp_path / "policy"
    people = [f"--person={name}={recipients[name]}" for name in ("ana", "bo")]
    assert run_command_line(["bundle", "init", str(policy), "--org", "acme", "--ci", recipients["ci"], *people]) == 0  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DEVAGENT_IDENTITY", str(tmp_path / "ana.key"))
        assert run_command_line(["bundle", "build", "-C", str(policy), "--as", "ana"]) == 0
        assert run_command_line(["bundle", "promote", "dev", "-C", str(policy), "--as", "ana"]) == 0
    git(policy, "init", "--quiet", "--initial-branch=main")
    git(policy, "add", "--all")
    git(policy, "commit", "--quiet", "-m", "Begin")
    assert "keys/root-ana.age" not in git(policy, "ls-files").split()
    bare = tmp_path / "policy.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(policy), str(bare))
    return bare


@pytest.mark.parametrize(
    ("system", "days"), [("github", ("first", "second")), ("gitlab", ("first",))]
)
def test_each_step_works_as_it_is_written_and_publishes(
    system: str, days: tuple[str, ...], remote: Path, programs: Path, tmp_path: Path
) -> None:
    """On the second day nothing was put up, and the timestamp is renewed: by the same command on both."""
    timestamps: list[str] = []
    for day in days:
        checkout = tmp_path / day
        git(tmp_path, "clone", "--quiet", str(remote), str(checkout))
        (tmp_path / f"runner-{day}").mkdir()
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
            "DEVAGENT_HOME": str(tmp_path / "home"),
            "RUNNER_TEMP": str(tmp_path / f"runner-{day}"),
            "CI_PROJECT_URL": str(remote).removesuffix(".git"),
            "CI_COMMIT_BRANCH": "main",
            "POLICY_CI_IDENTITY_FILE": str(tmp_path / "ci.key"),
            "POLICY_PUSH_TOKEN": "of-no-use-here",
        }
        for command, own in steps(system, checkout):
            given = {
                name: (tmp_path / "ci.key").read_text() if "secrets." in value else os.path.expandvars(value)
                for name, value in own.items()
            } | ({"DEVAGENT_IDENTITY": str(tmp_path / "ci.key")} if "DEVAGENT_IDENTITY" in own else {})  # fmt: skip
            done = subprocess.run(
                ["bash", "-e", "-c", command],
                cwd=checkout, env=environment | given, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert "AGE-SECRET-KEY" not in done.stdout + done.stderr
        timestamps.append(git(remote, "show", "main:published/metadata/timestamp.json"))
        files = git(remote, "ls-tree", "-r", "--name-only", "main").split()
        assert not [name for name in files if name.endswith(".key")]
        assert "published/metadata/2.env-dev.json" in files
        assert not [name for name in files if name.startswith("staged/env-dev")]
    for number, timestamp in enumerate(timestamps, 2):
        assert f'"version": {number}' in timestamp
