"""What a reviewer wants to know of a session before its details: a fold over its entries, bounded in memory."""

from collections.abc import Iterable

from msgspec import Struct, field

from devagent.audit.entry import Called, Entry
from devagent.audit.flags import QUICK_US
from devagent.audit.record import Record, Unknown
from devagent.audit.reveal import revealed
from devagent.core.events import Event
from devagent.core.events.ground import ExtensionLoaded, PolicyLoaded, PolicyLocked
from devagent.core.events.session import SessionEnded, SessionForked, SessionResumed, SessionStarted
from devagent.core.usage import Usage

MOST_RESOURCES, MOST_CALLS, MOST_RULES, MOST_NAMES = 3_000, 500, 1_000, 100
"""What is listed one by one; beyond that it is counted, and said to be."""

_FEW = 5


class Touched(Struct):
    """One resource: by how many calls it was reached and how many were kept from it, under which rules, and who
    approved. ``first`` is the entry of the first call."""

    id: str
    access: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    ran: int = 0
    refused: int = 0
    rules: list[str] = field(default_factory=list)
    approved_by: list[str] = field(default_factory=list)
    first: int = 0

    @property
    def kind(self) -> str:
        return self.id.partition(":")[0]


class RuleUse(Struct):
    """How often a rule determined an answer, where it stands, and why it is there."""

    rule: str
    place: str = ""
    why: str = ""
    allow: int = 0
    ask: int = 0
    deny: int = 0


class ModelUse(Struct):
    """What one model was asked for. ``priced`` replies have a cost; the others' is not known."""

    replies: int = 0
    priced: int = 0
    usage: Usage = Usage()
    usd_micros: int = 0


class CallLine(Struct):
    """A call that did not simply run, in a line."""

    seq: int
    ts: int
    tool: str
    status: str
    resources: tuple[str, ...]
    rules: tuple[str, ...]
    reason: str
    by: str = ""
    method: str = ""
    scope: str = ""
    latency_us: int = 0
    matches: bool = True


class Summary(Struct):
    """The fold. Lists are bounded; ``left_out`` counts what did not fit, by list."""

    sid: str = ""
    began: int = 0
    ended: int = 0
    stop: str = ""
    folder: str = ""
    forked_from: str = ""
    ticket: str = ""
    principals: list[str] = field(default_factory=list)
    on_behalf_of: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    locked: str = ""
    resumed: int = 0
    events: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    models: dict[str, ModelUse] = field(default_factory=dict)
    rules: dict[str, RuleUse] = field(default_factory=dict)
    touched: dict[str, Touched] = field(default_factory=dict)
    held_up: list[CallLine] = field(default_factory=list)
    quick: int = 0
    diffs: int = 0
    withheld: int = 0
    hidden: int = 0
    redacted: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def see(self, record: Record) -> None:
        """Take in a record: who, when, and what was in force."""
        event = record.event
        self.events += 1
        self.began = self.began or record.ts
        self.ended = max(self.ended, record.ts)
        for kind, number in record.redactions.items():
            if kind in self.redacted or len(self.redacted) < MOST_NAMES:
                shown = revealed(kind)[0]
                self.redacted[shown] = self.redacted.get(shown, 0) + number
        self.sid = self.sid or str(record.header.get("sid", ""))
        if not isinstance(event, Unknown):
            self._in_force(event)

    def apply(self, entry: Entry) -> None:
        """Take in an entry that is over."""
        _count(self.counts, entry.kind)
        self.hidden += entry.hidden
        if entry.kind == "reply":
            use = self.models.setdefault(entry.model[:200], ModelUse())
            use.replies += 1
            use.usage += entry.usage or Usage()
            if entry.cost:
                use.priced += 1
                use.usd_micros += entry.cost.usd_micros
        if entry.call is not None:
            self._call(entry, entry.call)

    def _in_force(self, event: Event) -> None:
        match event:
            case SessionStarted() | SessionResumed():
                _add(self.principals, str(event.principal))
                _add(self.on_behalf_of, event.principal.on_behalf_of)
                _add(self.modes, event.mode)
                self.ticket = revealed(event.ticket)[0] or self.ticket
                for name, version in event.versions.items():
                    _add(self.versions, f"{name} {version}")
                if isinstance(event, SessionStarted):
                    self.folder = revealed(event.folder)[0]
                else:
                    self.resumed += 1
                self.stop = ""
            case SessionForked():
                self.forked_from = revealed(f"{event.origin}, event {event.at}")[0]
            case PolicyLoaded():
                where = f" ({event.file})" if event.file else ""
                _add(self.policies, f"{event.layer}/{event.name}{where} {event.digest}")
            case PolicyLocked():
                self.locked = revealed(event.reason)[0]
            case ExtensionLoaded():
                _add(self.extensions, f"{event.ext.name} {event.ext.version} {event.ext.digest}")
            case SessionEnded():
                self.stop = event.stop
            case _:
                pass

    def _call(self, entry: Entry, call: Called) -> None:
        _count(self.statuses, call.status)
        self.diffs += call.diff
        self.withheld += bool(call.withheld)
        approval = call.approval
        if approval and approval.method == "terminal" and approval.answer == "yes":
            self.quick += approval.latency_us < QUICK_US
        if call.status != "allowed" or (approval and approval.answer):
            self._hold_up(entry, call)
        for rule in call.determining:
            use = self._rule(rule.rule)
            if use is not None:
                use.place = f"{rule.file}:{rule.line}" if rule.line else rule.file
                use.why = use.why or rule.why
                setattr(use, rule.effect, getattr(use, rule.effect) + 1)
        for resource in call.resources:
            one = self._resource(resource.id, entry.seq)
            if one is None:
                continue
            _add(one.access, resource.access)
            for tag in resource.tags:
                _add(one.tags, tag)
            if call.started or call.outcome:
                one.ran += 1
            else:
                one.refused += 1
            _add_each(one.rules, call.rules)
            if approval and approval.answer == "yes":
                _add(one.approved_by, approval.by)

    def _hold_up(self, entry: Entry, call: Called) -> None:
        if len(self.held_up) >= MOST_CALLS:
            _count(self.left_out, "held_up")
            return
        approval = call.approval
        line = CallLine(
            seq=entry.seq,
            ts=entry.ts,
            tool=call.tool,
            status=call.status,
            resources=tuple(one.id for one in call.resources[:_FEW]),
            rules=tuple(
                f"{r.rule} ({r.file}:{r.line})" if r.line else r.rule
                for r in call.determining[:_FEW]
            ) or call.rules[:_FEW],
            reason=call.reason,
        )  # fmt: skip
        if approval and approval.answer:
            line.by, line.method, line.scope = approval.by, approval.method, approval.scope
            line.latency_us, line.matches = approval.latency_us, approval.matches
        self.held_up.append(line)

    def _rule(self, rule: str) -> RuleUse | None:
        if rule not in self.rules and len(self.rules) >= MOST_RULES:
            _count(self.left_out, "rules")
            return None
        return self.rules.setdefault(rule, RuleUse(rule))

    def _resource(self, name: str, seq: int) -> Touched | None:
        if name not in self.touched and len(self.touched) >= MOST_RESOURCES:
            _count(self.left_out, "touched")
            return None
        return self.touched.setdefault(name, Touched(name, first=seq))


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _add(names: list[str], name: str) -> None:
    shown = revealed(name)[0]
    if shown and shown not in names and len(names) < MOST_NAMES:
        names.append(shown)


def _add_each(names: list[str], more: Iterable[str]) -> None:
    for name in more:
        _add(names, name)
