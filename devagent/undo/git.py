"""Git as a store of content: plumbing commands on a store of our own, and few on the repository itself.

Nothing that a repository brings is in force: no hooks, filters, attributes, file system monitors or
settings of it, so its files are taken byte for byte and none of its programs runs.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

from devagent.undo.errors import SnapshotError

TIME_LIMIT_S = 120.0
_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false", "core.safecrlf=false", "core.fileMode=true",
    "core.symlinks=true", "core.protectNTFS=false", "core.looseCompression=1", "core.fsyncMethod=batch", "gc.auto=0", "maintenance.auto=false",
    "protocol.allow=never", "core.quotePath=false", "index.threads=true",
)  # fmt: skip
_ARGUMENTS = tuple(word for one in _SETTINGS for word in ("-c", one))


def run(
    folder: str,
    arguments: Iterable[str],
    *,
    variables: Mapping[str, str],
    stdin: bytes = b"",
    fails: bool = True,
) -> bytes:
    """What a git command prints. ``folder``: where it runs; ``variables`` name its store and index.

    Raises SnapshotError failed with git's own words, no_git, timeout. With ``fails`` false a failure gives
    nothing.
    """
    words = list(arguments)
    try:
        ran = subprocess.run(  # noqa: S603 - git, with words of ours
            [_program(), *_ARGUMENTS, *words],
            cwd=folder,
            env=_environment(variables),
            input=stdin,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise SnapshotError(f"git {words[0]} took over {TIME_LIMIT_S:g} s", error="timeout") from e
    except OSError as e:
        raise SnapshotError(f"git cannot be started ({e.strerror})", error="no_git") from e
    if ran.returncode != 0:
        if not fails:
            return b""
        told = ran.stderr.decode(errors="backslashreplace").strip().split("\n")[-1][:300]
        error = "no_space" if "No space left" in told else "failed"
        raise SnapshotError(f"git {words[0]}: {told or f'exit {ran.returncode}'}", error=error)
    return ran.stdout


def open_process(
    folder: str, arguments: Iterable[str], *, variables: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """A git command that is spoken with. Raises SnapshotError no_git."""
    try:
        return subprocess.Popen(  # noqa: S603 - git, with words of ours
            [_program(), *_ARGUMENTS, *arguments],
            cwd=folder,
            env=_environment(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as e:
        raise SnapshotError(f"git cannot be started ({e.strerror})", error="no_git") from e


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1", "HOME": os.devnull, **variables,
    }  # fmt: skip


def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise SnapshotError("git is not on PATH", error="no_git")
    return found
