"""An event as lines for a person: the same live and, later, from the log.

Plain text, no colours, no width: a call is a head with its resources, its verdict below, its result
below that. Whatever came from a tool, a model or a repository is stripped of control sequences,
bidi overrides and zero-width characters first. Deltas render as nothing: the whole reply follows them.
"""

from collections.abc import Sequence
from typing import Any, assert_never

from msgspec import Struct

from devagent.core.citations import sources
from devagent.core.codec import canonical
from devagent.core.events import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ApprovalsLoaded,
    BatchNoted,
    BudgetStopped,
    BudgetWarned,
    BundleInForce,
    BundleRevoked,
    BundleSynced,
    Compacted,
    CompactionUndone,
    ContextEdited,
    ErrorRaised,
    Event,
    ExtensionChanged,
    ExtensionLoaded,
    ExtensionRefused,
    FeedbackGiven,
    LogErased,
    LogRecovered,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    PolicyLoaded,
    PolicyLocked,
    Prompt,
    ResourceChanged,
    ReviewMarked,
    ServiceToolUsed,
    SessionEnded,
    SessionForked,
    SessionResumed,
    SessionStarted,
    SnapshotFailed,
    SnapshotMade,
    SubagentEnded,
    SubagentStarted,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolProgress,
    ToolStarted,
    TurnCut,
    TurnEnded,
    TurnStarted,
    UndoDone,
    Usage,
)
from devagent.core.text import one_line, visible
from devagent.core.verdicts import Decision, RuleReference

_WIDTH = 160
_FEW = 3


class Signs(Struct, frozen=True):
    """The marks that lines begin with and join by."""

    call: str = "●"
    yes: str = "✓"
    no: str = "✗"
    ask: str = "?"
    result: str = "⎿"
    alert: str = "!"
    prompt: str = "›"
    dot: str = "·"
    more: str = "…"
    then: str = "→"


FULL = Signs()
ASCII = Signs(call="*", yes="+", no="x", result="|", prompt=">", dot="-", more="...", then="->")
READER = Signs(
    call="call", yes="yes,", no="no,", ask="question,", result="result", alert="note:", prompt="you:", dot=",",
    more="and", then="to",
)  # fmt: skip
"""Words where the others have marks: to be read aloud."""


def signs_for(encoding: str | None) -> Signs:
    """The marks that a stream of this encoding can show."""
    try:
        "".join(getattr(FULL, name) for name in FULL.__struct_fields__).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return FULL


def render(event: Event, signs: Signs = FULL, *, full: bool = False) -> str:
    """The event's lines, without a newline at the end; empty where there is nothing to show.

    ``full`` shows arguments and results whole, not their first line.
    """
    s = signs
    match event:
        case SessionStarted():
            mode = f"{event.mode}, dry run" if event.dry_run else event.mode
            model = f"{event.model} {s.dot} " if event.model else ""  # a served client has its own
            ticket = f" {s.dot} ticket {event.ticket}" if event.ticket else ""
            who = f"{model}{mode} {s.dot} as {event.principal}{ticket}"
            return _plain(f"session {s.dot} {who} {s.dot} policy {event.policy[:12] or 'none'}")
        case SessionResumed():
            dry = f" {s.dot} dry run" if event.dry_run else ""
            changed = f"{dry} {s.dot} changed: {', '.join(event.changed)}" if event.changed else dry
            return _plain(
                f"session resumed {s.dot} {event.model} {s.dot} as {event.principal}{changed}"
            )
        case SessionForked():
            return _plain(f"session forked from {event.origin}, after its event {event.at}")
        case SessionEnded():
            reason = f": {event.reason}" if event.reason else ""
            return _plain(f"session ended {s.dot} {event.stop} (exit {event.exit_code}){reason}")
        case PolicyLoaded():
            where = f" from {event.file}" if event.file else ""
            return _plain(
                f"policy {event.layer}/{event.name} {s.dot} {counted(event.rules, 'rule')}{where}"
            )
        case PolicyLocked():
            return _plain(f"{s.alert} locked to reading: {event.reason}")
        case BundleInForce():
            why = f" {s.dot} STALE: {event.why}" if event.why else ""
            return _plain(
                f"bundle {event.org} {event.revision} {s.dot} {event.environment}, ring {event.ring}{why}"
            )
        case BundleSynced():
            return _bundle_synced(event, s)
        case BundleRevoked():
            return _plain(f"{s.alert} revoked: {event.reason}")
        case ExtensionLoaded():
            return _plain(
                f"extension {event.ext.name} {event.ext.version} {s.dot} {counted(len(event.tools), 'tool')}"
            )
        case ExtensionRefused():
            return _plain(
                f"{s.alert} extension {event.ext.name} {event.ext.version} refused: {event.err}"
            )
        case ExtensionChanged():
            return _plain(
                f"{s.alert} extension {event.ext.name}: withheld until approved, as they have changed: "
                f"{', '.join(event.tools)}"
            )
        case ResourceChanged():
            return _plain(
                f"{s.dot} {event.ext.name}: changed since it was read: {', '.join(event.uris)}"
            )
        case ToolProgress():
            return _progress(event, s)
        case Prompt():
            return _block(event.text, f"{s.prompt} ", "  ")
        case BatchNoted():
            failed = f" {s.dot} {event.failed} failed" if event.failed else ""
            return _plain(
                f"batch {event.batch} {s.dot} {event.step} {s.dot} {counted(event.requests, 'request')}{failed}"
            )
        case SubagentStarted():
            return _plain(f"{s.dot} sub-agent {event.agent} {s.dot} {event.model} {s.more}")
        case SubagentEnded():
            how = "" if event.stop == "done" else f" {s.dot} {event.stop} {event.reason}".rstrip()
            return _plain(
                f"{s.dot} sub-agent {event.agent} ended {s.dot} {counted(event.replies, 'turn')}{how}"
            )
        case ModelRequested(purpose="sampling"):
            return f"  {s.dot} a server asks the model {s.more}"
        case ModelRequested() if event.purpose == "compaction":
            return f"{s.dot} the conversation is being compacted {s.more}"
        case ModelReplied():
            return "" if event.purpose else _reply(event, s)
        case Compacted():
            return compacted_text(event, s)
        case CompactionUndone():
            return f"{s.alert} compaction undone: the model reads {counted(event.back, 'message')} again"
        case ContextEdited():
            what = f"{counted(event.results, 'old result')} (about {event.tokens:,} tokens)"
            return f"{s.alert} the service left {what} out of what the model reads; the record has them"
        case ServiceToolUsed():
            return _service_tool(event, s, full)
        case ModelFailed():
            return _model_failed(event, s)
        case ToolJudged():
            return _judged(event, s, full)
        case ApprovalAnswered():
            return _answered(event.approval, event.comment, s)
        case ToolFinished():
            return _finished(event, s, full)
        case SnapshotMade():
            return (
                _plain(f"{s.alert} not in the snapshot: {_listed(event.left_out)}")
                if event.left_out
                else ""
            )
        case SnapshotFailed():
            what = "nothing was run" if event.refused else "what follows cannot be undone"
            return _plain(f"{s.alert} no snapshot, so {what}: {event.reason or event.err}")
        case UndoDone():
            return undone_text(event, s)
        case FeedbackGiven():
            note = f": {event.note}" if event.note else ""
            how = f"\n{_block(event.text, '  ', '  ')}" if event.text else ""
            return _plain(f"{s.dot} feedback on the answer: {event.rating}{note}") + how
        case BudgetStopped():
            reason = f": {event.reason}" if event.reason else ""
            return _plain(f"{s.alert} stopped by {event.limit}{reason}")
        case BudgetWarned():
            return _plain(f"{s.alert} {event.reason or event.limit}")
        case ApprovalsLoaded():
            many = counted(len(event.ids), "approval")
            return _plain(f"{many} of {event.file}, signed by {event.key}, until {event.expires}")
        case TurnCut():
            return _plain(f"{s.alert} cut: {event.err}")
        case TurnEnded():
            return _turn_ended(event, s)
        case ReviewMarked():
            return _marked(event, s)
        case LogRecovered():
            return f"{s.alert} the log was recovered: a torn end of {counted(event.bytes, 'byte')} was set aside"
        case LogErased():
            first, last = event.range
            return _plain(
                f"{s.alert} the content of events {first} to {last} was erased by {event.principal}: {event.reason}"
            )
        case ErrorRaised():
            reason = f": {event.reason}" if event.reason else ""
            return _plain(f"{s.alert} {event.err}{reason}")
        case (
            TextDelta()
            | ThinkingDelta()
            | TurnStarted()
            | ModelRequested()
            | ToolCalled()
            | ApprovalAsked()
            | ToolStarted()
        ):
            return ""  # a line of theirs would say what the next event's says better
        case _:
            assert_never(event)


def _reply(event: ModelReplied, s: Signs) -> str:
    return "\n".join(
        part for part in (visible(event.text).strip("\n"), sources_text(event, s)) if part
    )


def sources_text(event: ModelReplied, s: Signs) -> str:
    """What the reply says that it rests on, a line each; empty where it cites nothing."""
    return "\n".join(_plain(f"  {s.result} source: {one}") for one in sources(event.content))


def _service_tool(event: ServiceToolUsed, s: Signs, full: bool) -> str:
    head = _plain(f"{s.call} service.{event.tool}  {pairs(event.args)}".rstrip(), wide=full)
    many = f", {counted(len(event.sources), 'source')}" if event.sources else ""
    how = event.outcome + (f" ({event.err})" if event.err else "")
    lines = [head, _plain(f"  {s.result} done by the model service: {how}{many}")]
    if full:
        lines += [_plain(f"    {one}") for one in event.sources]
        lines += [_block(event.text, "    ", "    ")] if event.text else []
    return "\n".join(lines)


def card(shown: str) -> str:
    """What a person is asked, as it stands on their screen: ``shown`` is ``ApprovalAsked``'s text."""
    lines = visible(shown).split("\n")
    return "\n".join(["", f"  ? {lines[0]}", *(f"    {line}" for line in lines[1:]), ""])


def _judged(event: ToolJudged, s: Signs, full: bool) -> str:
    head = f"{s.call} {event.full_name}"
    # What the rules spoke about is worth the room most: the branch of a refused push, not its remote.
    spoken = {rule.resource for rule in event.decision.determining}
    shown = sorted(
        (r.id for r in event.resources if r.kind != "mcp"), key=lambda name: name not in spoken
    )
    if shown and not full:
        more = f" {s.more} {len(shown) - _FEW} more" if len(shown) > _FEW else ""
        head = f"{head}  {', '.join(shown[:_FEW])}{more}"
    elif shown:
        head = f"{head}  {', '.join(shown)}"
    elif event.args and not full:
        head = f"{head}  {pairs(event.args)}"
    lines = [_plain(head, wide=full)]
    if full and event.args:
        lines.append(_plain(f"    {canonical(event.args).decode()}", wide=True))
    lines += _verdict(event.decision, s)
    if event.dry_run and event.decision.effect != "deny":
        lines.append(f"  {s.dot} dry run: not carried out")
    if event.shadow is not None:
        lines.append(_plain(f"  {s.dot} in shadow mode this would be {would_be(event.shadow)}"))
    return "\n".join(lines)


def _verdict(decision: Decision, s: Signs) -> list[str]:
    if decision.effect == "allow":
        duties = f" {s.dot} {pairs(decision.obligations)}" if decision.obligations else ""
        return [_plain(f"  {s.yes} allowed{determined_by(decision)}{duties}")]
    if decision.error:
        return [_plain(f"  {s.no} not run: {decision.reason}")]
    sign, word = (s.ask, "asks") if decision.effect == "ask" else (s.no, "denied")
    lines = [f"  {sign} {text}" for text in because(decision, word)[:1]]
    lines += [f"    and {text}" for text in because(decision, word)[1:]]
    grants = dict.fromkeys([decision.grant, *(r.grant for r in decision.determining)])
    lines += [f"    to be granted: {grant}" for grant in grants if grant]
    if decision.nearest and not any(grants):
        lines.append(f"    nearest: {', '.join(decision.nearest[:_FEW])}")
    return [_plain(line) for line in lines]


def would_be(shadow: Decision) -> str:
    """What a call would have come to by another decision, in one line."""
    match shadow.effect:
        case "deny":
            return f"denied{determined_by(shadow)}"
        case "ask":
            return f"asked about{determined_by(shadow)}"
        case "allow":
            duties = f" with {pairs(shadow.obligations)}" if shadow.obligations else ""
            return f"allowed{duties}{determined_by(shadow)}"


def because(decision: Decision, word: str) -> list[str]:
    """Each determining rule with its own reason; where no rule spoke, the decision's."""
    rules = {rule.rule: rule for rule in decision.determining}
    if not rules:
        return [
            decision.reason
            if decision.reason.startswith((word, "needs approval"))
            else f"{word}: {decision.reason}"
        ]
    said = [f"{word} by {rule_name(r)}{f': {r.why}' if r.why else ''}" for r in rules.values()]
    repeats = decision.reason.startswith(("denied by ", "needs approval by "))
    if len(said) == 1 and not any(r.why for r in rules.values()) and not repeats:
        return [f"{said[0]}: {decision.reason}"]
    more = len(said) - _FEW
    return [*said[:_FEW], f"{more} more"] if more > 0 else said


def determined_by(decision: Decision) -> str:
    rules = [rule_name(rule) for rule in decision.determining] or list(decision.rules)
    once = list(dict.fromkeys(rules))
    more = f" and {len(once) - _FEW} more" if len(once) > _FEW else ""
    return f" by {', '.join(once[:_FEW])}{more}" if once else ""


def rule_name(rule: RuleReference) -> str:
    file = rule.file.replace("\\", "/").rpartition("/")[2]
    place = f" ({file}:{rule.line})" if file and rule.line else f" ({file})" if file else ""
    return rule.rule + place


def _answered(approval: Approval, comment: str, s: Signs) -> str:
    ways = {
        "terminal": "at the terminal",
        "file": "by an approval on file",
        "unattended": "nobody was there to ask",
        "elicitation": "in the client",
    }
    scope = "" if approval.scope == "once" else f", for this {approval.scope}"
    if approval.scope == "always":
        scope = ", from now on"
    said = f": {comment}" if comment else ""
    sign, by = (
        (s.yes if approval.answer == "yes" else s.no),
        f" by {approval.by}" if approval.by else "",
    )
    return _plain(f"  {sign} answered {approval.answer}{by} ({ways[approval.method]}{scope}){said}")


def _finished(event: ToolFinished, s: Signs, full: bool) -> str:
    shown = visible(event.view or event.text).strip("\n")
    counts = [
        text
        for number, text in (
            (event.rows, counted(event.rows, "row")),
            (event.bytes, size_text(event.bytes)),
            (event.dur_us // 1000, time_text(event.dur_us)),
        )
        if number
    ]
    tail = f"  ({', '.join(counts)})" if counts else ""
    failed = "" if event.outcome == "ok" else event.outcome
    if failed and event.err:
        failed = f"{failed} ({one_line(event.err)})"
    lines: list[str] = []
    if event.outcome == "denied" and event.decision:
        lines += [
            _plain(
                f"  {s.no} result withheld{determined_by(event.decision)}: {event.decision.reason}"
            )
        ]
    elif full and "\n" in shown:
        lines = [f"  {s.result} {failed or 'result'}{tail}", _block(shown, "    ", "    ")]
    else:
        first, _, rest = shown.partition("\n")
        more = f" {s.more} {counted(rest.count(chr(10)) + 1, 'more line')}" if rest else ""
        said = (first if full else one_line(first, _WIDTH)) + more
        between = ": " if failed and said else ""
        lines = [f"  {s.result} {failed}{between}{said}{tail}".rstrip()]
    return "\n".join(lines)


def _bundle_synced(event: BundleSynced, s: Signs) -> str:
    if event.outcome == "refused":
        stays = f"revision {event.after} stays" if event.after else "nothing is in force"
        return _plain(
            f"{s.alert} policy of {event.org} refused ({event.err}), {stays}: {event.reason}"
        )
    return _plain(f"policy of {event.org}: {event.outcome}, revision {event.after}")


def _model_failed(event: ModelFailed, s: Signs) -> str:
    status = f", {event.status}" if event.status else ""
    again = ""
    if event.retry_in_ms is not None:
        again = f"; attempt {event.attempt + 1} in {event.retry_in_ms / 1000:.1f} s"
    reason = f": {event.reason}" if event.reason else ""
    return _plain(f"{s.alert} the model service failed ({event.err}{status}){reason}{again}")


def undone_text(event: UndoDone, s: Signs) -> str:
    lines = [
        f"undone: {counted(event.files, 'file')} as in snapshot {event.snapshot} {s.dot} `undo {event.kept}` takes it back"
    ]
    if event.repository:
        lines.append(f"  repository: {_listed(event.repository)}")
    lines += [f"  {s.alert} left alone: {one}" for one in event.left]
    return _block("\n".join(lines), "", "")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def compacted_text(event: Compacted, s: Signs) -> str:
    why = {
        "window": "its window was filling",
        "overflow": "it no longer fitted the window",
        "asked": "as asked",
    }
    own = " of the service's own" if event.block else ""
    by = f"a summary{own} by {event.model}" if event.model else "a list of what was done"
    return _plain(
        f"{s.alert} conversation compacted ({why[event.why]}): {counted(event.gone, 'message')} now stand in {by}, "
        f"{event.kept} stay as they were; from about {event.before:,} to {event.after:,} tokens. "
        "Prompts and refusals stay word for word, the log keeps everything; /compact undo brings it back"
    )


def _turn_ended(event: TurnEnded, s: Signs) -> str:
    parts = [event.stop + (f": {event.reason}" if event.reason else "")]
    if event.usage != Usage():
        parts.append(usage_text(event.usage))
    if event.cost_usd_micros:
        parts.append(f"${event.cost_usd_micros / 1e6:.4f}")
    if event.dur_us >= 1000:
        parts.append(time_text(event.dur_us))
    return _plain(f" {s.dot} ".join(parts))


def _marked(event: ReviewMarked, s: Signs) -> str:
    to = f" to {event.to}" if event.to else ""
    flags = f" {s.dot} {', '.join(event.flags)}" if event.flags else ""
    failed = "" if event.verified == "ok" else f" {s.dot} its log did not verify"
    note = f": {event.note}" if event.note else ""
    head = f"{event.mark}{to} {s.dot} session {event.reviewed}, {counted(event.size, 'event')}"
    return _plain(f"{head}{flags}{failed}{note}")


def _progress(event: ToolProgress, s: Signs) -> str:
    if event.level:
        who = f"{event.logger} " if event.logger else ""
        return _plain(f"  {s.dot} {event.level} {who}{event.text}")
    if not event.total and not event.done:
        return ""  # what it prints: its result follows
    of = f" of {event.total:g}" if event.total else ""
    return _plain(f"  {s.dot} {event.done:g}{of} {event.text}".rstrip())


def usage_text(usage: Usage) -> str:
    parts = [f"{usage.input:,} in"]
    if usage.cache_read:
        parts.append(f"{usage.cache_read:,} cached ({usage.cache_hit_percent} %)")
    if usage.cache_write:
        parts.append(f"{usage.cache_write:,} to cache")
    return ", ".join([*parts, f"{usage.output:,} out"])


def pairs(values: dict[str, Any]) -> str:
    return "  ".join(
        f"{name}={value if isinstance(value, str) else canonical(value).decode()}"
        for name, value in sorted(values.items())  # as the log gives them back
    )


def _block(text: str, first: str, rest: str) -> str:
    return first + visible(text).strip("\n").replace("\n", f"\n{rest}")


def _plain(line: str, *, wide: bool = False) -> str:
    """One line: its indent kept, the rest made visible and flat, cut unless wide."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    text = visible(line[len(indent) :]).replace("\n", " ").replace("\t", " ")
    return indent + (text if wide or len(text) <= 2 * _WIDTH else text[: 2 * _WIDTH - 3] + "...")


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def size_text(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def time_text(microseconds: int) -> str:
    seconds = microseconds / 1_000_000
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
