"""Names that people give to sessions: labels beside the record, in ``names.json`` among the sessions.

A name is no evidence: it can be given to a session that has ended, runs, or is somebody else's, and
nothing in its log changes (ADR 10). It may stand wherever an id may, so it must not look like one.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

from msgspec import Struct, field

from devagent.core.codec import canonical, from_plain, parse
from devagent.core.errors import LogError, UsageError
from devagent.core.text import one_line
from devagent.disk import locked, replace_file

NAMES, LOCK = "names.json", "names.lock"
LONGEST = 80
"""Characters of a name."""

_PRIVATE_FOLDER = 0o700


class _File(Struct, frozen=True):
    v: int = 1
    names: dict[str, str] = field(default_factory=dict)


def names(sessions: str) -> dict[str, str]:
    """Session id → name. Raises LogError where the file cannot be read: it is not taken for empty."""
    path = os.path.join(sessions, NAMES)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as e:
        raise _unusable(path, os.strerror(e.errno or 0)) from e
    try:
        found = from_plain(parse(data), _File)
    except ValueError as e:
        raise _unusable(path, f"it does not parse ({e})") from e
    if found.v != 1:
        raise _unusable(path, f"its version is {found.v}, this devagent knows 1")
    return found.names


def rename(sessions: str, sid: str, name: str) -> str:
    """Give a session a name (empty: take it away); the one that it had.

    Raises UsageError for a name that is taken, or that could be read as something else.
    """
    if name:
        _check(name)
    with _locked(sessions):
        known = names(sessions)
        for other, taken in known.items():
            if name and other != sid and taken.casefold() == name.casefold():
                raise UsageError(
                    f"Session {other} is named “{taken}” already.",
                    hint=f"Give another name, or free it: `devagent session rename {other} ''`.",
                )
        before = known.pop(sid, "")
        if name:
            known[sid] = name
        _keep(sessions, _File(names=known))
    return before


def named(sessions: str, name: str) -> str:
    """The id of the session of that name, whatever its case; empty where none has it. Raises LogError."""
    wanted = name.casefold()
    return next((sid for sid, one in names(sessions).items() if one.casefold() == wanted), "")


def _check(name: str) -> None:
    wrong = ""
    if one_line(name, LONGEST) != name:
        wrong = f"has control characters or more than {LONGEST} characters, or begins or ends with a space"
    elif os.sep in name or name in (".", ".."):
        wrong = "could be a folder"
    elif name.casefold() in ("last", "all", "?"):
        wrong = "means something else already"
    elif name.startswith("-"):
        wrong = "could be an option"
    elif len(name) == 26 and name.isalnum():
        wrong = "could be a session's id"
    if wrong:
        raise UsageError(f"“{one_line(name)}” cannot be a session's name: it {wrong}.")


@contextmanager
def _locked(sessions: str) -> Generator[None]:
    path = os.path.join(sessions, LOCK)
    try:
        os.makedirs(sessions, _PRIVATE_FOLDER, exist_ok=True)
        with locked(path, error=LogError):
            yield
    except OSError as e:
        raise _unusable(path, os.strerror(e.errno or 0)) from e


def _keep(sessions: str, file: _File) -> None:
    path = os.path.join(sessions, NAMES)
    try:
        replace_file(path, canonical(file) + b"\n")
    except OSError as e:
        raise _unusable(path, os.strerror(e.errno or 0)) from e


def _unusable(path: str, why: str) -> LogError:
    return LogError(
        f"The names of the sessions in {path} cannot be used: {why}.",
        hint="Ids still work. Mend the file, or remove it to begin without names.",
    )
