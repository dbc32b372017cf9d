"""Where sessions lie: ``sessions/<UTC date>/<sid>/``, and how one is found by a person's few letters.

A session's id is a ULID: 48 bits of milliseconds and 80 random bits in Crockford's base 32, so names
sort by time and the date folder follows from the name.
"""

import os
import time
from collections.abc import Iterable, Iterator

from devagent.audit.names import named
from devagent.core.codec import parse
from devagent.core.errors import LogError, UsageError

EVENTS, BODIES, CHECKPOINTS = "events.jsonl", "bodies.jsonl", "checkpoints"
KEYS, DEVICE_KEY, LOCK = "keys.age", "device.vkey", "lock"
HOLD, TOMBSTONE = "hold", "tombstone"

REVIEW, ORG = "review", "org"
"""The modes of logs that hold no conversation: a reviewer's marks, and what became of looks at an organisation's server."""
NO_CONVERSATIONS = (REVIEW, ORG)

_FIRST_LINE = 1 << 20
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = frozenset(_ALPHABET)
_LENGTH = 26


def ulid(milliseconds: int, random: bytes) -> str:
    """The id for a moment (UTC, since 1970) and ten random bytes."""
    value = milliseconds << 80 | int.from_bytes(random[:10])
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    return len(text) == _LENGTH and text[0] <= "7" and _LETTERS.issuperset(text)


def started_at(sid: str) -> int:
    """When a session began, by its id: milliseconds since 1970, UTC."""
    value = 0
    for letter in sid[:10]:
        value = value << 5 | _ALPHABET.index(letter)
    return value


def folder_of(sessions: str, sid: str) -> str:
    """The folder of a session, whether it is there or not."""
    day = time.strftime("%Y-%m-%d", time.gmtime(started_at(sid) // 1000))
    return os.path.join(sessions, day, sid)


def newest_first(sessions: str) -> Iterator[str]:
    """Folders of all sessions, newest first. Raises LogError where the place cannot be listed."""
    for day in days(sessions):
        path = os.path.join(sessions, day)
        yield from (os.path.join(path, sid) for sid in _listed(path) if is_ulid(sid))


def oldest_first(sessions: str) -> Iterator[str]:
    """Folders of all sessions, oldest first. Raises LogError where the place cannot be listed."""
    for day in reversed(days(sessions)):
        path = os.path.join(sessions, day)
        yield from (os.path.join(path, sid) for sid in reversed(_listed(path)) if is_ulid(sid))


def days(sessions: str) -> list[str]:
    """The names of the folders that sessions lie in, newest first. Raises LogError."""
    return [day for day in _listed(sessions) if len(day) == len("2026-01-01")]


def is_no_conversation(session: str) -> bool:
    """Whether a session's log holds something else than a conversation. False where it cannot be read."""
    try:
        with open(os.path.join(session, EVENTS), "rb") as file:
            first = parse(file.readline(_FIRST_LINE))
    except (OSError, ValueError, RecursionError):
        return False
    match first:
        case {"type": "session.started", "mode": mode}:
            return mode in NO_CONVERSATIONS
        case _:
            return False


def find_session(sessions: str, name: str) -> str:
    """The folder of the session of that id or name (``names``), of the only id that begins or ends so, or
    the ``last`` (logs that hold no conversation apart).

    Raises UsageError where there is none, or more than one.
    """
    if name == "last":
        for folder in newest_first(sessions):
            if not is_no_conversation(folder):
                return folder
        raise UsageError("There is no session yet.", hint="Start one with `devagent`.")
    wanted = name.upper()
    if is_ulid(wanted) and os.path.isdir(folder := folder_of(sessions, wanted)):
        return folder
    sid = named(sessions, name)
    if is_ulid(sid) and os.path.isdir(folder := folder_of(sessions, sid)):
        return folder
    known = {os.path.basename(folder): folder for folder in newest_first(sessions)}
    found = [sid for sid in known if sid.startswith(wanted)] if wanted else []
    if not found and len(wanted) >= 4:  # ids of one hour begin alike; their ends do not
        found = [sid for sid in known if sid.endswith(wanted)]
    if len(found) == 1:
        return known[found[0]]
    if found:
        some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise UsageError(
            f"{len(found)} sessions are named “{name}…”: {some}",
            hint="Give more letters of the id.",
        )
    raise UsageError(f"No session is named “{name}”.", hint=_nearest(wanted, known))


def _nearest(wanted: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 (milliseconds of start, for a mistyped id only)

    near = difflib.get_close_matches(wanted, list(known), n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return "`devagent session list` shows them all."


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise LogError(
            f"The sessions in {folder} cannot be listed: {os.strerror(e.errno or 0)}.",
            hint=f"Check `ls -ld {folder}`.",
        ) from e
