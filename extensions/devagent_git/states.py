"""What was begun and not ended (a merge, a rebase, …), and whether it is safe to go on with it.

The files that hold such a state lie in the git directory, and whoever gave the repository away may have written them.
A list of what a rebase has still to do can hold ``exec`` lines; a state can name a merge strategy, which is a
program; the state of ``git am`` holds options of ``git apply``. So a state is read before git goes on with it, and only
what this extension could have begun itself is gone on with; anything else is for the person's terminal.
"""

import os
import re
from typing import NamedTuple

from devagent_git.contract import GitError
from devagent_git.repository import Repository
from devagent_git.text import one_line, shown

_IN_PROGRESS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase or am"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)
_STRATEGIES = frozenset(["ort", "recursive", "resolve", "ours", "subtree", "octopus"])
_DEFAULT_STRATEGY = ("pull.twohead", "pull.octopus")
_HARMLESS = frozenset(
    ["pick", "p", "drop", "d", "fixup", "f", "squash", "s", "reword", "r", "edit", "e", "noop",
     "break", "b", "revert"]
)  # fmt: skip
_LONGEST = 4 << 20


def in_progress(repository: Repository) -> list[str]:
    """What was begun and not ended: merge, rebase, cherry-pick, revert, bisect."""
    found = [name for file, name in _IN_PROGRESS if _is_there(repository, file)]
    if not found and _is_there(repository, "sequencer"):
        found.append(
            "revert" if _todo(repository, "sequencer/todo")[:1] == ["revert"] else "cherry-pick"
        )
    return found


def _is_there(repository: Repository, name: str) -> bool:
    return os.path.lexists(os.path.join(repository.git_dir, name))


class State(NamedTuple):
    """One operation in progress. ``branch``: the full name of what it will write when it ends, None when HEAD is
    detached; ``onto`` and ``before``: where it builds, and where the branch was (rebase only)."""

    kind: str
    branch: str | None
    onto: str = ""
    before: str = ""
    put_aside: str = ""


def state_of(repository: Repository) -> State:
    """The operation that is in progress. Raises GitError ``no_state`` where there is none."""
    begun = [name for name in in_progress(repository) if name != "bisect"]
    if not begun:
        raise GitError("no merge, rebase, cherry-pick or revert is in progress", error="no_state")
    current = repository.head_branch()
    branch = None if current is None else f"refs/heads/{current}"
    kind = begun[0]
    if kind in ("rebase", "rebase or am"):
        folder = "rebase-merge" if kind == "rebase" else "rebase-apply"
        head = read_state(repository, f"{folder}/head-name")
        return State(
            kind,
            head if head.startswith("refs/heads/") else branch,
            _object(repository, f"{folder}/onto"),
            _object(repository, f"{folder}/orig-head"),
            _object(repository, f"{folder}/autostash"),
        )
    return State(kind, branch, put_aside=_object(repository, "MERGE_AUTOSTASH"))


def read_state(repository: Repository, name: str) -> str:
    """First line of a state's file; empty where there is none."""
    return _lines(repository, name)[0] if _lines(repository, name) else ""


def _lines(repository: Repository, name: str) -> list[str]:
    place = os.path.join(repository.git_dir, name)
    try:
        with open(place, "rb") as file:
            data = file.read(_LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise _unsafe(f"{name} cannot be read ({os.strerror(e.errno or 0)})") from e
    if len(data) > _LONGEST:
        raise _unsafe(f"{name} is too long")
    return data.decode("utf-8", "surrogateescape").split("\n")


def _object(repository: Repository, name: str) -> str:
    text = read_state(repository, name).strip()
    return text if re.fullmatch("[0-9a-f]{40,64}", text) else ""


def _todo(repository: Repository, name: str) -> list[str]:
    """The commands of a list of what is to be done, in order."""
    lines = (line.strip(" \t\r") for line in _lines(repository, name))
    return [line.split(None, 1)[0] for line in lines if line and not line.startswith("#")]


def check_harmless(repository: Repository, state: State, action: str) -> None:
    """Refuse to go on with a state that could run a program, or write what it does not say.

    Raises GitError ``unsafe_state``.
    """
    if state.kind == "rebase or am" and action != "abort":
        raise _unsafe("it was begun by git am, or by an old kind of rebase")
    for name in ("rebase-merge/git-rebase-todo", "sequencer/todo"):
        odd = [word for word in _todo(repository, name) if word not in _HARMLESS]
        if odd and action != "abort":
            raise _unsafe(f"what is still to be done holds {one_line(odd[0])!r}")
    strategies = _lines(repository, "rebase-merge/strategy")[:1]
    options = os.path.join(repository.git_dir, "sequencer/opts")
    if os.path.lexists(options):
        listed = repository.git("config", "--file", options, "--no-includes", "--list", "-z").out
        words = [shown(word).partition("\n") for word in listed.split(b"\0") if word]
        strategies += [value for key, _, value in words if key == "options.strategy"]
    if (
        action != "abort"
    ):  # here git takes the first value that it finds, so setting one does not help
        strategies += [s.value for s in repository.possible if s.own and s.key in _DEFAULT_STRATEGY]
    odd = [name for name in strategies if name.strip() and name.strip() not in _STRATEGIES]
    if odd:
        raise _unsafe(
            f"it, or the repository, names a merge strategy of its own, {one_line(odd[0])!r}"
        )
    if state.branch is not None and state.kind == "rebase" and ".." in state.branch:
        raise _unsafe("the branch that it names is none")


def _unsafe(why: str) -> GitError:
    return GitError(
        f"what is in progress cannot be gone on with here: {why}. The person can, in their terminal",
        error="unsafe_state",
    )
