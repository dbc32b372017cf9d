"""``agent.todo``: the model's list of what is to be done, which the person sees and may add to.

1. It touches nothing but itself; the gate judges it like any other call, so policy can deny it.
2. The list is a fold over the events of its calls: a session that goes on, or is forked, has it again.
3. A call of the person's own (``/todo``) replaces the whole list; one of the model's leaves there what they put on it.
4. A compaction takes it along.
"""

from collections.abc import Mapping
from typing import Any

from devagent.agent.around import Besides
from devagent.agent.history import OWN_CALL
from devagent.core.codec import to_plain
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.turns import TurnStarted
from devagent.core.ports import Toolbox
from devagent.core.todo import (
    HOUSE,
    MOST,
    MOST_CHARACTERS,
    NAME,
    STATES,
    Item,
    after,
    in_full,
    in_short,
)
from devagent.core.tools import ToolResult, ToolSpec

TODO = ToolSpec(
    extension=HOUSE,
    name=NAME,
    tool_class="read",
    description=(
        "Keep a list of the steps of a longer task, for you and the person, who sees it. Give the whole list each "
        "time something changes; one step is doing at a time."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "maxItems": MOST,
                "items": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
                        "state": {"enum": list(STATES)},
                    },
                    "required": ["text", "state"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["items"],
        "additionalProperties": False,
    },
)


class Todo:
    """The list by the session's events so far, live or resumed."""

    def __init__(self) -> None:
        self.items: tuple[Item, ...] = ()
        self._judged: dict[str, Mapping[str, Any]] = {}
        self._running = ""

    def apply(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case TurnStarted():
                self._judged.clear()
            case ToolJudged(tool=tool, ext=ext) if tool == NAME and ext.name == HOUSE:
                self._judged[event.call] = event.args
            case ToolStarted(call=call) if call in self._judged:
                self._running = call
            case ToolFinished(call=call, outcome="ok") if call in self._judged:
                self.items = self._after(call, self._judged.pop(call))
            case _:
                pass

    def after(self, args: Mapping[str, Any]) -> tuple[Item, ...]:
        """What the list is once the call that runs, with these arguments, is over."""
        return self._after(self._running, args)

    def _after(self, call: str, args: Mapping[str, Any]) -> tuple[Item, ...]:
        return after(self.items, args, by_person=call.startswith(OWN_CALL))


class WithTodo(Besides):
    """A toolbox with ``agent.todo`` besides."""

    def __init__(self, inner: Toolbox, todo: Todo) -> None:
        super().__init__(inner, TODO)
        self._todo = todo

    def _carried_out(self, tool: ToolSpec, args: Mapping[str, Any]) -> ToolResult:
        del tool
        items = self._todo.after(args)
        if len(items) > MOST:
            text = f"With what the person put on it the list would have {len(items)} entries; no more than {MOST} fit."
            return ToolResult(text, failed=True, error="too_many")
        return ToolResult(
            in_full(items),
            view=in_short(items) or in_full(items),
            structured={"items": to_plain(items)},
        )
