"""Real paths, also through what may not be looked at: ``/proc/1/root`` is a link that only its owner may read."""

import os
from typing import overload

_MOST_LINKS = 40


@overload
def real_path(path: str) -> str: ...


@overload
def real_path(path: bytes) -> bytes: ...


def real_path(path: str | bytes) -> str | bytes:
    """The absolute path without links. One that may not be read stays in it, and no ``..`` leads back from there."""
    try:
        return os.path.realpath(path)
    except OSError:
        found = _as_far_as_it_goes(os.fsdecode(path))
        return os.fsencode(found) if isinstance(path, bytes) else found


def _as_far_as_it_goes(path: str) -> str:
    at, rest, links, shut = "/", os.path.join(os.getcwd(), path).split("/")[::-1], 0, False
    while rest:
        part = rest.pop()
        if part == "..":
            at = at if shut else os.path.dirname(at)
        if part in ("", ".", ".."):
            continue
        at = os.path.join(at, part)
        try:
            target = os.readlink(at)
        except OSError as e:
            shut = shut or isinstance(e, PermissionError)
            continue
        links += 1
        if links > _MOST_LINKS:
            return at
        at = "/" if target.startswith("/") else os.path.dirname(at)
        rest += target.split("/")[::-1]
    return at
