"""An event as lines for a person: the same live and, later, from the log.

Plain text, no colours, no width: a call is a head with its resources, its verdict below, its result
below that. Whatever came from a tool, a model or a repository is stripped of control sequences,
bidi overrides and zero-width characters first. Deltas render as nothing: the whole reply follows them.
"""

from typing import assert_never

from devagent.core import events
from devagent.core.citations import sources
from devagent.core.codec import canonical
from devagent.core.events.calls import Approval
from devagent.core.text import one_line, visible
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision
from devagent.repl.words import (
    FEW,
    FULL,
    WIDTH,
    Signs,
    arguments,
    because,
    block,
    counted,
    determined_by,
    listed,
    pairs,
    plain,
    size_text,
    time_text,
    usage_text,
    would_be,
)


def render(event: events.Event, signs: Signs = FULL, *, full: bool = False) -> str:
    """The event's lines, without a newline at the end; empty where there is nothing to show.

    ``full`` shows arguments and results whole, not their first line.
    """
    s = signs
    match event:
        case events.SessionStarted():
            mode = f"{event.mode}, dry run" if event.dry_run else event.mode
            model = f"{event.model} {s.dot} " if event.model else ""  # a served client has its own
            ticket = f" {s.dot} ticket {event.ticket}" if event.ticket else ""
            who = f"{model}{mode} {s.dot} as {event.principal}{ticket}"
            return plain(f"session {s.dot} {who} {s.dot} policy {event.policy[:12] or 'none'}")
        case events.SessionResumed():
            dry = f" {s.dot} dry run" if event.dry_run else ""
            changed = f"{dry} {s.dot} changed: {', '.join(event.changed)}" if event.changed else dry
            return plain(
                f"session resumed {s.dot} {event.model} {s.dot} as {event.principal}{changed}"
            )
        case events.SessionForked():
            return plain(f"session forked from {event.origin}, after its event {event.at}")
        case events.SessionEnded():
            reason = f": {event.reason}" if event.reason else ""
            return plain(f"session ended {s.dot} {event.stop} (exit {event.exit_code}){reason}")
        case events.PolicyLoaded():
            where = f" from {event.file}" if event.file else ""
            return plain(
                f"policy {event.layer}/{event.name} {s.dot} {counted(event.rules, 'rule')}{where}"
            )
        case events.PolicyLocked():
            return plain(f"{s.alert} locked to reading: {event.reason}")
        case events.BundleInForce():
            why = f" {s.dot} STALE: {event.why}" if event.why else ""
            return plain(
                f"bundle {event.org} {event.revision} {s.dot} {event.environment}, ring {event.ring}{why}"
            )
        case events.BundleSynced():
            return _bundle_synced(event, s)
        case events.BundleRevoked():
            return plain(f"{s.alert} revoked: {event.reason}")
        case events.ExtensionLoaded():
            return plain(
                f"extension {event.ext.name} {event.ext.version} {s.dot} {counted(len(event.tools), 'tool')}"
            )
        case events.ExtensionRefused():
            return plain(
                f"{s.alert} extension {event.ext.name} {event.ext.version} refused: {event.err}"
            )
        case events.ExtensionChanged():
            return plain(
                f"{s.alert} extension {event.ext.name}: withheld until approved, as they have changed: "
                f"{', '.join(event.tools)}"
            )
        case events.ResourceChanged():
            return plain(
                f"{s.dot} {event.ext.name}: changed since it was read: {', '.join(event.uris)}"
            )
        case events.ToolProgress():
            return _progress(event, s)
        case events.Prompt():
            return block(event.text, f"{s.prompt} ", "  ")
        case events.BatchNoted():
            failed = f" {s.dot} {event.failed} failed" if event.failed else ""
            return plain(
                f"batch {event.batch} {s.dot} {event.step} {s.dot} {counted(event.requests, 'request')}{failed}"
            )
        case events.SubagentStarted():
            return plain(f"{s.dot} sub-agent {event.agent} {s.dot} {event.model} {s.more}")
        case events.SubagentEnded():
            how = "" if event.stop == "done" else f" {s.dot} {event.stop} {event.reason}".rstrip()
            return plain(
                f"{s.dot} sub-agent {event.agent} ended {s.dot} {counted(event.replies, 'turn')}{how}"
            )
        case events.ModelRequested(purpose="sampling"):
            return f"  {s.dot} a server asks the model {s.more}"
        case events.ModelRequested() if event.purpose == "compaction":
            return f"{s.dot} the conversation is being compacted {s.more}"
        case events.ModelReplied():
            return "" if event.purpose else _reply(event, s)
        case events.Compacted():
            return compacted_text(event, s)
        case events.CompactionUndone():
            return f"{s.alert} compaction undone: the model reads {counted(event.back, 'message')} again"
        case events.ContextEdited():
            what = f"{counted(event.results, 'old result')} (about {event.tokens:,} tokens)"
            return f"{s.alert} the service left {what} out of what the model reads; the record has them"
        case events.ServiceToolUsed():
            return _service_tool(event, s, full)
        case events.ModelFailed():
            return _model_failed(event, s)
        case events.ToolJudged():
            return _judged(event, s, full)
        case events.ApprovalAnswered():
            return _answered(event.approval, event.comment, s)
        case events.ToolFinished():
            return _finished(event, s, full)
        case events.SnapshotMade():
            return (
                plain(f"{s.alert} not in the snapshot: {listed(event.left_out)}")
                if event.left_out
                else ""
            )
        case events.SnapshotFailed():
            what = "nothing was run" if event.refused else "what follows cannot be undone"
            return plain(f"{s.alert} no snapshot, so {what}: {event.reason or event.err}")
        case events.UndoDone():
            return undone_text(event, s)
        case events.FeedbackGiven():
            note = f": {event.note}" if event.note else ""
            how = f"\n{block(event.text, '  ', '  ')}" if event.text else ""
            return plain(f"{s.dot} feedback on the answer: {event.rating}{note}") + how
        case events.BudgetStopped():
            reason = f": {event.reason}" if event.reason else ""
            return plain(f"{s.alert} stopped by {event.limit}{reason}")
        case events.BudgetWarned():
            return plain(f"{s.alert} {event.reason or event.limit}")
        case events.ApprovalsLoaded():
            many = counted(len(event.ids), "approval")
            return plain(f"{many} of {event.file}, signed by {event.key}, until {event.expires}")
        case events.TurnCut():
            return plain(f"{s.alert} cut: {event.err}")
        case events.TurnEnded():
            return _turn_ended(event, s)
        case events.ReviewMarked():
            return _marked(event, s)
        case events.LogRecovered():
            return f"{s.alert} the log was recovered: a torn end of {counted(event.bytes, 'byte')} was set aside"
        case events.LogErased():
            first, last = event.range
            return plain(
                f"{s.alert} the content of events {first} to {last} was erased by {event.principal}: {event.reason}"
            )
        case events.ErrorRaised():
            reason = f": {event.reason}" if event.reason else ""
            return plain(f"{s.alert} {event.err}{reason}")
        case (
            events.TextDelta()
            | events.ThinkingDelta()
            | events.TurnStarted()
            | events.ModelRequested()
            | events.ToolCalled()
            | events.ApprovalAsked()
            | events.ToolStarted()
        ):
            return ""  # a line of theirs would say what the next event's says better
        case _:
            assert_never(event)


def _reply(event: events.ModelReplied, s: Signs) -> str:
    return "\n".join(
        part for part in (visible(event.text).strip("\n"), sources_text(event, s)) if part
    )


def sources_text(event: events.ModelReplied, s: Signs) -> str:
    """What the reply says that it rests on, a line each; empty where it cites nothing."""
    return "\n".join(plain(f"  {s.result} source: {one}") for one in sources(event.content))


def _service_tool(event: events.ServiceToolUsed, s: Signs, full: bool) -> str:
    head = plain(f"{s.call} service.{event.tool}  {pairs(event.args)}".rstrip(), wide=full)
    many = f", {counted(len(event.sources), 'source')}" if event.sources else ""
    how = event.outcome + (f" ({event.err})" if event.err else "")
    lines = [head, plain(f"  {s.result} done by the model service: {how}{many}")]
    if full:
        lines += [plain(f"    {one}") for one in event.sources]
        lines += [block(event.text, "    ", "    ")] if event.text else []
    return "\n".join(lines)


def card(shown: str) -> str:
    """What a person is asked, as it stands on their screen: ``shown`` is ``ApprovalAsked``'s text."""
    lines = visible(shown).split("\n")
    return "\n".join(["", f"  ? {lines[0]}", *(f"    {line}" for line in lines[1:]), ""])


def _judged(event: events.ToolJudged, s: Signs, full: bool) -> str:
    head = f"{s.call} {event.full_name}"
    # What the rules spoke about is worth the room most: the branch of a refused push, not its remote.
    spoken = {rule.resource for rule in event.decision.determining}
    shown = sorted(
        (r.id for r in event.resources if r.kind != "mcp"), key=lambda name: name not in spoken
    )
    if shown and not full:
        more = f" {s.more} {len(shown) - FEW} more" if len(shown) > FEW else ""
        head = f"{head}  {', '.join(shown[:FEW])}{more}"
    elif shown:
        head = f"{head}  {', '.join(shown)}"
    elif not full and (given := arguments(event)):
        head = f"{head}  {given}"
    lines = [plain(head, wide=full)]
    if full and event.args:
        lines.append(plain(f"    {canonical(event.args).decode()}", wide=True))
    lines += _verdict(event.decision, s)
    if event.dry_run and event.decision.effect != "deny":
        lines.append(f"  {s.dot} dry run: not carried out")
    if event.shadow is not None:
        lines.append(plain(f"  {s.dot} in shadow mode this would be {would_be(event.shadow)}"))
    return "\n".join(lines)


def _verdict(decision: Decision, s: Signs) -> list[str]:
    if decision.effect == "allow":
        duties = f" {s.dot} {pairs(decision.obligations)}" if decision.obligations else ""
        return [plain(f"  {s.yes} allowed{determined_by(decision)}{duties}")]
    if decision.error:
        return [plain(f"  {s.no} not run: {decision.reason}")]
    sign, word = (s.ask, "asks") if decision.effect == "ask" else (s.no, "denied")
    lines = [f"  {sign} {text}" for text in because(decision, word)[:1]]
    lines += [f"    and {text}" for text in because(decision, word)[1:]]
    grants = dict.fromkeys([decision.grant, *(r.grant for r in decision.determining)])
    lines += [f"    to be granted: {grant}" for grant in grants if grant]
    if decision.nearest and not any(grants):
        lines.append(f"    nearest: {', '.join(decision.nearest[:FEW])}")
    return [plain(line) for line in lines]


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
    return plain(f"  {sign} answered {approval.answer}{by} ({ways[approval.method]}{scope}){said}")


def _finished(event: events.ToolFinished, s: Signs, full: bool) -> str:
    text = event.view or (event.whole if full else "") or event.text
    shown = visible(text).strip("\n")
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
            plain(
                f"  {s.no} result withheld{determined_by(event.decision)}: {event.decision.reason}"
            )
        ]
    elif full and "\n" in shown:
        lines = [f"  {s.result} {failed or 'result'}{tail}", block(shown, "    ", "    ")]
    else:
        first, _, rest = shown.partition("\n")
        more = f" {s.more} {counted(rest.count(chr(10)) + 1, 'more line')}" if rest else ""
        said = (first if full else one_line(first, WIDTH)) + more
        between = ": " if failed and said else ""
        lines = [f"  {s.result} {failed}{between}{said}{tail}".rstrip()]
    return "\n".join(lines)


def _bundle_synced(event: events.BundleSynced, s: Signs) -> str:
    if event.outcome == "refused":
        stays = f"revision {event.after} stays" if event.after else "nothing is in force"
        return plain(
            f"{s.alert} policy of {event.org} refused ({event.err}), {stays}: {event.reason}"
        )
    return plain(f"policy of {event.org}: {event.outcome}, revision {event.after}")


def _model_failed(event: events.ModelFailed, s: Signs) -> str:
    status = f", {event.status}" if event.status else ""
    again = ""
    if event.retry_in_ms is not None:
        again = f"; attempt {event.attempt + 1} in {event.retry_in_ms / 1000:.1f} s"
    reason = f": {event.reason}" if event.reason else ""
    return plain(f"{s.alert} the model service failed ({event.err}{status}){reason}{again}")


def undone_text(event: events.UndoDone, s: Signs) -> str:
    lines = [
        f"undone: {counted(event.files, 'file')} as in snapshot {event.snapshot} {s.dot} `undo {event.kept}` takes it back"
    ]
    if event.repository:
        lines.append(f"  repository: {listed(event.repository)}")
    lines += [f"  {s.alert} left alone: {one}" for one in event.left]
    return block("\n".join(lines), "", "")


def compacted_text(event: events.Compacted, s: Signs) -> str:
    why = {
        "window": "its window was filling",
        "overflow": "it no longer fitted the window",
        "asked": "as asked",
    }
    own = " of the service's own" if event.block else ""
    by = f"a summary{own} by {event.model}" if event.model else "a list of what was done"
    return plain(
        f"{s.alert} conversation compacted ({why[event.why]}): {counted(event.gone, 'message')} now stand in {by}, "
        f"{event.kept} stay as they were; from about {event.before:,} to {event.after:,} tokens. "
        "Prompts and refusals stay word for word, the log keeps everything; /compact undo brings it back"
    )


def _turn_ended(event: events.TurnEnded, s: Signs) -> str:
    parts = [event.stop + (f": {event.reason}" if event.reason else "")]
    if event.usage != Usage():
        parts.append(usage_text(event.usage))
    if event.cost_usd_micros:
        parts.append(f"${event.cost_usd_micros / 1e6:.4f}")
    if event.dur_us >= 1000:
        parts.append(time_text(event.dur_us))
    return plain(f" {s.dot} ".join(parts))


def _marked(event: events.ReviewMarked, s: Signs) -> str:
    to = f" to {event.to}" if event.to else ""
    flags = f" {s.dot} {', '.join(event.flags)}" if event.flags else ""
    failed = "" if event.verified == "ok" else f" {s.dot} its log did not verify"
    note = f": {event.note}" if event.note else ""
    head = f"{event.mark}{to} {s.dot} session {event.reviewed}, {counted(event.size, 'event')}"
    return plain(f"{head}{flags}{failed}{note}")


def _progress(event: events.ToolProgress, s: Signs) -> str:
    if event.level:
        who = f"{event.logger} " if event.logger else ""
        return plain(f"  {s.dot} {event.level} {who}{event.text}")
    if not event.total and not event.done:
        return ""  # what it prints: its result follows
    of = f" of {event.total:g}" if event.total else ""
    return plain(f"  {s.dot} {event.done:g}{of} {event.text}".rstrip())
