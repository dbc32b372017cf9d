"""The conversation as the model reads it: a fold over events.

Live and resumed sessions use the same fold, so there is no second store. Every tool call ends up
paired with a result, also where a turn was cut.
"""

from typing import Any

from devagent.core.events import (
    ApprovalAnswered,
    Event,
    ModelReplied,
    Prompt,
    ToolFinished,
    ToolJudged,
    TurnCut,
)

CUT = "This call was cut off before it could finish; whether it had effects is not known."


class History:
    """Messages in the Messages API's shape, kept up to date by ``apply``."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._open: dict[str, None] = {}
        self.turn = 0

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages so far; the list is the history's own, not to be changed."""
        return self._messages

    def apply(self, event: Event) -> None:
        """Take one event in. Events that the model never sees change nothing."""
        match event:
            case Prompt(text=text, turn=turn):
                self._pair_open_calls()
                self.turn = turn
                self._say("user", [{"type": "text", "text": text}])
            case ModelReplied(content=content):
                if content:
                    self._say("assistant", content)
                self._open = dict.fromkeys(call.id for call in event.calls)
            case ToolJudged(call=call, reply=reply) if reply:
                self._tell(call, reply, failed=True)
            case ApprovalAnswered(call=call, reply=reply) if reply:
                self._tell(call, reply, failed=True)
            case ToolFinished(call=call, text=text, outcome=outcome):
                self._tell(call, text, failed=outcome != "ok")
            case TurnCut():
                self._pair_open_calls()
            case _:
                pass  # shown or logged, not part of the conversation

    def _say(self, role: str, content: list[dict[str, Any]]) -> None:
        if self._messages and self._messages[-1]["role"] == role:
            # The API wants the roles in turn: after a cut turn two user messages would meet.
            self._messages[-1]["content"] = [*self._messages[-1]["content"], *content]
        else:
            self._messages.append({"role": role, "content": content})

    def _tell(self, call: str, text: str, *, failed: bool) -> None:
        if call not in self._open:
            return
        del self._open[call]
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call, "content": text}
        if failed:
            block["is_error"] = True
        self._say("user", [block])

    def _pair_open_calls(self) -> None:
        for call in list(self._open):
            self._tell(call, CUT, failed=True)
