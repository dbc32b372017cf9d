"""What a conversation's events come to: what the model reads, what was spent, what goes in circles, what is to be done.

One event goes to all folds, live as it is yielded and again when a session is resumed: there is no other state.
"""

from collections.abc import Iterator
from typing import TypeVar

from devagent.agent.circles import Circles
from devagent.agent.finding import Findable
from devagent.agent.fitting import Fitting, Window
from devagent.agent.gate import Gate
from devagent.agent.history import History
from devagent.agent.spending import Spending
from devagent.agent.todo import Todo
from devagent.core.events import Event
from devagent.core.events.model import Compacted, CompactionUndone, ModelReplied
from devagent.core.events.turns import BudgetStopped, BudgetWarned
from devagent.core.limits import Limits
from devagent.core.ports import SharedSpending
from devagent.core.usage import Usage

E = TypeVar("E", bound=Event)


class Folds:
    """The folds of one conversation, the gate's evidence and what was found by ``findable`` among them."""

    def __init__(
        self,
        gate: Gate,
        limits: Limits,
        *,
        window: Window,
        todo: Todo,
        findable: Findable | None,
        shared: SharedSpending | None,
    ) -> None:
        self._gate = gate
        self._findable = findable
        self.history = History()
        self.spending = Spending(limits, shared=shared)
        self.circles = Circles(limits)
        self.todo = todo
        self.fitting = Fitting(self.history, window, todo)
        self.last_usage: Usage | None = None
        """Of the conversation's last reply, while it still is this conversation's."""

    def apply(self, event: Event) -> None:
        """Take in an event."""
        self.history.apply(event)
        self._gate.apply(event)
        if self._findable is not None:
            self._findable.apply(event)
        self.spending.apply(event)
        self.circles.apply(event)
        self.todo.apply(event)
        self.fitting.apply(event)
        match event:
            case ModelReplied(usage=usage, purpose=""):
                self.last_usage = usage
            case Compacted() | CompactionUndone():
                self.last_usage = None
            case _:
                pass

    def keep(self, event: E) -> E:
        """Take in an event that is about to be yielded."""
        self.apply(event)
        return event

    def check_call(self, turn: int, calls: int = 1) -> Iterator[BudgetWarned | BudgetStopped]:
        """What stands against so many calls of tools, or nearly does."""
        return self.spending.check(turn, calls=calls)

    @property
    def filled(self) -> tuple[int, int] | None:
        """How many tokens the last request and its reply had, and the window's size; None before the first."""
        used = self.last_usage
        if used is None:
            return None
        tokens = used.input + used.cache_read + used.cache_write + used.output
        return tokens, self.fitting.window.tokens
