"""install.sh on a machine that has a shell, the POSIX tools, a Python and nothing else."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import msgspec
import pytest

from tests.support.installing import (
    ORIGINAL,
    ROOT,
    bare_machine,
    base_python,
    run,
    script,
    wheelhouse,
)
from tests.support.messages_server import Step
from tests.support.repositories import small
from tests.support.workplace import ADD, COMMIT, POLICY, commits

INSTALL = ROOT / "install.sh"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    return bare_machine(tmp_path / "a machine")


def fake_python(machine: dict[str, str], case: str) -> None:
    """Put a ``python3`` there that does as the shell's ``case`` says and else as Python does."""
    script(
        Path(machine["PATH"], "python3"),
        f'case "$*" in *sys.executable*) echo "$0"; exit ;; {case} esac\nexec {base_python()} "$@"',
    )


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_installation_works_is_not_repeated_and_leaves_nothing_behind(
    machine: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wheels = wheelhouse(tmp_path_factory)
    prefix = tmp_path / "it's a prefix"
    command = ["sh", INSTALL, "--prefix", prefix, "--wheelhouse", wheels]

    first = run(command, env=machine, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert f'export PATH="{prefix}/bin:$PATH"' in first.stderr
    (environment,) = (prefix / "share/devagent").iterdir()
    assert sorted(os.listdir(prefix / "bin")) == [
        "devagent",
        "devagent-docs",
        "devagent-git",
        "devagent-sql",
        "devagent-tickets",
        "devagent-workspace",
    ]
    compiled = list(environment.glob("lib/python*/site-packages/devagent/core/__pycache__/*.pyc"))
    assert len(compiled) >= len(list((ROOT / "devagent/core").glob("*.py")))
    assert not list(environment.glob("lib/python*/site-packages/*.pth"))  # run at each start

    # A module of the same name in the working folder or on PYTHONPATH is another's code.
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "click.py").write_text("raise SystemExit('code of the workspace was run')")
    hostile = {**machine, "PYTHONPATH": str(workspace)}
    shown = run([prefix / "bin/devagent", "--version"], env=hostile, cwd=workspace)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "devagent 0.1.0\n", "")
    helped = run([prefix / "bin/devagent", "--help"], env=hostile, cwd=workspace)
    assert helped.returncode == 0, helped.stderr
    assert "Usage: devagent" in helped.stdout

    made = environment.stat().st_mtime_ns
    second = run(command, env=machine, cwd=workspace)
    assert second.returncode == 0
    assert "installed already" in second.stderr
    assert environment.stat().st_mtime_ns == made

    plays_the_demo(prefix / "bin/devagent", machine, tmp_path)
    commits_for_real(prefix / "bin/devagent", machine, tmp_path)

    config = Path(machine["HOME"], ".config/devagent/policy.toml")
    config.write_text("# mine")
    removed = run(["sh", INSTALL, "--prefix", prefix, "--uninstall"], env=machine)
    assert removed.returncode == 0, removed.stderr
    assert str(config.parent) in removed.stderr
    assert config.read_text() == "# mine"
    assert not prefix.exists()
    again = run(["sh", INSTALL, "--prefix", prefix, "--uninstall"], env=machine)
    assert (again.returncode, "was not installed" in again.stderr) == (0, True)
    left = {path.name for path in ROOT.iterdir()}
    assert not left & {"build", "dist", "devagent.egg-info"}


def plays_the_demo(devagent: Path, machine: dict[str, str], tmp_path: Path) -> None:
    without = run([devagent, "demo"], env=machine, cwd=tmp_path)
    assert (without.returncode, "git is not on PATH" in without.stderr) == (78, True)
    git = shutil.which("git", path=ORIGINAL["PATH"])
    assert git
    Path(machine["PATH"], "git").symlink_to(git)
    before = tree(tmp_path)
    shown = run([devagent, "demo"], env=machine, cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "denied by org/acme#no-force-push (acme.toml:35)" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("verify: ok ")
    new = {path.split("/")[1] for path in set(tree(tmp_path)) - set(before) if "/" in path}
    assert new == {"home"}  # its log; the sample company is gone


def commits_for_real(devagent: Path, machine: dict[str, str], tmp_path: Path) -> None:
    """A run of the installed program against the Messages API on loopback, by the person's own policy."""
    repository = small(tmp_path / "repository")
    (repository / "a.txt").write_text("three\n")
    home = Path(machine["HOME"])
    (home / ".gitconfig").write_text("[user]\n\tname = Ana Roe\n\temail = ana@example.com\n")
    policy = home / ".config/devagent/policy.toml"
    policy.parent.mkdir(mode=0o700, parents=True)
    policy.write_text(POLICY)
    policy.chmod(0o600)
    script_file = tmp_path / "script.json"
    steps = [Step(calls=[ADD, COMMIT]), Step(text="Committed.")]
    script_file.write_bytes(msgspec.json.encode({"steps": steps}))
    command = [sys.executable, "-m", "tests.support.messages_server", "--script", script_file]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            env = {**machine, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-ant-test"}
            done = run([devagent, "run", "Commit my change"], env=env, cwd=repository)
        finally:
            server.kill()
    assert (done.returncode, done.stdout, done.stderr) == (0, "Committed.\n", "")
    assert commits(repository)[0] == "Say three"
    verified = run([devagent, "session", "verify", "last"], env=machine, cwd=tmp_path)
    assert verified.stdout.startswith("verify: ok "), verified.stderr


def test_an_interrupted_installation_leaves_nothing_half_made(
    machine: dict[str, str], tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    # The packages never come: pip waits until it is interrupted.
    tools = Path(machine["PATH"])
    fake_python(machine, f'*" -m pip "*" install "*) : >{tmp_path}/begun; exec sleep 60 ;;')
    (tools / "sleep").symlink_to("/bin/sleep")
    process = subprocess.Popen(
        ["sh", INSTALL, "--prefix", prefix],
        env=machine,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        # A shell in the background hands SIGINT on as ignored, and then no trap of a script can take it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        limit = time.monotonic() + 30
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert tree(prefix) == ["bin", "share", "share/devagent"]


def test_a_lock_of_a_killed_installation_does_not_stop_the_next(
    machine: dict[str, str], tmp_path: Path
) -> None:
    lock = tmp_path / "prefix/share/devagent/install.lock"
    lock.mkdir(parents=True)
    ended = subprocess.Popen(["/bin/sh", "-c", ":"])
    ended.wait(10)
    (lock / "pid").write_text(str(ended.pid))
    got = run(
        ["sh", INSTALL, "--prefix", tmp_path / "prefix", "--wheelhouse", tmp_path / "none"],
        env=machine,
    )
    assert "is not a folder" in got.stderr  # so it came past the lock
    assert not lock.exists()


def test_a_running_installation_is_not_disturbed(machine: dict[str, str], tmp_path: Path) -> None:
    lock = tmp_path / "prefix/share/devagent/install.lock"
    lock.mkdir(parents=True)
    (lock / "pid").write_text(str(os.getpid()))
    got = run(["sh", INSTALL, "--prefix", tmp_path / "prefix"], env=machine)
    assert got.returncode == 1
    assert f"another install.sh (process {os.getpid()}) is at work" in got.stderr
    assert (lock / "pid").read_text() == str(os.getpid())


def test_an_old_python_is_named(machine: dict[str, str], tmp_path: Path) -> None:
    script(Path(machine["PATH"], "python3"), 'echo "too old: 3.9.2"')
    got = run(["sh", INSTALL], env=machine)
    assert got.returncode == 1
    assert "needs Python 3.11 or newer, and python3 is 3.9.2." in got.stderr
    assert "apt install python3" in got.stderr
    assert tree(Path(machine["HOME"])) == []


def test_a_newer_python_beside_an_old_one_is_taken(machine: dict[str, str]) -> None:
    tools = Path(machine["PATH"])
    script(tools / "python3", 'echo "too old: 3.9.2"')
    script(tools / "python3.12", f'exec {base_python()} "$@"')
    got = run(["sh", INSTALL, "--wheelhouse", "/nonexistent"], env=machine)
    assert "is not a folder" in got.stderr  # so a Python was found


def test_a_missing_python_is_said(machine: dict[str, str]) -> None:
    Path(machine["PATH"], "python3").unlink()
    got = run(["sh", INSTALL], env=machine)
    assert got.returncode == 1
    assert "python3 is not there or does not run" in got.stderr


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_or_ensurepip_is_told_from_other_faults(
    machine: dict[str, str], tmp_path: Path, module: str
) -> None:
    broken = f"echo 'No module named {module}' >&2; exit 1"
    if module == "venv":
        fake_python(machine, f'*" -m venv "*) {broken} ;;')
    else:  # an environment is made, but its Python has no ensurepip (Debian without python3-venv)
        fake = tmp_path / "python-of-environment"
        script(fake, broken)
        made = f'mkdir -p "$last/bin"; mv {fake} "$last/bin/python"; exit'
        fake_python(machine, f'*" -m venv "*) for last in "$@"; do :; done; {made} ;;')
    got = run(["sh", INSTALL], env=machine)
    assert got.returncode == 1
    assert "lacks venv or ensurepip" in got.stderr
    assert "apt install python3-venv" in got.stderr
    assert "Traceback" not in got.stderr
    assert not list(Path(machine["HOME"]).rglob("venv-*"))


def test_a_prefix_that_cannot_be_made_is_said(machine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    got = run(["sh", INSTALL, "--prefix", tmp_path / "file/prefix"], env=machine)
    assert got.returncode == 1
    assert f"the folder {tmp_path}/file/prefix/bin cannot be made or written" in got.stderr


def test_a_damaged_wheelhouse_is_said(machine: dict[str, str], tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "hatchling-1.33.0-py3-none-any.whl").write_bytes(b"this is no wheel")
    script(Path(machine["PATH"], "uv"), "exit 2")
    got = run(["sh", INSTALL, "--wheelhouse", wheels], env=machine)
    assert got.returncode == 1
    assert "uv could not install it; trying pip." in got.stderr
    assert f"the wheelhouse {wheels} lacks a package or holds a damaged one" in got.stderr
    assert "Traceback" not in got.stderr
    assert not list(Path(machine["HOME"]).rglob("venv-*"))


def test_a_dead_network_is_said(machine: dict[str, str]) -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    got = run(["sh", INSTALL], env={**machine, **nowhere})
    assert got.returncode == 1
    assert "the packages could not be downloaded" in got.stderr
    assert "HTTPS_PROXY" in got.stderr


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("ulimit -f 100; trap '' XFSZ", "share/devagent is full.\n  Free some space"),
        ("", "It said nothing about why"),
    ],
)
def test_a_full_disk_is_told_though_no_program_could_write_that_down(
    machine: dict[str, str], limit: str, said: str
) -> None:
    fake_python(machine, '*" -m venv "*) exit 1 ;;')
    # A limit on the size of files stands in for the disk: a write beyond it fails in the same way.
    got = run(["sh", "-c", f"{limit}\n. {INSTALL}", INSTALL], env=machine)
    assert got.returncode == 1
    assert said in got.stderr
    assert "above" not in got.stderr
    assert not list(Path(machine["HOME"]).rglob("venv-*"))


def test_an_uninstallation_names_what_stays_and_nothing_else(machine: dict[str, str]) -> None:
    got = run(["sh", INSTALL, "--uninstall"], env=machine)
    assert got.stderr == "devagent was not installed here.\n"
    state = Path(machine["HOME"], ".local/state/devagent")
    state.mkdir(parents=True)
    got = run(["sh", INSTALL, "--uninstall"], env=machine)
    assert got.stderr.endswith(f"\n  stays: your sessions, in {state}\n")


def test_a_home_that_is_not_set_is_said(machine: dict[str, str]) -> None:
    del machine["HOME"]
    for option in ([], ["--test"], ["--uninstall"]):
        got = run(["sh", INSTALL, *option], env=machine)
        assert got.returncode == 1
        assert "HOME is not set" in got.stderr


def test_a_program_of_the_same_name_from_elsewhere_is_kept(machine: dict[str, str]) -> None:
    other = Path(machine["HOME"], ".local/bin/devagent")
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\necho another program\n")
    for option in ([], ["--uninstall"]):
        run(["sh", INSTALL, *option], env=machine)
        assert "another program" in other.read_text()
    got = run(["sh", INSTALL], env=machine)
    assert got.returncode == 1
    assert f"{other} is there already" in got.stderr


def test_the_installer_knows_the_extras_that_there_are() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = set(tomllib.load(file)["project"]["optional-dependencies"])
    text = (ROOT / "install.sh").read_text(encoding="utf-8")
    (known,) = re.findall(r"^EXTRAS='(.*)'$", text, re.MULTILINE)
    assert set(known.split()) == extras - {"docs"}  # that one is always there
    (told,) = re.findall(r"these extras, joined by commas: (.*)", text)
    assert told.split(", ") == known.split()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--nonsense"], "there is no option --nonsense"),
        (["--prefix"], "--prefix needs a value"),
        (["--demo", "--test"], "--demo and --test cannot go together"),
        (["--no-check"], "--no-check needs --test"),
        (["--", "-k", "word"], "need --demo or --test"),
        (["--with", "postgres,nope"], "there is no extra nope"),
    ],
)
def test_wrong_usage_is_exit_code_2(machine: dict[str, str], options: list[str], said: str) -> None:
    got = run(["sh", INSTALL, *options], env=machine)
    assert got.returncode == 2
    assert said in got.stderr
    assert "--help" in got.stderr


def test_help_needs_neither_home_nor_python() -> None:
    got = run(["/bin/sh", INSTALL, "--help"], env={"PATH": "/usr/bin:/bin"})
    assert got.returncode == 0
    assert "Usage: ./install.sh" in got.stdout
