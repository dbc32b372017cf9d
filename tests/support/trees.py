"""A folder as a value: every file's bytes, links and executable bits, to compare before and after."""

import os
import stat
import subprocess
from pathlib import Path

Tree = dict[str, tuple[str, bytes]]


def tree_of(folder: Path, *, without: tuple[str, ...] = (".git",)) -> Tree:
    """Everything below a folder but these names, by relative path."""
    found: Tree = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in without]
        for name in (*files, *(f for f in folders if os.path.islink(os.path.join(at, f)))):
            path = os.path.join(at, name)
            relative = os.path.relpath(path, folder)
            state = os.lstat(path)
            if stat.S_ISLNK(state.st_mode):
                found[relative] = ("link", os.fsencode(os.readlink(path)))
            else:
                kind = "program" if state.st_mode & 0o100 else "file"
                found[relative] = (kind, Path(path).read_bytes())
    return found


def repository_of(folder: Path) -> dict[str, str]:
    """What git says of a repository: HEAD, refs, stashes, what is staged, what is not."""
    commands = {
        "head": ("symbolic-ref", "-q", "HEAD"),
        "refs": ("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags", "refs/stash"),
        "stashes": ("stash", "list", "--format=%H %gs"),
        "staged": ("ls-files", "--stage"),
        "status": ("status", "--porcelain=v2"),
        "config": ("config", "--local", "--list"),
    }  # fmt: skip
    return {
        name: subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False).stdout
        for name, words in commands.items()
    }  # fmt: skip


def shell(folder: Path, line: str) -> None:
    """Run a line of bash in a folder, with a name for commits."""
    variables = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    subprocess.run(["bash", "-ec", line], cwd=folder, env=variables, check=True, timeout=60, capture_output=True)  # fmt: skip
