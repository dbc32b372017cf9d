"""An ask, answered: by an approval that was given before, or by whoever can answer now.

A yes for the session holds until this process ends: whoever resumes is asked again. What was approved
beyond that is on file (``core.approvals``).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.duties import needs_reason
from devagent.core.approvals import (
    ApprovalBounds,
    Scope,
    StandingApproval,
    shown,
    standing_approval,
)
from devagent.core.codec import sha256
from devagent.core.events.calls import Approval, ApprovalAnswered, ApprovalAsked, ToolJudged
from devagent.core.ports import Answer, Approvals, Approver, Question
from devagent.core.text import visible
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import NOT_DONE


class Terms(Struct, frozen=True):
    """What answers are given for: a folder, the day (ISO) of each, and how far policy lets a yes reach."""

    folder: str
    today: Callable[[], str]
    bounds: ApprovalBounds = ApprovalBounds()


class Asking:
    """Gets asks answered, one at a time."""

    def __init__(self, approver: Approver, on_file: Approvals, terms: Terms) -> None:
        self._approver = approver
        self._on_file = on_file
        self._terms = terms
        self._given: list[StandingApproval] = []
        self._one_at_a_time = asyncio.Lock()

    async def ask(
        self, judged: ToolJudged, tool: ToolSpec, preview: str = ""
    ) -> AsyncGenerator[ApprovalAsked | ApprovalAnswered, None]:
        """The question and its answer; the last event says whether the call may run."""
        text = shown(judged, visible(preview))
        yield ApprovalAsked(turn=judged.turn, call=judged.call, shown=text)
        earlier = self.earlier(judged)
        if earlier is not None:
            yield _answered(judged, _by_earlier(earlier, text), "", "")
            return
        question = Question(
            call=judged.call,
            tool=tool,
            args=judged.args,
            resources=judged.resources,
            decision=judged.decision,
            shown=text,
            scopes=self._scopes(judged),
            needs_reason=needs_reason(judged.decision),
            judged=judged,
            standing=self._offered(judged),
            preview=visible(preview),
        )
        async with self._one_at_a_time:
            answer: Answer = await self._approver.ask(question)
        approval = replace(answer.approval, shown=sha256(text.encode()))
        if question.needs_reason and approval.answer == "yes" and not answer.comment.strip():
            approval = replace(approval, answer="no")
        if approval.answer == "yes" and approval.scope not in question.scopes:
            approval = replace(approval, scope="once")
        if approval.answer != "yes" or approval.scope == "once":
            yield _answered(judged, approval, answer.comment, _refusal(judged, approval, answer))
            return
        most = self._terms.bounds.days
        standing = standing_approval(
            judged,
            by=approval.by,
            scope=approval.scope,
            given=self._terms.today(),
            days=most if answer.days is None else max(0, min(answer.days, most)),
            folder=self._terms.folder,
            shown=approval.shown,
            exact=answer.exact,
        )
        # On record first; what cannot be kept on file afterwards ends the turn and says so.
        yield _answered(judged, replace(approval, approval_id=standing.id), answer.comment, "")
        if approval.scope == "session":
            self._given.append(standing)
        else:
            self._on_file.keep(standing)

    def _scopes(self, judged: ToolJudged) -> tuple[Scope, ...]:
        each_time = judged.decision.sticky or needs_reason(judged.decision)
        return ("once",) if each_time else self._terms.bounds.scopes()

    def _offered(self, judged: ToolJudged) -> StandingApproval | None:
        """The widest approval that a yes may be."""
        scope = self._scopes(judged)[-1]
        if scope == "once":
            return None
        return standing_approval(
            judged,
            by=f"user:{judged.principal.user}",
            scope=scope,
            given=self._terms.today(),
            days=self._terms.bounds.days,
            folder=self._terms.folder,
        )

    def earlier(self, judged: ToolJudged) -> StandingApproval | None:
        """The approval that was given before and answers this ask, if there is one."""
        # What policy no longer lets be given does not answer any more either, and what was given once never:
        # a file that says so was not written here.
        scopes = self._scopes(judged)[1:]
        kept = (one for one in self._on_file.standing() if one.scope != "session")
        for one in (*self._given, *kept):
            if (
                one.scope in scopes
                and self._lives(one)
                and one.answers(judged, folder=self._terms.folder, today=self._terms.today())
            ):
                return one
        return None

    def _lives(self, one: StandingApproval) -> bool:
        """Whether policy still lets it live that long, whatever end stands on file."""
        try:
            age = date.fromisoformat(self._terms.today()) - date.fromisoformat(one.given)
        except ValueError:
            return False
        return 0 <= age.days <= self._terms.bounds.days


def _by_earlier(earlier: StandingApproval, text: str) -> Approval:
    return Approval(
        answer="yes",
        by=earlier.by,
        method="file",
        scope=earlier.scope,
        shown=sha256(text.encode()),
        approval_id=earlier.id,
    )


def _refusal(judged: ToolJudged, approval: Approval, answer: Answer) -> str:
    if approval.answer == "yes":
        return ""
    unattended = approval.method == "unattended"
    who = "Nobody is here to approve it" if unattended else "The person said no"
    comment = f": {answer.comment}" if answer.comment else ""
    return f"{NOT_DONE} {who}{comment}. ({judged.decision.reason})"


def _answered(judged: ToolJudged, approval: Approval, comment: str, reply: str) -> ApprovalAnswered:
    return ApprovalAnswered(
        turn=judged.turn,
        call=judged.call,
        principal=judged.principal,
        agent=judged.agent,
        approval=approval,
        comment=comment,
        reply=reply,
    )
