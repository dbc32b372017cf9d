"""A call as lines for a person: what it was given, what was decided and answered, how it ended. See ``render``."""

from devagent.core.codec import canonical
from devagent.core.events.calls import (
    Approval,
    ServiceToolUsed,
    ToolFinished,
    ToolJudged,
    ToolProgress,
)
from devagent.core.text import one_line, visible
from devagent.core.verdicts import Decision
from devagent.repl.words import (
    FEW,
    WIDTH,
    Signs,
    arguments,
    because,
    block,
    counted,
    determined_by,
    pairs,
    plain,
    size_text,
    time_text,
    would_be,
)


def service_tool_text(event: ServiceToolUsed, s: Signs, full: bool) -> str:
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


def judged_text(event: ToolJudged, s: Signs, full: bool) -> str:
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


def answered_text(approval: Approval, comment: str, s: Signs) -> str:
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


def finished_text(event: ToolFinished, s: Signs, full: bool) -> str:
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


def progress_text(event: ToolProgress, s: Signs) -> str:
    if event.level:
        who = f"{event.logger} " if event.logger else ""
        return plain(f"  {s.dot} {event.level} {who}{event.text}")
    if not event.total and not event.done:
        return ""  # what it prints: its result follows
    of = f" of {event.total:g}" if event.total else ""
    return plain(f"  {s.dot} {event.done:g}{of} {event.text}".rstrip())
