"""The wheel holds what it should and nothing else, and devagent starts from it alone."""

import sysconfig
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.support.installing import ROOT, base_python, pip, run

PACKAGES = {
    "devagent": ROOT / "devagent",
    "devagent_docs": ROOT / "extensions/devagent_docs",
    "devagent_git": ROOT / "extensions/devagent_git",
    "devagent_secrets": ROOT / "extensions/devagent_secrets",
    "devagent_serving": ROOT / "extensions/devagent_serving",
    "devagent_sql": ROOT / "extensions/devagent_sql",
    "devagent_tickets": ROOT / "extensions/devagent_tickets",
    "devagent_workspace": ROOT / "extensions/devagent_workspace",
    "devagent_policies": ROOT / "policies/devagent_policies",
}


def build(folder: Path) -> Path:
    """The checkout's wheel, by the build backend of the test environment (no network)."""
    built = pip(
        *("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--wheel-dir", folder, ROOT),
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_is_whole_and_devagent_starts_from_it(tmp_path: Path) -> None:
    wheel = build(tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = "devagent-0.1.0.dist-info"
    assert {PurePosixPath(name).parts[0] for name in names} == {*PACKAGES, info}
    assert f"{info}/licenses/LICENSE" in names
    for package, folder in PACKAGES.items():
        there = {
            f"{package}/{path.relative_to(folder).as_posix()}"
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        packed = {name for name in names if PurePosixPath(name).parts[0] == package}
        assert packed == there, f"{package}: the wheel and the checkout differ"
    wanted = {"devagent/models/prices.json", "devagent_policies/baseline.toml"}
    wanted |= {f"devagent/cli/session/report.{kind}" for kind in ("css", "js")}
    for package in (
        "devagent_docs",
        "devagent_git",
        "devagent_sql",
        "devagent_tickets",
        "devagent_workspace",
    ):
        wanted |= {f"{package}/{name}" for name in ("extension.toml", "tools.json", "README.md")}
    assert not wanted - names

    # What devagent needs is lent by the test environment; devagent itself is there from the wheel
    # alone (a line of a .pth file adds a folder, but does not read that folder's own .pth files).
    bare = tmp_path / "bare"
    made = run([base_python(), "-I", "-m", "venv", "--without-pip", bare])
    assert made.returncode == 0, made.stderr
    python = bare / "bin/python"
    installed = pip(
        *("--python", python, "install", "--quiet", "--no-deps", "--no-index", "--no-compile"),
        wheel,
    )
    assert installed.returncode == 0, installed.stderr
    (packages,) = bare.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run([python, "-I", "-c", "import devagent, devagent_git; print(devagent.__file__)"])
    assert where.stdout.strip() == str(packages / "devagent/__init__.py"), where.stderr

    workspace = tmp_path / "workspace"
    workspace.mkdir()
    version = run([bare / "bin/devagent", "--version"], cwd=workspace)
    assert (version.returncode, version.stdout) == (0, "devagent 0.1.0\n"), version.stderr
    helped = run([bare / "bin/devagent", "--help"], cwd=workspace)
    assert helped.returncode == 0, helped.stderr
    assert "Usage: devagent" in helped.stdout
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize(
    "program",
    [
        "devagent",
        "devagent-docs",
        "devagent-git",
        "devagent-sql",
        "devagent-tickets",
        "devagent-workspace",
    ],
)
def test_each_program_has_its_module(program: str) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    module = program.replace("-", "_") + ".__main__"
    assert f'{program} = "{module}:main"' in text
    folder = PACKAGES[module.partition(".")[0]]
    assert "def main(" in (folder / "__main__.py").read_text(encoding="utf-8")
