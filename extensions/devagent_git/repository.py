"""The repository that a workspace lies in, and the one way of running git on it."""

import functools
import os
import re
import threading
import time
from typing import NoReturn

from devagent_git.conditions import conditional_settings
from devagent_git.contract import GitError, Surroundings
from devagent_git.hardening import (
    Setting,
    Use,
    environment,
    executable,
    overrides,
    settings_of,
    submodules_of,
)
from devagent_git.process import Output, run
from devagent_git.real_paths import real_path
from devagent_git.text import TEXT_BYTES, fitted, shown, without_credentials

OLDEST = (2, 36)
"""Before 2.36 ``core.fsmonitor=false`` named a program called false, and scopes were less exact."""
READ_BYTES = 16_000_000
"""Most that is read from one git process; then it is stopped."""

_FAILURES = (
    ("not a git repository", "not_a_repository"),
    ("dubious ownership", "unsafe_owner"),
    ("cannot use bare repository", "bare"),
    ("must be run in a work tree", "bare"),
    ("filter '", "filter"),
    (".lock'", "locked"),
    ("Authentication failed", "authentication"),
    ("could not read Username", "authentication"),
    ("could not read Password", "authentication"),
    ("Permission denied (", "authentication"),
    ("Host key verification failed", "authentication"),
    ("gpg failed to sign", "signing"),
    ("failed to write commit object", "signing"),
    ("' not allowed", "transport"),
    ("Could not resolve host", "unreachable"),
    ("Could not resolve hostname", "unreachable"),
    ("unable to access", "unreachable"),
    ("Connection refused", "unreachable"),
    ("Could not read from remote repository", "unreachable"),
    ("does not appear to be a git repository", "unreachable"),
    ("beyond a symbolic link", "bad_arguments"),
    ("couldn't find remote ref", "no_such_ref"),
    ("unable to auto-detect email address", "no_identity"),
    ("Please tell me who you are", "no_identity"),
    ("auto-detection is disabled", "no_identity"),
    ("bad config", "bad_config"),
    ("bad numeric config value", "bad_config"),
    ("bad boolean config value", "bad_config"),
    ("missing blob", "missing_object"),
    ("bad object", "missing_object"),
    ("unable to read", "missing_object"),
)
_ADVICE = {
    "not_a_repository": "The workspace is not inside a git repository.",
    "unsafe_owner": "The repository belongs to another user. If the person trusts it, they add it to "
    "safe.directory in their own git config.",
    "no_identity": "No name and email to commit with. The person sets them: "
    'git config --global user.name "…" and git config --global user.email "…"',
    "filter": "The repository's own config defines this filter, and such programs are not run here. "
    "The person can run this git command in their terminal.",
    "locked": "Another git process holds a lock, or one ended early and left it.",
}


class Repository:
    """One repository for the length of one call.

    ``folder``: the workspace's real path. ``top``: the work tree's root, or the repository itself when
    bare. ``git_dir`` and ``common_dir`` differ in a linked work tree. All git processes of the call share
    one time limit.
    """

    def __init__(self, here: Surroundings, use: Use, *, work_tree: bool = False) -> None:
        """Find the repository and read its settings; nothing of it is run. ``possible`` are those in force and
        those that a condition could bring into force.

        Raises GitError: not_a_repository, unsafe_owner, bare (``work_tree`` asked for one), no_git,
        bad_config, outside_repository (a work tree that its own config moved elsewhere).
        """
        self.folder = real_path(here.folder)
        self.use: Use = use
        if not os.path.isdir(self.folder):
            raise GitError("the workspace folder does not exist", error="not_a_repository")
        limits = [here.time_limit_s, float(here.obligations.get("timeout_s", here.time_limit_s))]
        self._seconds = min(limits)
        self._until = time.monotonic() + self._seconds
        self._cancelled: threading.Event | None = getattr(here, "cancelled", None)
        self.text_bytes = min(TEXT_BYTES, int(here.obligations.get("limit_bytes", TEXT_BYTES)))
        self._git, self._path = executable(self.folder)
        self.top = self.folder
        self._environment = environment("read", self._path, [])
        self._check_version()
        self._find()
        self.settings: list[Setting] = settings_of(
            self.git("config", "--list", "-z", "--show-scope").out
        )
        own_files = (
            os.path.join(self.common_dir, "config"),
            os.path.join(self.git_dir, "config.worktree"),
        )
        self.possible = self.settings + conditional_settings(
            self.settings, own_files, self._listed_file
        )
        if work_tree and self.bare:
            raise GitError(
                "this repository is bare: it has no work tree for this tool", error="bare"
            )
        replaced = overrides(self.possible, self._submodules(), use)
        self._environment = environment(use, self._path, replaced)

    def _listed_file(self, place: str) -> bytes:
        return self.git("config", "--file", place, "--no-includes", "--list", "-z").out

    def _submodules(self) -> list[str]:
        names = submodules_of(self.possible)
        modules = os.path.join(self.top, ".gitmodules")
        if os.path.isfile(modules):
            listed = self.git("config", "--file", modules, "--list", "-z", "--show-scope")
            names += submodules_of(settings_of(listed.out))
        return names

    def _check_version(self) -> None:
        version = _version(self._git, self._path)
        if version < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise GitError(f"git {needed} or newer is needed", error="no_git")

    def _find(self) -> None:
        found, words = self._places()
        if (found.code and b"work tree" not in found.err) or len(words) < 5:
            self.fail(found)
        self.bare = found.code != 0
        if self.bare and words[0] != b"true":
            raise GitError("the workspace is a git directory, not a work tree", error="bare")
        self.git_dir = real_path(os.fsdecode(words[2]))
        self.common_dir = real_path(os.path.join(self.folder, os.fsdecode(words[3])))
        if self.bare:
            self.top = self.git_dir
            return
        self.top = real_path(os.fsdecode(b"\n".join(words[4:-1])))
        if self.top != _nearest_with_git(self.folder) or self.git_dir != _git_dir_of(self.top):
            raise GitError(
                "the repository's config moves its work tree to another folder (core.worktree); "
                "that is not followed",
                error="outside_repository",
            )

    def _places(self) -> tuple[Output, list[bytes]]:
        """What git says of where things are: its last answer, and all of them."""
        questions = (
            *("--is-bare-repository", "--is-inside-git-dir", "--absolute-git-dir"),
            *("--git-common-dir", "--show-toplevel"),
        )
        if "\n" not in self.folder:
            found = self.git("rev-parse", *questions, codes=(0, 128))
            return found, found.out.split(b"\n")
        # Answers are lines, and so is each part of this path: one question at a time.
        answers = [self.git("rev-parse", question, codes=(0, 128)) for question in questions]
        return answers[-1], [*(answer.out[:-1] for answer in answers), b""]

    @property
    def linked(self) -> bool:
        """Whether the git directory lies in the work tree, or knows this work tree as one of its own.

        False for a ``.git`` file that merely points at some repository elsewhere.
        """
        if self.bare or _below(self.common_dir, self.top):
            return True
        if self.git_dir == self.common_dir:  # a submodule's directory names its work tree
            moved = [s.value for s in self.settings if s.key == "core.worktree" and s.own]
            return bool(moved) and real_path(os.path.join(self.git_dir, moved[-1])) == self.top
        if os.path.dirname(self.git_dir) != os.path.join(self.common_dir, "worktrees"):
            return False
        try:
            with open(os.path.join(self.git_dir, "gitdir"), "rb") as file:
                back = os.fsdecode(file.read(4096).strip())
        except OSError:
            return False
        return real_path(os.path.dirname(os.path.join(self.git_dir, back))) == self.top

    def git(
        self,
        *args: str | bytes,
        stdin: bytes | None = None,
        codes: tuple[int, ...] = (0,),
        limit: int = READ_BYTES,
        index: str | None = None,
    ) -> Output:
        """Run git at the work tree's root, maybe with another index file.

        An exit status not in ``codes`` raises GitError.
        """
        output = run(
            [self._git, "--no-pager", *args],
            folder=self.top,
            environment=self._environment | ({"GIT_INDEX_FILE": index} if index else {}),
            stdin=stdin,
            seconds=self._until - time.monotonic(),
            limit=limit,
            cancelled=self._cancelled,
        )
        if not output.cut and output.code not in codes:
            self.fail(output)
        return output

    def fail(self, output: Output) -> NoReturn:
        """Raise what git's own words mean, without its hints and without credentials."""
        said = shown(output.err or output.out)
        error = next((error for words, error in _FAILURES if words in said), "failed")
        lines = [
            line for line in said.splitlines() if line.strip() and not line.startswith("hint:")
        ]
        text = without_credentials("\n".join(line.removeprefix("fatal: ") for line in lines))
        text = fitted(text or f"git ended with status {output.code}", 1500, "git said more")
        advice = _ADVICE.get(error)
        raise GitError(f"{advice}\n{text}" if advice else text, error=error)

    def line(self, *args: str | bytes, codes: tuple[int, ...] = (0,)) -> str:
        """First line of what git prints, without its newline."""
        return (
            self.git(*args, codes=codes).out.partition(b"\n")[0].decode("utf-8", "surrogateescape")
        )

    # What follows is asked for by reading and resources alike.

    @property
    def is_sha256(self) -> bool:
        """Whether objects are named by SHA-256."""
        found = [s.value for s in self.settings if s.key == "extensions.objectformat"]
        return found[-1:] == ["sha256"]

    @property
    def is_shallow(self) -> bool:
        """Whether history ends where it was cut off when it was cloned."""
        return os.path.isfile(os.path.join(self.common_dir, "shallow"))

    def head_branch(self) -> str | None:
        """Name of the current branch, also when it has no commit yet; None when HEAD is detached."""
        name = self.line("symbolic-ref", "--quiet", "HEAD", codes=(0, 1))
        return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else None

    def ref_oid(self, full_name: str) -> str | None:
        """What a full reference name points at, or None."""
        found = self.git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", full_name, codes=(0, 1, 128)
        )
        return found.out.decode().strip() or None if found.code == 0 else None

    def commit(self, ref: str) -> str:
        """Object id of the commit that a revision names. Raises GitError no_such_ref, no_commits."""
        check_text(ref, "ref")
        found = self.git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}",
            codes=(0, 1, 128),
        )  # fmt: skip
        oid = found.out.decode("ascii", "replace").strip()
        if found.code == 0 and re.fullmatch("[0-9a-f]{40,64}", oid):
            return oid
        if self.ref_oid("HEAD") is None and ref in ("HEAD", "@"):
            raise GitError("the repository has no commits yet", error="no_commits")
        raise GitError(f"no commit is named {shown(ref)!r}", error="no_such_ref")


@functools.cache
def _version(git: str, path: str) -> tuple[int, ...]:
    printed = run(
        [git, "version"],
        folder="/",
        environment={"PATH": path, "LC_ALL": "C"},
        seconds=10,
        limit=1000,
    )
    numbers = re.search(rb"(\d+)\.(\d+)", printed.out)
    return tuple(int(part) for part in numbers.groups()) if numbers else (0,)


def _nearest_with_git(folder: str) -> str | None:
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _git_dir_of(top: str) -> str | None:
    """Where ``top/.git`` leads: itself, or what a file there names."""
    entry = os.path.join(top, ".git")
    if os.path.isdir(entry):
        return real_path(entry)
    try:
        with open(entry, "rb") as file:
            named = file.read(8192)
    except OSError:
        return None
    if not named.startswith(b"gitdir: "):
        return None
    return real_path(os.path.join(top, os.fsdecode(named[8:].rstrip(b"\r\n"))))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def check_text(value: str, name: str) -> None:
    """Refuse what can stand in no argv, and what git could take for an option."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise GitError(f"{name} is not valid Unicode text", error="bad_arguments") from None
    if not value or "\0" in value or value.startswith("-"):
        raise GitError(
            f"{name} may not be empty, begin with '-' or hold NUL", error="bad_arguments"
        )
