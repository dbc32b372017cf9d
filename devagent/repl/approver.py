"""Who answers an ask: a person at the terminal, or nobody."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from devagent.core.approvals import Scope
from devagent.core.events.calls import Approval
from devagent.core.ports import Answer, Question
from devagent.repl.render_call import card

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession


class Unattended:
    """Nobody is there (one-shot runs, CI): every ask is answered no, and the record says why."""

    async def ask(self, question: Question) -> Answer:
        return Answer(approval=Approval(answer="no", by="nobody", method="unattended"))


class AtTerminal:
    """Asks the person at the terminal. What was typed before the question was shown never counts.

    Ctrl+D is a no. Ctrl+C stops the turn: raises asyncio.CancelledError.
    """

    def __init__(self, user: str) -> None:
        self._user = user

    async def ask(self, question: Question) -> Answer:
        from prompt_toolkit import PromptSession  # noqa: PLC0415  (140 ms; only when somebody is asked)

        _forget_typed_ahead()
        sys.stdout.write(card(question.shown))
        sys.stdout.flush()
        began = time.monotonic_ns()
        session: PromptSession[str] = PromptSession()
        said: _Said | None = None
        try:
            while said is None:
                said = _meant(await _typed(session, _asked(question)), question.scopes)
            if said.answer == "yes" and question.needs_reason:
                said = said._replace(comment=await _typed(session, "  Why? "))
        except EOFError:
            said = _Said("no")
        return Answer(
            approval=Approval(
                answer=said.answer,
                by=f"user:{self._user}",
                method="terminal",
                scope=said.scope,
                latency_us=(time.monotonic_ns() - began) // 1000,
            ),
            comment=said.comment,
        )


async def _typed(session: "PromptSession[str]", asked: str) -> str:
    try:
        # Its own handling of SIGINT would take the turn's away, for the rest of the turn too.
        return (await session.prompt_async(asked, handle_sigint=False)).strip()
    except KeyboardInterrupt:  # the key, not the signal: it stops the turn all the same
        raise asyncio.CancelledError from None


class _Said(NamedTuple):
    answer: Literal["yes", "no"]
    scope: Scope = "once"
    comment: str = ""


_KEYS: dict[Scope, str] = {
    "once": "[y]es, once",
    "session": "[s]ession",
    "project": "[p]roject",
    "always": "[a]lways",
}


def _asked(question: Question) -> str:
    offered = "  ".join(_KEYS[scope] for scope in question.scopes)
    return f"  Allow this? {offered}  [n]o, or say why not: "


def _meant(typed: str, scopes: tuple[Scope, ...]) -> _Said | None:
    """What was answered; None for a key that is not offered. A longer text is a no with its reason."""
    typed = typed.strip()
    word = typed.lower()
    if word in ("y", "yes", "once"):
        return _Said("yes")
    if word in ("n", "no"):
        return _Said("no")
    for scope in scopes[1:]:
        if word in (scope, scope[0]):
            return _Said("yes", scope)
    return _Said("no", comment=typed) if len(typed) > 2 and word not in _KEYS else None


def _forget_typed_ahead() -> None:
    if sys.platform == "win32" or not sys.stdin.isatty():
        return
    import termios  # noqa: PLC0415  (POSIX only)

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
