"""What tests of the installation share: the checkout, a wheelhouse, a machine with little on it."""

import fcntl
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORIGINAL = dict(os.environ)
"""The environment that the tests were started in (pip's settings and its cache are there)."""
LIMIT_S = 300

TOOLS = (
    *("cat", "chmod", "cksum", "dirname", "find", "grep", "mkdir", "mv"),
    *("rm", "rmdir", "sed", "sh", "sort", "tail", "tr"),
)
"""What install.sh needs beside Python; POSIX has them all."""


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    limit_s: float = LIMIT_S,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; its output is text, its standard input empty."""
    return subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=limit_s,
        check=False,
    )


def pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the test environment's pip, with the settings that the tests were started with."""
    return run([sys.executable, "-m", "pip", *arguments], env=ORIGINAL)


def bare_machine(folder: Path) -> dict[str, str]:
    """An environment with nothing but an empty home and a PATH of POSIX tools and ``python3``.

    The tools are links in ``folder/tools``; there is no uv, no pip, no compiler.
    """
    tools = folder / "tools"
    tools.mkdir(parents=True)
    for name in TOOLS:
        found = shutil.which(name, path=ORIGINAL["PATH"])
        assert found, f"this system has no {name}"
        (tools / name).symlink_to(found)
    script(tools / "python3", f'exec {base_python()} "$@"')
    home = folder / "home"
    home.mkdir()
    return {"HOME": str(home), "PATH": str(tools), "TMPDIR": str(folder)}


def base_python() -> str:
    """The Python that the test environment was made from, which has venv and ensurepip."""
    return os.path.realpath(sys.executable)


def script(file: Path, text: str) -> None:
    """Write a shell script that can be run."""
    file.unlink(missing_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


def wheelhouse(factory: pytest.TempPathFactory) -> Path:
    """The wheels of everything that devagent needs, gathered once for all processes of a test run.

    Fails the test where they cannot be had.
    """
    if given := ORIGINAL.get("DEVAGENT_TEST_WHEELHOUSE"):
        return Path(given)
    # pytest-xdist's processes have folders of their own inside the run's.
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, done = shared / "wheelhouse", shared / "wheelhouse.complete"
    with (shared / "wheelhouse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            with (ROOT / "pyproject.toml").open("rb") as file:
                project = tomllib.load(file)["project"]
            got = pip(
                *("download", "--quiet", "--only-binary", ":all:", "--dest", folder),
                *("--constraint", ROOT / "tests/constraints.txt"),
                *project["dependencies"],
                *project["optional-dependencies"]["docs"],  # what install.sh installs with them
                "hatchling",
            )
            if got.returncode:
                pytest.fail(f"the wheels for this test could not be downloaded:\n{got.stderr}")
            done.touch()
    return folder
