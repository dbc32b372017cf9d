"""Approvals on file: a person's yes that also answers the same ask later (design, section 3, rule 7).

An approval is no rule. It answers asks alone, only those of the rules it was given under, only for the
same definition of the tool and for resources that were shown; it never touches a deny or a sticky ask.
"""

from datetime import date, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import canonical, digest
from devagent.core.events.calls import ToolJudged
from devagent.core.resources import Resource
from devagent.core.verdicts import MOST_DETERMINING

Scope = Literal["once", "session", "project", "always"]
SCOPES: tuple[Scope, ...] = ("once", "session", "project", "always")
"""From the narrowest to the widest."""

_LINE_BREAKS = {ord(c): f"\\u{ord(c):04x}" for c in "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"}


class ApprovalBounds(Struct, frozen=True):
    """How far an approval may reach: its widest scope, and how many days it lives."""

    scope: Scope = "always"
    days: int = 30

    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that may be offered."""
        return SCOPES[: SCOPES.index(self.scope) + 1]


class StandingApproval(Struct, frozen=True, kw_only=True):
    """One approval on file.

    ``definition`` is the digest of the extension that was shown. ``arguments`` is the digest of the
    approved arguments where the tool names no resources or runs programs, else empty: then the resources
    with their tags say what was approved. ``given`` and ``expires`` are ISO dates; it holds up to and
    with the latter.
    """

    id: str
    user: str
    by: str
    tool: str
    definition: str
    scope: Scope
    given: str
    expires: str
    rules: tuple[str, ...]
    resources: tuple[Resource, ...] = ()
    arguments: str = ""
    folder: str = ""
    shown: str = ""

    def answers(self, judged: ToolJudged, *, folder: str, today: str) -> bool:
        """Whether it answers this ask, for a session in ``folder``, on this day."""
        return (
            self.user == judged.principal.user
            and self.tool == f"{judged.ext.name}.{judged.tool}"
            and self.definition == judged.ext.digest
            and today <= self.expires
            and (self.scope != "project" or self.folder == folder)
            and set(asking_rules(judged)) <= set(self.rules)
            and (not self.arguments or self.arguments == judged.args_digest)
            and all(
                any(_covers(own, wanted) for own in self.resources) for wanted in judged.resources
            )
        )


def asking_rules(judged: ToolJudged) -> tuple[str, ...]:
    """The rules that made the call an ask; empty where the default did. Of more than a record names, all that matched:
    rather too many have to have been shown than too few."""
    decision = judged.decision
    if len(decision.determining) >= MOST_DETERMINING:
        return tuple(sorted({*decision.rules, *(rule.rule for rule in decision.determining)}))
    return tuple(sorted({rule.rule for rule in decision.determining}))


def _covers(own: Resource, wanted: Resource) -> bool:
    # A tag says that the call does something further (a force push): it must have been shown too.
    return (
        own.id == wanted.id
        and (own.access == wanted.access or own.access == "write")
        and set(wanted.tags) <= set(own.tags)
    )


def standing_approval(
    judged: ToolJudged,
    *,
    by: str,
    scope: Scope,
    given: str,
    days: int,
    folder: str,
    shown: str = "",
    exact: bool = False,
) -> StandingApproval:
    """The approval that a yes to this ask is, from the day it was ``given`` (ISO) on, for so many days. ``exact``:
    for these arguments alone, also where its resources would say enough."""
    exact = exact or judged.tool_class == "exec" or not judged.resources
    standing = StandingApproval(
        id="",
        user=judged.principal.user,
        by=by,
        tool=judged.full_name,
        definition=judged.ext.digest,
        scope=scope,
        given=given,
        expires=(date.fromisoformat(given) + timedelta(days=days)).isoformat(),
        rules=asking_rules(judged),
        resources=judged.resources,
        arguments=judged.args_digest if exact else "",
        folder=folder,
        shown=shown,
    )
    return replace(standing, id=digest(standing)[:12])


def shown(judged: ToolJudged, preview: str = "") -> str:
    """The exact effect that a person approves: the tool, its resources and its arguments, and what the
    extension says it would send (each line of that behind a bar)."""
    lines = [f"{judged.full_name} ({judged.tool_class})"]
    lines += [f"  {r.access:5} {r.id}  {' '.join(r.tags)}".rstrip() for r in judged.resources]
    lines += [
        f"  {name} = {canonical(value).decode()}" for name, value in sorted(judged.args.items())
    ]
    lines.append(f"  because {judged.decision.reason}")
    lines += [f"  | {line}" for line in preview.split("\n") if preview]
    return "\n".join(map(_on_one_line, lines))


def _on_one_line(text: str) -> str:
    """Every line break escaped: a file's name or a message must not write lines of the question itself."""
    return text.translate(_LINE_BREAKS)
