"""Which key answers a question: one that stands alone. Words that are typed while a question stands there are none."""

import asyncio
import time

from devagent.repl.choices import Choices
from devagent.repl.messages import tr

QUIET_S = 0.4
"""A question takes no key that was pressed so shortly after another: that was meant for what stood there before."""
ALONE_S = 0.2
"""A letter answers where no other follows it so shortly."""
PASTED = "pasted"
"""Stands for a key where a text was pasted."""
_ENTER = ("c-m", "enter")


class OneKey:
    """The keys that were pressed at a question lately."""

    def __init__(self) -> None:
        self._letter = ""
        self._alone: asyncio.TimerHandle | None = None
        self._typed_on = 0.0

    def pressed(self, question: Choices | None, key: str) -> None:
        """Answer the question with the key, soon, where it is one of its keys and comes alone."""
        waiting = self._alone
        if waiting is not None and (
            len(key) == 1 or key in (*_ENTER, PASTED) or (question and key in question.keys)
        ):
            waiting.cancel()
            self._alone = None
        if question is None or question.answered.done():
            return
        if key in _ENTER and waiting is not None:
            question.answered.set_result(self._letter)
        elif key == PASTED:
            self._nothing_taken(question)
        elif len(key) > 1:
            if key in question.keys:
                question.pressed_ns = time.monotonic_ns()
                question.answered.set_result(key)
        elif (
            waiting is not None
            or key not in question.keys
            or time.monotonic() - self._typed_on < QUIET_S
        ):
            self._nothing_taken(question)
        else:
            self._letter = key
            question.pressed_ns = time.monotonic_ns()
            self._alone = asyncio.get_running_loop().call_later(ALONE_S, self._answer, question)

    def _nothing_taken(self, question: Choices) -> None:
        self._typed_on = time.monotonic()
        question.note = tr("One key answers; nothing was taken of what you typed.")

    def _answer(self, question: Choices) -> None:
        self._alone = None
        if not question.answered.done():
            question.answered.set_result(self._letter)
