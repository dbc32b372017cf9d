"""Going in circles: the same call with the same result again and again, or one refusal after the other.

The model is told first, in the message that follows the results; where it then does the same once more,
the turn ends. A call that gives another result than the time before (a job that is waited for) is no
circle, and one that is carried out ends a row of refusals.
"""

from collections.abc import Iterator

from devagent.core.codec import sha256
from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.model import SubagentStarted
from devagent.core.events.turns import BudgetStopped, BudgetWarned, TurnStarted
from devagent.core.limits import Limits

_SCOPE = "loop"


class Circles:
    """Rows of equal calls and of refusals in the turn, folded from its events."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._judged: dict[str, ToolJudged] = {}
        self._tasks: set[str] = set()
        self._forget()

    def _forget(self) -> None:
        self._judged.clear()
        self._tasks.clear()
        self._last = ("", "", "")
        self._equal = self._refused = 0
        self._told: dict[str, int] = {}

    def apply(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case TurnStarted():
                self._forget()
            case SubagentStarted(call=call):
                self._tasks.add(f"{call}/")
            case ToolJudged() if event.call.startswith(tuple(self._tasks)) or event.is_offer:
                pass  # a sub-agent's, which has circles of its own; or no call of the model's
            case ToolJudged():
                self._judged[event.call] = event
                if event.decision.effect == "deny":
                    self._over(event, f"refused {event.reply}")
                    self._refused += 1
                elif event.dry_run:
                    self._over(event, "dry run")
            case ApprovalAnswered(call=call, approval=approval, reply=reply):
                if approval.answer != "yes" and (judged := self._judged.get(call)):
                    self._over(judged, f"refused {reply}")
                    self._refused += 1
            case ToolFinished(call=call, outcome=outcome, text=text):
                if judged := self._judged.get(call):
                    self._over(judged, f"{outcome} {text}")
                    self._refused = 0
            case BudgetWarned(limit=limit, scope=scope) if scope == _SCOPE:
                self._told[limit] = self._equal if limit == "repeated_calls" else self._refused
            case _:
                pass

    def _over(self, judged: ToolJudged, result: str) -> None:
        this = (judged.full_name, judged.args_digest, sha256(result.encode(errors="replace")))
        self._equal = self._equal + 1 if this == self._last else 1
        self._last = this

    def check(self, turn: int) -> Iterator[BudgetWarned | BudgetStopped]:
        """What the model is to be told, or what ends the turn since it was told."""
        tool = self._last[0]
        rows = (
            (
                "repeated_calls",
                self._limits.identical_calls,
                self._equal,
                f"{tool} was called {self._equal} times in a row with the same arguments and gave the same result",
                "Calling it again will not change that: do something else, or end with what you have.",
            ),
            (
                "refusals",
                self._limits.refusals,
                self._refused,
                f"{self._refused} calls in a row were refused",
                "Do not look for a way around it: end now, and say what was refused, by which rule, and who can grant it.",
            ),
        )
        for limit, most, length, what, advice in rows:
            if most is None or length < most:
                self._told.pop(limit, None)
            elif limit not in self._told:
                told = f"[devagent] {what}. {advice} One more and the turn ends."
                yield BudgetWarned(
                    turn=turn, limit=limit, scope=_SCOPE, reason=f"{limit}: {what}", told=told
                )
            elif length > self._told[limit]:
                reason = f"{limit}: {what}, also after the model was told"
                yield BudgetStopped(turn=turn, limit=limit, scope=_SCOPE, reason=reason)
                return
