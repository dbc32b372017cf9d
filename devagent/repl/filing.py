"""An approval that would be filed, exactly: what it would match and what it would not, and when it ends.

The examples are judged by the approval itself (``StandingApproval.answers``), so they cannot say otherwise than
what will happen.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from devagent.core.approvals import Scope, StandingApproval
from devagent.core.events.calls import ToolJudged
from devagent.core.resources import Resource
from devagent.core.text import one_line
from devagent.repl.messages import tr
from devagent.repl.style import Line, Segment, line

DAYS = (1, 7, 30)
"""How long it may be made to hold, beside the longest that policy lets it."""
EXAMPLES = 3
REACH: dict[Scope, str] = {
    "once": "this one call",
    "session": "until you leave this session",
    "project": "in this folder",
    "always": "in every folder",
}


def sheet(approval: StandingApproval, judged: ToolJudged) -> list[Line]:
    """What would be put on file."""
    rows: list[Line] = [
        line(
            Segment(f"  {tr('would be filed:')} ", "quiet"),
            Segment(approval.tool, "bold"),
            Segment(
                "  "
                + tr("{reach}, until {day}, for {who}").format(
                    reach=tr(REACH[approval.scope]), day=approval.expires, who=approval.user
                )
            ),
        )
    ]
    rows += [
        line(Segment(f"    {one.access:6}", "quiet"), one_line(one.id))
        for one in approval.resources[:12]
    ]
    if len(approval.resources) > 12:
        rows.append(line("    " + tr("and {many} more").format(many=len(approval.resources) - 12)))
    if approval.arguments:
        rows.append(line(Segment(f"    {tr('with exactly these arguments')}", "quiet")))
    for fits, text in examples(approval, judged):
        sign, role = (tr("matches "), "good") if fits else (tr("does not"), "bad")
        rows.append(line(Segment(f"    {sign}  ", role), Segment(text)))
    return rows


def examples(approval: StandingApproval, judged: ToolJudged) -> Iterator[tuple[bool, str]]:
    """Three that it matches, then three that it does not (fewer where there are none)."""
    found = [
        (approval.answers(other, folder=folder, today=today), text)
        for other, folder, today, text in _others(approval, judged)
    ]
    for fits in (True, False):
        yield from [one for one in found if one[0] == fits][:EXAMPLES]


def _others(
    approval: StandingApproval, judged: ToolJudged
) -> Iterator[tuple[ToolJudged, str, str, str]]:
    here, day = approval.folder, approval.given
    name = judged.full_name
    told = sorted(judged.resources, key=lambda one: (one.kind == "repo", one.access != "write"))
    first = told[0] if told else None
    about = f" of {one_line(first.id, 60)}" if first else ""
    yield judged, here, day, f"{name}{about}, just as now"
    yield replace(judged, args_digest="other"), here, day, f"{name}{about} with other arguments"
    yield judged, here, approval.expires, f"the same on its last day, {approval.expires}"
    yield judged, "/another", day, "the same in another folder"
    if first:
        other = Resource(id=_another(first.id), access=first.access, tags=first.tags)
        resources = (other, *told[1:])
        yield replace(judged, resources=resources), here, day, f"{name} of {one_line(other.id, 60)}"
    if first and first.access == "write":
        read = (Resource(id=first.id, access="read", tags=first.tags), *told[1:])
        yield replace(judged, resources=read), here, day, f"{name} that only reads{about.removeprefix(' of')}"  # fmt: skip
    changed = replace(judged, ext=replace(judged.ext, digest="changed"))
    yield changed, here, day, f"{name} after its definition has changed"
    yield judged, here, "9999-12-31", f"the same after {approval.expires}"


def _another(name: str) -> str:
    kind, _, rest = name.partition(":")
    folder, slash, _ = rest.rpartition("/")
    return f"{kind}:{folder}{slash}something-else"
