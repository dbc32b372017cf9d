"""What all sessions on this machine have used up today, read from the headers of their logs as they grow.

The logs are the record, so there is no second count that could differ. What sessions of the same person on
other machines, or of other people in folders of their own, use up is not known here. A day is one of UTC;
an event counts for the day that its log gives it.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from devagent.audit.layout import EVENTS, newest_first
from devagent.audit.lines import open_to_read
from devagent.core.codec import from_plain, parse
from devagent.core.errors import LogError
from devagent.core.limits import Spent
from devagent.core.principal import Principal
from devagent.core.tools import SERVICE
from devagent.core.usage import Usage

LOOK_FOR_OTHERS_S = 30.0
"""How often all sessions are looked over for one that goes on; those that grew today are read each time."""

_DAY_US = 86_400_000_000
_WANTED = tuple(
    f'"type":"{kind}"'.encode()
    for kind in (
        "model.replied",
        "tool.judged",
        "service_tool.used",
        "session.started",
        "session.resumed",
    )
)

Belongs = Callable[[Principal], bool]


class _Log(Struct):
    path: str
    offset: int = 0
    scopes: tuple[str, ...] = ()
    spent: Spent = field(default_factory=Spent)


class Ledger:
    """The day's sums by scope (``core.ports.SharedSpending``). ``scopes``: whose sessions count for each."""

    def __init__(
        self,
        sessions: str,
        scopes: Mapping[str, Belongs],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sessions = sessions
        self._scopes = scopes
        self._clock = clock
        self._day = -1
        self._looked = 0.0
        self._logs: dict[str, _Log] = {}

    def spent(self) -> Mapping[str, Spent]:
        """Today's sums. Raises LogError where the sessions cannot be read: a budget that cannot be
        counted is not kept by guessing."""
        now = self._clock()
        day = int(now * 1e6) // _DAY_US
        if day != self._day:
            self._day, self._logs, self._looked = day, {}, 0.0
        if now - self._looked >= LOOK_FOR_OTHERS_S or not self._looked:
            self._look(day)
            self._looked = now
        sums = {name: Spent() for name in self._scopes}
        for log in self._logs.values():
            self._read_on(log)
            for name in log.scopes:
                _add(sums[name], log.spent)
        return sums

    def _look(self, day: int) -> None:
        midnight = day * _DAY_US / 1e6
        for folder in newest_first(self._sessions):
            path = os.path.join(folder, EVENTS)
            if path in self._logs:
                continue
            try:
                changed = os.stat(path).st_mtime
            except OSError:
                continue  # being made, or no session
            if changed >= midnight:
                self._logs[path] = _Log(path)

    def _read_on(self, log: _Log) -> None:
        file = open_to_read(log.path)
        if file is None:
            return  # removed since: what was read of it stays counted
        with file:
            file.seek(log.offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            if any(kind in line for kind in _WANTED):
                self._take(log, _header(line, log.path))
        log.offset += whole

    def _take(self, log: _Log, header: dict[str, Any]) -> None:
        match header:
            case {"type": "session.started" | "session.resumed", "principal": dict(principal)}:  # pyright: ignore[reportUnknownVariableType]
                who = from_plain(principal, Principal)
                log.scopes = tuple(name for name, belongs in self._scopes.items() if belongs(who))
            case {"ts": int(ts)} if ts // _DAY_US != self._day:
                pass
            case {"type": "tool.judged", "ext": {"name": str(name)}} if name == SERVICE:
                pass  # offered; its uses are calls
            case {"type": "tool.judged" | "service_tool.used"}:
                log.spent.calls += 1
            case {"type": "model.replied"}:
                _add(log.spent, _reply(header))
            case _:
                pass


def scopes_of(
    who: Principal, names: Callable[[Principal], frozenset[str]], scopes: Sequence[str]
) -> dict[str, Belongs]:
    """Whose sessions count for ``day`` (this principal's) and each ``team:NAME`` (the group's members').
    ``names`` gives a principal's names with its groups."""
    own = (who.user, who.ci)

    def of_team(group: str) -> Belongs:
        return lambda one: f"group:{group}" in names(one)

    return {
        scope: (lambda one: (one.user, one.ci) == own)
        if scope == "day"
        else of_team(scope.partition(":")[2])
        for scope in scopes
    }


def _header(line: bytes, path: str) -> dict[str, Any]:
    try:
        header = parse(line)
    except ValueError as e:
        raise LogError(
            f"The log {path} cannot be read, so what was spent today is not known.",
            hint="`devagent session verify` says where it is damaged.",
        ) from e
    return header if isinstance(header, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _reply(header: dict[str, Any]) -> Spent:
    usage = from_plain(header.get("usage", {}), Usage)
    cost: dict[str, Any] = header.get("cost", {})
    return Spent(
        usd_micros=cost.get("usd_micros", 0),
        tokens=usage.input + usage.output + usage.cache_read + usage.cache_write,
        replies=1,
        unpriced="" if cost or usage == Usage() else str(header.get("model", "the model")),
    )


def _add(total: Spent, more: Spent) -> None:
    total.usd_micros += more.usd_micros
    total.tokens += more.tokens
    total.calls += more.calls
    total.replies += more.replies
    total.unpriced = total.unpriced or more.unpriced
