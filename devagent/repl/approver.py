"""Who answers an ask: a person at the terminal, or nobody."""

import sys
import time

from devagent.core.events import Approval
from devagent.core.ports import Answer, Question
from devagent.core.text import visible


class Unattended:
    """Nobody is there (one-shot runs, CI): every ask is answered no, and the record says why."""

    async def ask(self, question: Question) -> Answer:
        return Answer(approval=Approval(answer="no", by="nobody", method="unattended"))


class AtTerminal:
    """Asks the person at the terminal. What was typed before the question was shown never counts."""

    def __init__(self, user: str) -> None:
        self._user = user

    async def ask(self, question: Question) -> Answer:
        from prompt_toolkit import PromptSession  # noqa: PLC0415  (140 ms; only when somebody is asked)

        _forget_typed_ahead()
        sys.stdout.write(_card(question))
        sys.stdout.flush()
        began = time.monotonic_ns()
        session: PromptSession[str] = PromptSession()
        comment = ""
        while True:
            try:
                typed = (
                    await session.prompt_async(
                        "  Allow this once? [y]es  [n]o  or a comment for no: "
                    )
                ).strip()
            except EOFError:
                typed = "n"
            if typed.lower() in ("y", "yes", "n", "no"):
                break
            if len(typed) > 2:
                comment, typed = typed, "n"
                break
        return Answer(
            approval=Approval(
                answer="yes" if typed.lower().startswith("y") else "no",
                by=f"user:{self._user}",
                method="terminal",
                latency_us=(time.monotonic_ns() - began) // 1000,
            ),
            comment=comment,
        )


def _card(question: Question) -> str:
    lines = visible(question.shown).splitlines()
    return "\n".join(["", f"  ? {lines[0]}", *(f"    {line}" for line in lines[1:]), ""])


def _forget_typed_ahead() -> None:
    if sys.platform == "win32" or not sys.stdin.isatty():
        return
    import termios  # noqa: PLC0415  (POSIX only)

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
