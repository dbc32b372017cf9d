"""Who answers an ask on the screen: the person, who sees the exact effect first.

What was typed before the question stood there is no answer. Escape and Ctrl+C stop the turn, Ctrl+D is a no. Calls
of one reply that are alike may be answered together once each of them was shown; whatever is asked later and is
not word for word what was shown then is asked about again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from devagent.core.approvals import Scope, StandingApproval, shown, standing_approval
from devagent.core.events.calls import Approval, ToolJudged
from devagent.core.ports import Answer, Question
from devagent.repl.effect import card
from devagent.repl.filing import DAYS, sheet
from devagent.repl.messages import tr
from devagent.repl.screens import Screen
from devagent.repl.style import Line, Segment, line

QUICK_US = 1_000_000
"""A yes in less time is counted, and flagged in a review."""
Others = Callable[[Question], Awaitable[Sequence[ToolJudged]]]
"""The calls that wait behind this one in the same reply and are like it."""


async def nobody_else(_: Question) -> Sequence[ToolJudged]:
    return ()


class OnScreen:
    """Asks in the live region (satisfies ``core.ports.Approver``). ``folder`` is the session's workspace; what a
    question is about goes to ``print``, to stay."""

    def __init__(
        self, live: Screen, user: str, folder: str, print: Callable[[Sequence[Line]], None]
    ) -> None:
        self._live = live
        self._print = print
        self._by = f"user:{user}"
        self._folder = folder
        self._agreed: dict[tuple[str, str], int] = {}
        self.others: Others = nobody_else
        self.before_question: Callable[[Question], None] = lambda _: None
        self.quick = 0
        """Yeses in under a second, in this process."""

    def turn_is_over(self) -> None:
        """What was agreed to ahead and never asked is not agreed to any more."""
        self._agreed.clear()

    async def ask(self, question: Question) -> Answer:
        ahead = self._agreed.pop((question.call, question.shown), None)
        if ahead is not None:
            return self._answer("yes", "once", ahead)
        self.before_question(question)
        judged = question.judged
        # Of the others nobody has a preview yet: each is asked about by itself.
        others = () if question.preview else await self.others(question)
        rows = (
            card(judged, self._folder, preview=question.preview)
            if judged
            else [line(f"? {question.shown}")]
        )
        self._print(rows)
        await self._live.quiet()
        began = time.monotonic_ns()
        with self._live.questions():
            return await self._asked(question, others, began)

    async def _asked(self, question: Question, others: Sequence[ToolJudged], began: int) -> Answer:
        scopes = question.scopes
        while True:
            keys = ["y", "n", "c", "escape", "c-c", "c-d", *(one[0] for one in scopes[1:])]
            options = [("y", tr("yes, once")), *((one[0], tr(OFFER[one])) for one in scopes[1:])]
            if others:
                keys.append("b")
                options.append(("b", tr("all {many} like it…").format(many=len(others) + 1)))
            options += [("n", tr("no")), ("c", tr("no, and say why"))]
            rows: list[Line] = [_question(tr("Allow this?"))]
            if len(scopes) == 1:
                why = tr("it needs your reason") if question.needs_reason else tr("each time: no yes outlives this call")  # fmt: skip
                rows.append(line(Segment(f"  {why}", "quiet")))
            key = await self._live.ask(rows, keys, options)
            match key:
                case "y":
                    return await self._yes(question, "once", began)
                case "n" | "c-d":
                    return self._answer("no", "once", self._taken(began))
                case "c":
                    said = await self._live.read(tr("Why not?"))
                    if said is not None:
                        return self._answer("no", "once", _since(began), comment=said.strip())
                case "b":
                    if await self._batch(question, others):
                        return self._answer("yes", "once", self._taken(began))
                case "escape" | "c-c":
                    raise asyncio.CancelledError
                case _:
                    scope: Scope = next(one for one in scopes if one[0] == key)
                    if scope == "session":
                        return await self._yes(question, "session", began)
                    filed = await self._file(question, scope, began)
                    if filed is not None:
                        return filed

    async def _yes(self, question: Question, scope: Scope, began: int) -> Answer:
        comment = ""
        taken = self._taken(began)
        if question.needs_reason:
            said = await self._live.read(tr("Why?"))
            comment = (said or "").strip()
            if not comment:
                return self._answer("no", "once", _since(began), comment="no reason was given")
        return self._answer("yes", scope, taken, comment=comment)

    async def _file(self, question: Question, scope: Scope, began: int) -> Answer | None:
        """The approval as it would stand on file, to be made narrower; None where the person goes back."""
        widest, judged = question.standing, question.judged
        if widest is None or judged is None:
            return self._answer("yes", scope, self._taken(began))
        most = _days(widest)
        offered = sorted({*(one for one in DAYS if one < most), most}, reverse=True)
        days, exact = offered[0], False
        always_exact = bool(widest.arguments)
        while True:
            approval = standing_approval(
                judged, by=self._by, scope=scope, given=widest.given, days=days,
                folder=widest.folder, exact=exact,
            )  # fmt: skip
            options = [("y", tr("file it"))]
            if len(offered) > 1:
                options.append(("d", tr("fewer days (now {days})").format(days=days)))
            if not always_exact:
                options.append(("e", tr("any arguments") if exact else tr("these arguments only")))
            options.append(("esc", tr("back")))
            keys = ["y", "d", "e", "escape", "c-c", "n"]
            rows = sheet(approval, judged)
            if not self._live.has_room(len(rows) + 3):  # nobody files what they cannot read whole
                self._print(rows)
                rows = [_question(tr("File it?"))]
            key = await self._live.ask(rows, keys, options)
            match key:
                case "y":
                    self._print(sheet(approval, judged))
                    answer = self._answer("yes", scope, self._taken(began))
                    return Answer(approval=answer.approval, days=days, exact=exact)
                case "d":
                    days = offered[(offered.index(days) + 1) % len(offered)]
                case "e" if not always_exact:
                    exact = not exact
                case "escape" | "c-c" | "n":
                    return None
                case _:
                    pass

    async def _batch(self, question: Question, others: Sequence[ToolJudged]) -> bool:
        """Show each of them whole, then ask once for all; whether the answer is yes."""
        began = time.monotonic_ns()
        for number, one in enumerate(others, 2):
            head = line(
                Segment(
                    tr("{number} of {many}").format(number=number, many=len(others) + 1), "quiet"
                )
            )
            self._print([head, *card(one, self._folder)])
        what = tr("Allow all {many}, each of them once?").format(many=len(others) + 1)
        options = [("y", tr("yes, all that is shown above")), ("n", tr("no, one by one"))]
        keys = ["y", "n", "escape", "c-d", "c-c"]
        key = await self._live.ask([_question(what)], keys, options)
        if key == "c-c":
            raise asyncio.CancelledError
        if key != "y":
            return False
        taken = self._taken(began)
        self._agreed.update({(one.call, shown(one)): taken for one in others})
        return True

    def _taken(self, began: int) -> int:
        """From then to the key that answered, in microseconds."""
        return (self._live.pressed_ns - began) // 1000

    def _answer(self, answer: str, scope: Scope, taken: int, *, comment: str = "") -> Answer:
        yes = answer == "yes"
        if yes and taken < QUICK_US:
            self.quick += 1
        return Answer(
            approval=Approval(
                answer="yes" if yes else "no",
                by=self._by,
                method="terminal",
                scope=scope,
                latency_us=taken,
            ),
            comment=comment,
        )


OFFER: dict[Scope, str] = {
    "once": "yes, once",
    "session": "this session",
    "project": "this folder…",
    "always": "always…",
}


def _question(text: str) -> Line:
    return line(Segment(text, "bold"))


def _days(approval: StandingApproval) -> int:
    from datetime import date  # noqa: PLC0415  (where somebody files one)

    return (date.fromisoformat(approval.expires) - date.fromisoformat(approval.given)).days


def _since(began: int) -> int:
    return (time.monotonic_ns() - began) // 1000
