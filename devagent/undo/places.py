"""Which folder a snapshot is of: the repository that the workspace is in, else the workspace itself."""

import os

from msgspec import Struct


class Root(Struct, frozen=True):
    """A folder, and the git folders of its repository ("" without one): of this work tree, and of all."""

    folder: str
    git: str = ""
    common: str = ""


def root_of(workspace: str) -> Root:
    """The root for a workspace (a real path). A repository that holds the person's home is none: what
    lies in it is not the workspace's."""
    home = os.path.realpath(os.path.expanduser("~"))
    at = workspace
    while True:
        if _holds(at, home) and at != workspace:
            return Root(workspace)
        found = repository_at(at)
        if found is not None:
            return found
        if at == os.path.dirname(at):
            return Root(workspace)
        at = os.path.dirname(at)


def repository_at(folder: str) -> Root | None:
    """The repository whose work tree begins at this folder."""
    entry = os.path.join(folder, ".git")
    if os.path.islink(entry):
        return None
    if os.path.isdir(entry):
        return Root(folder, entry, entry) if _is_git(entry, entry) else None
    named = first_line(entry)
    if not named.startswith("gitdir: "):
        return None
    git = os.path.realpath(os.path.join(folder, named.removeprefix("gitdir: ")))
    common = os.path.realpath(os.path.join(git, first_line(os.path.join(git, "commondir")) or "."))
    # Anyone may write a ``.git``: what it names must point back, as a linked worktree's does, or be a
    # submodule's, whose settings name this work tree.
    back = first_line(os.path.join(git, "gitdir"))
    points_back = bool(back) and os.path.realpath(back) == os.path.realpath(entry)
    if not (points_back or _is_submodule(git, folder)) or not _is_git(git, common):
        return None
    return Root(folder, git, common)


def first_line(path: str) -> str:
    """The first line of a small file, "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.readline(4096)).rstrip("\n")
    except OSError:
        return ""


def _is_git(git: str, common: str) -> bool:
    return os.path.isfile(os.path.join(git, "HEAD")) and os.path.isdir(
        os.path.join(common, "objects")
    )


def _is_submodule(git: str, folder: str) -> bool:
    try:
        with open(os.path.join(git, "config"), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return False
    named = [line.partition("=")[2].strip() for line in lines if line.startswith("worktree")]
    return any(os.path.realpath(os.path.join(git, one)) == folder for one in named)


def _holds(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
