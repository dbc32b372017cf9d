"""Real git repositories for tests, made with plain git, one identity and fixed dates."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from devagent_git import hardening

DATE = "2026-01-02T03:04:05+00:00"


class Place(NamedTuple):
    """Surroundings of a call, as a host gives them."""

    folder: str
    obligations: Mapping[str, Any] = MappingProxyType({})
    time_limit_s: float = 30.0
    settings: Mapping[str, Any] = MappingProxyType({})
    ticket: str = ""

    def secret(self, name: str) -> str | None:
        """No secret is known."""
        return None


def person(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the home a git identity and shut the machine's own git configuration out; the config file."""
    monkeypatch.setitem(hardening.ADDED, "GIT_CONFIG_NOSYSTEM", "1")
    config = home / ".gitconfig"
    config.write_text("[user]\n\tname = Ana Roe\n\temail = ana@example.com\n", encoding="utf-8")
    return config


def git(
    folder: Path, *args: str | bytes, stdin: bytes = b"", check: bool = True, **more: str
) -> str:
    """Run plain git in a folder, with none of this machine's configuration; what it printed, stripped."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Ana Roe",
        "GIT_AUTHOR_EMAIL": "ana@example.com",
        "GIT_AUTHOR_DATE": DATE,
        "GIT_COMMITTER_NAME": "Ana Roe",
        "GIT_COMMITTER_EMAIL": "ana@example.com",
        "GIT_COMMITTER_DATE": DATE,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": ":",
        **more,
    }
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *args],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        timeout=30,
    )
    if check and done.returncode:
        raise AssertionError(f"git {args} ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode("utf-8", "backslashreplace").strip()


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder, making folders where needed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(
    folder: Path, message: str, files: Mapping[str, str | bytes], author: str = "Ana Roe"
) -> str:
    """Write the files, stage everything, commit; the commit's object id. The email is of the first name."""
    write(folder, files)
    git(folder, "add", "--all")
    email = f"{author.split()[0].lower()}@example.com"
    git(
        folder, "commit", "--quiet", "--allow-empty", "-m", message,
        GIT_AUTHOR_NAME=author, GIT_AUTHOR_EMAIL=email,
    )  # fmt: skip
    return git(folder, "rev-parse", "HEAD")


def empty(folder: Path, *options: str) -> Path:
    """A repository on branch main without commits."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main", *options)
    return folder


@functools.cache
def _template() -> Path:
    """``work`` and ``origin.git`` as ``with_origin`` gives them, made once and copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="devagent-repositories-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    work = empty(folder / "work")
    commit(work, "First", {"a.txt": "one\ntwo\n"})
    commit(work, "Second", {"src/b.py": "print(1)\n"})
    shutil.copytree(work, folder / "alone")
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(work, "remote", "add", "origin", str(folder / "origin.git"))
    git(work, "push", "--quiet", "-u", "origin", "main")
    return folder


def small(folder: Path) -> Path:
    """A repository with two commits on main: ``a.txt``, then ``src/b.py``."""
    shutil.copytree(_template() / "alone", folder)
    git(folder, "update-index", "--refresh")
    return folder


def with_origin(folder: Path) -> Path:
    """``folder/work``, two commits as in ``small``, and the bare ``folder/origin.git`` that it tracks."""
    template = _template()
    for name in ("work", "origin.git"):
        shutil.copytree(template / name, folder / name)
    config = folder / "work/.git/config"
    config.write_text(config.read_text().replace(str(template), str(folder)))
    git(folder / "work", "update-index", "--refresh")
    return folder / "work"


def script(path: Path, canary: Path) -> str:
    """An executable that leaves a file behind when anything runs it; its path."""
    path.write_text(f"#!/bin/sh\necho \"$@\" > '{canary}'\n")
    path.chmod(0o755)
    return str(path)
