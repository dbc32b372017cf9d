"""Files that policy lets no command of a call read: found before each command, for the sandbox to hide.

Which names may be meant is known beforehand: those that tell of secrets, and the paths of policy's denials.
Policy is asked about each file of such a name. Folders are read once, and again when they have changed.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from devagent_workspace.contract import ResourceDict, Surroundings, WorkspaceError
from devagent_workspace.places import SECRET_NAME, is_inside, located
from devagent_workspace.real_paths import real_path
from devagent_workspace.shown import one_line
from devagent_workspace.state import state_of

MOST_HIDDEN = 300
"""A sandbox hides each of them by itself; more would take longer than a command may."""
_SETTLED_NS = 100_000_000
"""A folder that changed so short a while ago may change again without its time telling."""
Pattern = re.Pattern[str]


class Folder(NamedTuple):
    """A folder as it was read: when it had changed, the folders in it, and the files of such names."""

    stamp: tuple[int, int, int]
    inner: tuple[str, ...]
    met: tuple[str, ...]


Folders = dict[str, Folder]


def concealed(here: Surroundings) -> tuple[str, ...]:
    """The real paths of what policy keeps this call from reading, in the workspace and where its rules name
    something outside; none where nobody judges. Raises WorkspaceError no_sandbox where they are too many.
    """
    ask: Callable[[Sequence[ResourceDict]], Sequence[bool]] | None = getattr(here, "may_read", None)
    if ask is None:
        return ()
    patterns: tuple[str, ...] = tuple(getattr(here, "denied_paths", ()))
    whole = list(_folders_named(here.folder, patterns))
    # A file that nobody has is asked about for all that a folder holds: no allow outdoes its denial.
    hidden = _refused(ask, here.folder, {folder: os.path.join(folder, "-") for folder in whole})
    met = [
        path
        for path in _met(here.folder, patterns)
        if not any(is_inside(path, one) for one in hidden)
    ]
    hidden += _refused(ask, here.folder, {path: path for path in met})
    if len(hidden) > MOST_HIDDEN:
        raise WorkspaceError(
            f"policy keeps commands from {len(hidden)} files here, {one_line(hidden[0])} among them, which are more"
            f" than a sandbox can hide ({MOST_HIDDEN}); nothing was run",
            error="no_sandbox",
        )
    return tuple(dict.fromkeys(map(real_path, hidden)))


def _refused(
    ask: Callable[[Sequence[ResourceDict]], Sequence[bool]],
    folder: str,
    asked: dict[str, str],
) -> list[str]:
    if not asked:
        return []
    resources = [located(folder, path).resource("read") for path in asked.values()]
    return [path for path, may in zip(asked, ask(resources), strict=True) if not may]


def _folders_named(folder: str, patterns: Sequence[str]) -> Iterator[str]:
    """Folders that are there and of which a pattern names everything; and single files outside."""
    for pattern in patterns:
        place = pattern.removesuffix("/**")
        if "*" in place or (place == pattern and not place.startswith("/")):
            continue
        path = os.path.join(folder, place)
        if os.path.isdir(path) if place != pattern else os.path.isfile(path):
            yield path


def _met(folder: str, patterns: tuple[str, ...]) -> Iterator[str]:
    """The files in the workspace whose names may be meant."""
    folders: Folders = state_of(folder).folders.setdefault(patterns, {})
    meant = _meant(patterns)
    left = [folder]
    while left:
        at = left.pop()
        try:
            found = os.stat(at)
        except OSError:
            folders.pop(at, None)
            continue
        stamp = (found.st_mtime_ns, found.st_ino, found.st_dev)
        known = folders.get(at)
        if known is None or known.stamp != stamp:
            known = _read(at, folder, stamp, meant)
            if time.time_ns() - found.st_mtime_ns > _SETTLED_NS:
                folders[at] = known
            else:
                folders.pop(at, None)
        left += known.inner
        yield from known.met


def _read(at: str, top: str, stamp: tuple[int, int, int], meant: Pattern) -> Folder:
    inner: list[str] = []
    met: list[str] = []
    below = at[len(top.rstrip("/")) + 1 :]
    try:
        with os.scandir(at) as entries:
            for one in entries:
                if one.is_dir(follow_symlinks=False):
                    if one.name != ".git":
                        inner.append(one.path)
                    continue
                name = f"{below}/{one.name}" if below else one.name
                leads = one.is_symlink() and SECRET_NAME.search(real_path(one.path))
                if leads or meant.search(name):
                    met.append(one.path)
    except OSError:
        pass  # what this process cannot read, no command can
    return Folder(stamp, tuple(inner), tuple(met))


@lru_cache(maxsize=8)
def _meant(patterns: tuple[str, ...]) -> Pattern:
    """Names that tell of secrets, and what the patterns match."""
    own = [_translated(one) for one in patterns if not one.startswith("/")]
    return re.compile(
        "|".join([f"(?i:{SECRET_NAME.pattern})", *(rf"\A(?:{one})\Z" for one in own)])
    )


def _translated(pattern: str) -> str:
    parts = re.split(r"(\*\*+|\*)", pattern)
    stars: dict[str, str] = {"*": "[^/]*"}
    return "".join(
        stars.get(part, ".*") if part.startswith("*") else re.escape(part) for part in parts
    )
