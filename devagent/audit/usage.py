"""What replies used and cost, from the headers of the logs: one record for each reply of a model.

A call of a tool costs what asking for it did: a reply's cost is shared equally among the calls in it, and a
reply without calls is the answer's. So the tools' costs add up to the whole; what a tool's result adds to
the prompts after it shows in ``result_bytes``. Nothing here needs content, except the folder that a session
worked in: where that is sealed or erased the repository is not known.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from devagent.audit.layout import EVENTS, newest_first
from devagent.audit.lines import open_to_read
from devagent.audit.reader import read
from devagent.core.codec import from_plain, parse
from devagent.core.errors import LogError
from devagent.core.events.session import SessionStarted
from devagent.core.principal import Principal
from devagent.core.usage import Usage

ANSWER = "(answer)"
UNKNOWN = "(unknown)"

_WANTED = (
    b'"type":"session.started"',
    b'"type":"session.resumed"',
    b'"type":"model.replied"',
    b'"type":"tool.called"',
    b'"type":"tool.finished"',
)


class Call(Struct):
    """A call that a reply made: its id, its tool, and how long the result was that the model read."""

    id: str
    tool: str
    result_bytes: int = 0


class Reply(Struct):
    """One reply. ``at`` is microseconds since 1970, UTC; ``usd_micros`` None where the price is not known;
    ``number`` counts the session's replies from 1."""

    sid: str
    at: int
    number: int
    turn: int
    model: str
    mode: str
    principal: Principal
    repo: str
    usage: Usage
    usd_micros: int | None
    ticket: str = ""
    task: str = ""
    """The call whose sub-agent's reply it is."""
    calls: list[Call] = field(default_factory=list[Call])

    @property
    def prompt(self) -> int:
        """Tokens that the model read."""
        return self.usage.input + self.usage.cache_read + self.usage.cache_write


def replies(
    sessions: str, *, since_us: int = 0, note: Callable[[str], None], only: str = ""
) -> Iterator[Reply]:
    """All sessions' replies since then, the newest session first, each session's in order; or ``only`` those
    of the session in that folder. ``note`` is told of sessions that cannot be read."""
    repositories = _Repositories()
    for folder in [only] if only else newest_first(sessions):
        path = os.path.join(folder, EVENTS)
        try:
            if os.stat(path).st_mtime * 1e6 < since_us:
                continue
            found = list(_replies(folder, path, repositories))
        except FileNotFoundError:
            continue  # being made, or no session
        except (LogError, OSError, ValueError):
            note(f"Session {os.path.basename(folder)} cannot be read, and so is not counted.")
            continue
        yield from (reply for reply in found if reply.at >= since_us)


def _replies(folder: str, path: str, repositories: "_Repositories") -> Iterator[Reply]:
    sid = os.path.basename(folder)
    principal, mode, repo, ticket = Principal(), "", "", ""
    last: Reply | None = None
    calls: dict[str, Call] = {}
    of_tasks: dict[str, Reply] = {}
    number = 0
    file = open_to_read(path)
    if file is None:
        return
    with file:
        for line in file:
            if not line.endswith(b"\n") or not any(kind in line for kind in _WANTED):
                continue
            header: dict[str, Any] = parse(line)
            match header:
                case {"type": "session.started" | "session.resumed", "principal": dict(who)}:  # pyright: ignore[reportUnknownVariableType]
                    principal, mode = from_plain(who, Principal), str(header.get("mode", ""))
                    repo = repo or repositories.of(folder)
                    ticket = str(header.get("ticket", "")) or ticket
                case {"type": "model.replied", "ts": int(at), "turn": int(turn)}:
                    if last is not None:
                        yield last
                    number += 1
                    cost: Mapping[str, Any] = header.get("cost", {})
                    last = Reply(
                        sid, at, number, turn, str(header.get("model", "")), mode, principal, repo,
                        from_plain(header.get("usage", {}), Usage), cost.get("usd_micros"), ticket,
                    )  # fmt: skip
                    if last.usage == Usage() and last.usd_micros is None:
                        last.usd_micros = 0  # nothing was asked of a service: a rehearsal
                    if task := str(header.get("task", "")):
                        last.task = task
                        of_tasks[task] = last
                case {"type": "tool.called", "call": str(id), "tool": str(tool)} if last:
                    extension = header.get("ext", "")
                    call = Call(id, f"{extension}.{tool}" if extension else UNKNOWN)
                    # A sub-agent's call (its id is below the call that asked) is of its own last reply.
                    of_tasks.get(id.partition("/")[0], last).calls.append(call)
                    calls[id] = call
                case {"type": "tool.finished", "call": str(id), "bytes": int(size)}:
                    if id in calls:
                        calls[id].result_bytes = size
                case _:
                    pass
    if last is not None:
        yield last


class _Repositories:
    """The repository that a session worked in: the folder above its own that holds ``.git``, as it is now."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, folder: str) -> str:
        records = read(folder)
        try:
            for record, _ in zip(records, range(3), strict=False):
                if isinstance(record.event, SessionStarted):
                    return self._top(record.event.folder)
        finally:
            records.close()
        return UNKNOWN

    def _top(self, folder: str) -> str:
        if folder not in self._known:
            place = folder
            while place and not os.path.exists(os.path.join(place, ".git")):
                above = os.path.dirname(place)
                place = "" if above == place else above
            self._known[folder] = place or folder or UNKNOWN
        return self._known[folder]


def day_of(reply: Reply) -> int:
    """The day of a reply, in days since 1970 (UTC)."""
    return reply.at // 86_400_000_000
