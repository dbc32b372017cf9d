"""Sessions to export, targets that remember, and processes that are killed at a point of one's choice."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from devagent.audit.device import Device
from devagent.audit.export.fold import Teams
from devagent.audit.export.items import AnyItem
from devagent.audit.export.progress import Progress
from devagent.audit.export.run import Export, Tally
from devagent.audit.export.target import Batch, Target
from devagent.audit.layout import EVENTS, oldest_first
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical, parse
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.usage import Cost, Usage
from tests.support.log_events import call, started, turn

TEAMS = Teams(lambda _: ())
DAY_US = 86_400_000_000
SECRET = "the-prompt-that-must-not-leave"


class Killed(BaseException):
    """The process ends here: nothing after it runs, as after kill -9."""


class Remembering:
    """A target that keeps what it is given, as a server would that knows items by their ids."""

    most_items = 5
    identity = "remembering:"
    keeps_ids = True

    def __init__(self, most_items: int = 5) -> None:
        self.most_items = most_items
        self.items: dict[tuple[str, str], AnyItem] = {}
        self.batches: list[Batch] = []

    def is_there(self) -> bool:
        return True

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        del again
        self.batches.append(batch)
        for item in batch.items:
            key = (type(item).__name__, item.id)
            assert key not in self.items or batch in self.batches[:-1] or self.is_resent(batch), key
            self.items[key] = item
        return ()

    def is_resent(self, batch: Batch) -> bool:
        return any(one.name == batch.name for one in self.batches[:-1])

    def ids(self, kind: str) -> list[str]:
        return [id for name, id in self.items if name == kind]


def who(user: str, *groups: str, **more: str) -> SessionStarted:
    return replace(started(), principal=Principal(user=user, groups=groups, **more))


def a_turn(number: int = 1, *, cost: int | None = 1_500, reads: str = "") -> list[Event]:
    """A turn with a call of each kind; ``reads`` is a table that its first call reads."""
    events: list[Event] = []
    calls = [
        *call("allow", f"c{number}1", number),
        *call("deny", f"c{number}2", number),
        *call("ask", f"c{number}3", number),
        *call("ask", f"c{number}4", number, answer="no"),
    ]
    for event in turn(calls, number=number):
        match event:
            case ModelReplied():
                event = replace(
                    event,
                    model="claude-x",
                    usage=Usage(100, 20, 30, 7),
                    cost=Cost(cost, "ab" * 32) if cost is not None else None,
                    content=[{"type": "text", "text": f"{SECRET} answered"}],
                )
            case ToolJudged(call="c11") if reads:
                event = replace(
                    event,
                    tool="query",
                    tool_class="read",
                    resources=(Resource(reads, "read", ("pii.email",)),),
                )
            case ToolFinished():
                event = replace(event, text=f"{SECRET} result", rows=3, bytes=40)
            case _:
                pass
        events.append(event)
    return events


def session_log(
    sessions: Path, events: Sequence[Event], *, at_us: int, device: Device | None = None
) -> SessionLog:
    """A session that began at that time, written so far and open."""
    moment = at_us * 1000

    def clock() -> int:
        nonlocal moment
        moment += 1_000_000
        return moment

    log = SessionLog.create(str(sessions), clock=clock, device=device)
    for event in events:
        log.write(event)
    return log


def ended_session(
    sessions: Path, events: Sequence[Event], *, at_us: int, device: Device | None = None
) -> str:
    """A session's folder, ended."""
    log = session_log(sessions, [*events, SessionEnded(stop="done", exit_code=0)], at_us=at_us, device=device)  # fmt: skip
    log.close()
    return log.folder


def fleet(sessions: Path, days: int = 3, first_us: int = 1_800_000_000_000_000) -> list[str]:
    """Sessions of two people in two teams on some days."""
    folders: list[str] = []
    for day in range(days):
        at = first_us + day * DAY_US
        ana = [who("ana", "data-eng"), *a_turn(1, reads="table:shop.main.customers"), *a_turn(2)]
        folders.append(ended_session(sessions, ana, at_us=at))
        bo = [who("bo", "platform/ops", on_behalf_of="care"), *a_turn(1, cost=None)]
        folders.append(ended_session(sessions, bo, at_us=at + 3_600_000_000))
    return folders


def with_numbers_beyond_all_bounds(sessions: Path) -> None:
    """Ana's session, changed by somebody: its times and sums are larger than any number of a table. Then Bo's."""
    folder = ended_session(sessions, [who("ana"), *a_turn()], at_us=1_800_000_000_000_000)
    path = Path(folder) / EVENTS
    headers = [parse(line) for line in path.read_bytes().splitlines()]
    for header in headers:
        if header["type"] == "tool.called":
            header["ts"] = 10**30
        if "cost" in header:
            header["cost"]["usd_micros"] = 10**25
            header["usage"]["input"] = 2**63 - 1
            header["dur_us"] = 10**25
    path.write_bytes(b"".join(canonical(header) + b"\n" for header in headers))
    ended_session(sessions, [who("bo"), *a_turn()], at_us=1_800_000_100_000_000)


def export(
    target: Target, home: Path, sessions: Path, *, content: bool = False, teams: Teams = TEAMS
) -> Tally:
    """One export of all sessions, as one process would do it."""
    with Progress(str(home / "exports"), target.identity) as progress:
        one = Export(target, progress, verify_session, teams, content=content)
        one.run(oldest_first(str(sessions)))
        return one.tally
