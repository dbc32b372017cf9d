"""Where a repository's objects come from: its own store, and every other one that it borrows from.

A repository says in ``objects/info/alternates``, or by a symbolic link, whose objects it has too. Whoever
gives it away decides that, so what is read of it may be a file of another repository on this machine.
"""

import os
import re
from collections.abc import Iterator

from devagent_git.contract import GitError
from devagent_git.real_paths import real_path
from devagent_git.text import unquoted

_MOST = 32
"""Stores that one repository may have; git itself follows alternates five deep."""
_LONGEST = 1 << 20
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_LINKED = ("", "pack")
"""Folders of a store whose entries are looked at for links; below these lie single objects."""


def borrowed_stores(common_dir: str) -> list[str]:
    """Real paths of the folders outside ``common_dir`` that objects are read from.

    Raises GitError ``unsafe_config`` where they cannot be told.
    """
    own = os.path.join(common_dir, "objects")
    waiting, seen, found = [own], set[str](), dict[str, None]()
    while waiting:
        store = waiting.pop()
        real = real_path(store)
        if real in seen:
            continue
        seen.add(real)
        if len(seen) > _MOST:
            raise _untold(f"more than {_MOST} object stores")
        if not real.startswith(os.path.join(common_dir, "")):
            found[real] = None
        for place in _linked(real):
            if not place.startswith((os.path.join(common_dir, ""), os.path.join(real, ""))):
                found[place] = None
        waiting += _alternates(real)
    return list(found)


def _linked(store: str) -> Iterator[str]:
    """What links within a store lead to."""
    for folder in _LINKED:
        place = os.path.join(store, folder) if folder else store
        try:
            with os.scandir(place) as entries:
                links = [entry.path for entry in entries if entry.is_symlink()]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as e:
            raise _untold(f"{os.strerror(e.errno or 0)}") from e
        yield from map(real_path, links)


def _alternates(store: str) -> list[str]:
    """The stores that a store's own list names; relative ones start from it."""
    try:
        descriptor = os.open(os.path.join(store, "info", "alternates"), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(_LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise _untold(f"{os.strerror(e.errno or 0)}") from e
    if len(data) > _LONGEST:
        raise _untold("the list is too long")
    if b"\0" in data:
        raise _untold("the list holds NUL")
    lines = [line for line in data.split(b"\n") if line and not line.startswith(b"#")]
    return [os.path.join(store, os.fsdecode(_name(line))) for line in lines]


def _name(line: bytes) -> bytes:
    if not line.startswith(b'"'):
        return line
    # Git reads up to the first quote that is not escaped and passes over what follows.
    name = unquoted(os.fsdecode(line)) if _QUOTED.fullmatch(line) else None
    if name is None:
        raise _untold("a quoted name in the list is not well formed")
    return name


def _untold(why: str) -> GitError:
    return GitError(
        f"which other repositories this one takes its objects from cannot be told: {why}",
        error="unsafe_config",
    )
