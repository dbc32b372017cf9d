"""A session's records as items, one event after the other, in memory that does not grow with the log.

Content is what the records bring: an export without it reads them without any, and what is sealed or erased is
told as an event whose content is not there. Commands are resources by their whole line, which may say as much as
content: without content they are told by their program alone.
"""

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from devagent.audit.contentless import without_content
from devagent.audit.export.items import (
    LATEST,
    About,
    AnyItem,
    Asked,
    Call,
    Happened,
    Item,
    Reply,
    Standing,
    State,
    Turn,
    Verdict,
)
from devagent.audit.record import ENVELOPE, Record, Unknown
from devagent.core.codec import sha256
from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.model import ModelFailed, ModelReplied, ModelRequested
from devagent.core.events.people import FeedbackGiven
from devagent.core.events.session import SessionEnded, SessionResumed, SessionStarted
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.usage import Usage
from devagent.policy.plain import is_list, is_table

GroupsOf = Callable[[Principal], Iterable[str]]
"""A principal's groups; the organisation's, where policy in force adds to those on record."""

NO_TEAM = "none"
_MOST_OPEN = 1_000
_HIDDEN = frozenset({*ENVELOPE, "type"})
_LONGEST_TEAM = 200
"""Bytes of a team's name as it stands in the name of a folder, which may have 255."""


class Teams(Struct, frozen=True):
    """Which of a person's groups is the team that their sessions are counted for: the first in order that the
    pattern matches."""

    groups_of: GroupsOf
    pattern: str = "*"

    def of(self, who: Principal) -> tuple[tuple[str, ...], str]:
        """All groups, and the team."""
        groups = tuple(sorted({*who.groups, *self.groups_of(who)}))
        return groups, next((_short(g) for g in groups if fnmatchcase(g, self.pattern)), NO_TEAM)


def _short(team: str) -> str:
    """The name, or its beginning and its digest where no folder can bear the whole of it."""
    if len(quote(team, safe="")) <= _LONGEST_TEAM:
        return team or NO_TEAM
    return f"{team[:12]}~{sha256(team.encode())[:16]}"


class Fold:
    """Feed it every record of a session from the first; it gives the items that each completes.

    ``content`` says whether the records' content goes along.
    """

    def __init__(self, sid: str, teams: Teams, *, device: str = "", content: bool = False) -> None:
        self.about = About(sid=sid, team=NO_TEAM, device=device)
        self._teams = teams
        self._content = content
        self._turn: Turn | None = None
        self._traces: dict[int, int] = {}
        self._request: Reply | None = None
        self._calls: dict[str, Call] = {}
        self._sums = Standing(
            about=self.about,
            seq=-1,
            opened=-1,
            since=0,
            state="open",
            verdict=Verdict(ok=False),
        )

    def step(self, record: Record) -> Iterator[AnyItem]:
        """The items that this record completes; the record itself is the first."""
        if not 0 <= record.ts <= LATEST:
            record = replace(record, ts=max(0, min(record.ts, LATEST)))
        event = without_content(record.event)
        sums = self._sums
        sums.events, sums.seq, sums.ended = record.seq + 1, record.seq, record.ts
        sums.began = sums.began or record.ts
        if not isinstance(event, Unknown):
            self._identify(event)
        if isinstance(event, TurnStarted):
            yield from self._close_turn(record)  # a turn that never ended: a log that was changed
            self._turn = self._item(Turn, record, turn=event.turn, trace=record.seq)
            self._traces[event.turn] = record.seq
            if sums.first_trace < 0:
                sums.first_trace = record.seq
        yield self._happened(record, **self._said_of(event))
        match event:
            case Prompt():
                if self._turn and self._content and not self._turn.prompt:
                    self._turn.prompt = event.text
            case ModelRequested():
                if self._request:
                    yield _closed(self._request, record, err="cut")
                self._request = self._item(Reply, record, model=event.model, purpose=event.purpose)
            case ModelReplied():
                yield self._replied(record, event)
            case ModelFailed():
                failed = self._item(Reply, record, model=event.model, request_id=event.request_id)
                failed.err, failed.status = event.err, event.status
                yield _closed(failed, record)
            case (
                ToolCalled()
                | ToolJudged()
                | ApprovalAsked()
                | ApprovalAnswered()
                | ToolStarted()
                | ToolFinished()
            ):
                yield from self._call(record, event)
            case TurnEnded() | TurnCut():
                if self._turn:
                    self._turn.stop = event.stop if isinstance(event, TurnEnded) else "interrupted"
                    self._turn.cut = event.err if isinstance(event, TurnCut) else ""
                yield from self._close_turn(record)
            case SessionEnded():
                sums.stop, sums.exit_code = event.stop, event.exit_code
            case _:
                pass

    def left_open(self) -> Iterator[AnyItem]:
        """What is under way, for a session that nobody goes on with: told as cut off at the last event."""
        last = self._sums.seq, self._sums.ended
        for call in self._calls.values():
            yield _at(replace(call, outcome=call.outcome or ("cut" if call.started else "")), *last)
        if self._request:
            yield _at(replace(self._request, err="cut"), *last)
        if self._turn:
            yield _at(replace(self._turn, cut="left", stop="interrupted"), *last)

    def standing(self, since: int, verdict: Verdict, state: State) -> Standing:
        """The session as it stands now."""
        state = "ended" if self._sums.stop else state
        return replace(
            self._sums,
            about=self.about,
            opened=self._sums.seq,
            closed=self._sums.seq,
            since=since,
            verdict=verdict,
            state=state,
        )

    def _identify(self, event: Event) -> None:
        match event:
            case SessionStarted() | SessionResumed():
                groups, team = self._teams.of(event.principal)
                self.about = replace(
                    self.about,
                    who=event.principal,
                    groups=groups,
                    team=team,
                    agent=event.agent if isinstance(event, SessionStarted) else self.about.agent,
                    mode=event.mode,
                    model=event.model,
                    policy=event.policy,
                    version=event.versions.get("devagent", ""),
                    dry_run=event.dry_run,
                )
                if isinstance(event, SessionStarted) and self._content:
                    self.about = replace(self.about, folder=event.folder)
                self._sums.stop, self._sums.exit_code = "", -1
            case _:
                pass

    def _item(self, kind: type, record: Record, **fields: Any) -> Any:
        turn = self._turn
        here = {"turn": turn.turn, "trace": turn.trace} if turn else {}
        return kind(
            **{
                "about": self.about,
                "seq": record.seq,
                "opened": record.seq,
                "began": record.ts,
                **here,
                **fields,
            }
        )

    def _said_of(self, event: Event | Unknown) -> dict[str, int]:
        """The turn that feedback is about: it has ended, mostly."""
        if isinstance(event, FeedbackGiven) and event.turn in self._traces:
            return {"turn": event.turn, "trace": self._traces[event.turn]}
        return {}

    def _happened(self, record: Record, **of: int) -> Happened:
        fields = {k: v for k, v in record.header.items() if k not in _HIDDEN}
        if not self._content and is_list(fields.get("resources")):
            fields["resources"] = _shortened([r for r in fields["resources"] if is_table(r)])
        content = record.content
        if not self._content and content != "none":
            content = "left"
        happened = self._item(
            Happened,
            record,
            type=str(record.header["type"]),
            fields=fields,
            body=record.body if self._content else {},
            content=content,
            **of,
        )
        return _closed(happened, record)

    def _replied(self, record: Record, event: ModelReplied) -> Reply:
        request, self._request = self._request, None
        reply: Reply = self._item(Reply, record, model=event.model, purpose=event.purpose)
        reply.opened = request.opened if request else record.seq
        reply.began = request.began if request else _before(record.ts, event.dur_us)
        reply.stop, reply.usage, reply.cost = event.stop, event.usage, event.cost
        reply.request_id = event.request_id
        if self._content:
            reply.blocks = event.content
        priced = event.cost.usd_micros if event.cost else 0
        for sums in (self._sums, self._turn):
            if sums is not None:
                sums.replies += 1
                sums.usage += event.usage
                sums.usd_micros += priced
        self._sums.unpriced += event.cost is None and event.usage != Usage()
        if self._turn and not event.purpose:
            self._turn.model = event.model
            if self._content:
                self._turn.answer = event.text
        return _closed(reply, record)

    def _call(
        self,
        record: Record,
        event: ToolCalled
        | ToolJudged
        | ApprovalAsked
        | ApprovalAnswered
        | ToolStarted
        | ToolFinished,
    ) -> Iterator[Call]:
        call = self._calls.get(event.call)
        if isinstance(event, ToolCalled) or call is None:
            if call is not None:  # asked for again
                yield self._ended(call, record)
            call = self._item(Call, record, id_of_call=event.call)
            assert isinstance(call, Call)  # noqa: S101
            self._calls[event.call] = call
        match event:
            case ToolCalled():
                call.tool = f"{event.ext}.{event.tool}" if event.ext else event.tool
                call.args = event.args if self._content else None
            case ToolJudged():
                self._judged(call, record, event)
            case ApprovalAnswered():
                one = event.approval
                call.asked = Asked(
                    seq=record.seq,
                    at=record.ts,
                    answer=one.answer,
                    by=one.by,
                    method=one.method,
                    scope=one.scope,
                    latency_us=one.latency_us,
                    approval_id=one.approval_id,
                    shown=one.shown,
                )
                unattended = one.method == "unattended"
                no = "unattended" if unattended else "declined"
                call.status = "approved" if one.answer == "yes" else no
            case ToolStarted():
                call.started = True
            case ToolFinished():
                call.outcome, call.err, call.rows = event.outcome, event.err, event.rows
                call.bytes, call.dur_us = event.bytes, event.dur_us
                call.taint = (*call.taint, *(t for t in event.taint if t not in call.taint))
                call.withheld = event.decision if event.outcome == "denied" else None
                call.result = event.text if self._content else None
            case ApprovalAsked():
                pass
        if call.outcome or call.status in _OVER or len(self._calls) > _MOST_OPEN:
            yield self._ended(call, record)

    def _judged(self, call: Call, record: Record, event: ToolJudged) -> None:
        call.tool, call.tool_class = event.full_name, event.tool_class
        call.extension, call.extension_version = event.ext.name, event.ext.version
        call.extension_digest, call.who = event.ext.digest, event.principal
        call.resources = event.resources
        if self._content:
            call.args = event.args or call.args
        else:
            call.resources = tuple(replace(r, id=_program(r.id)) for r in event.resources)
        call.args_digest, call.taint = event.args_digest, event.taint
        call.decision, call.judged, call.judged_at = event.decision, record.seq, record.ts
        call.err_judging = event.err or event.decision.error
        if event.decision.effect == "deny":
            call.status = "refused" if call.err_judging else "denied"
        elif event.dry_run:
            call.status = "dry run"
        else:
            call.status = "allowed" if event.decision.effect == "allow" else "open"

    def _ended(self, call: Call, record: Record) -> Call:
        self._calls.pop(call.id_of_call, None)
        refused = call.status in _REFUSED or call.withheld is not None
        for sums in (self._sums, self._turn):
            if sums is not None:
                sums.calls += 1
                sums.denied += refused
        self._sums.approved += call.status == "approved"
        return _closed(call, record)

    def _close_turn(self, record: Record) -> Iterator[AnyItem]:
        for call in list(self._calls.values()):
            yield self._ended(call, record)
        if self._request:
            yield _closed(self._request, record, err="cut")
            self._request = None
        if self._turn:
            turn, self._turn = self._turn, None
            self._sums.turns += 1
            yield _closed(turn, record)


_OVER = frozenset({"denied", "refused", "declined", "unattended", "dry run"})
_REFUSED = frozenset({"denied", "declined", "unattended"})


def _closed(item: Any, record: Record, *, err: str = "") -> Any:
    if err:
        item.err = err
    return _at(item, record.seq, record.ts)


def _at(item: Any, seq: int, ts: int) -> Any:
    item.closed, item.ended = seq, ts
    return item


def _before(moment: int, duration: int) -> int:
    return max(0, moment - max(0, duration))


def _program(resource: str) -> str:
    """A command by its program: ``command:curl …``. Any other resource as it is."""
    kind, _, name = resource.partition(":")
    program, _, rest = name.partition(" ")
    return f"{kind}:{program} …" if kind == "command" and rest else resource


def _shortened(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "id": _program(str(one.get("id", "")))} for one in resources]


def is_new(item: Item, start: int, flushed: int) -> bool:
    """Whether an item was not told yet, by an export that ended before ``start`` and that told what was open at
    ``flushed`` as cut off."""
    return item.closed >= start and item.opened >= flushed
