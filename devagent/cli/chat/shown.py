"""A session on a screen: its events go to the transcript, what is under way to the line below, questions to the person.

One turn runs at a time; stopping it keeps what was done. What is typed, and how sessions open, is ``screen.Chat``'s.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from devagent.cli.chat.asked import Asked
from devagent.cli.chat.following import follow, tells_how_far
from devagent.cli.chat.saying import status
from devagent.core.errors import DevagentError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolProgress
from devagent.core.events.model import ModelReplied, TextDelta
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded
from devagent.core.ports import Question
from devagent.core.todo import in_short
from devagent.core.tools import ToolCall
from devagent.core.usage import Usage
from devagent.repl.asker import OnScreen
from devagent.repl.capabilities import Capabilities
from devagent.repl.completing import Completing
from devagent.repl.lines import Lines
from devagent.repl.live import Live
from devagent.repl.messages import tr
from devagent.repl.past import Past
from devagent.repl.region import Doing
from devagent.repl.screens import Screen
from devagent.repl.style import Line, Painter
from devagent.repl.transcript import Transcript
from devagent.settings.config import TerminalChoices
from devagent.settings.folder import FolderSays, TrustedFolders, guidance
from devagent.settings.identity import principal
from devagent.settings.places import places

if TYPE_CHECKING:
    from devagent.session import Session

CALLS_AFTER_S = 10.0
"""A turn that took longer says by a notification that it is over."""
_TAIL = 5


class Shown:
    """One person, one screen, and the session on it, if one is open."""

    def __init__(
        self, asked: Asked, able: Capabilities, terminal: TerminalChoices, completer: Completing
    ) -> None:
        here = places()
        self.asked = asked
        self.terminal = terminal
        self.painter = Painter(able)
        self.trusted = TrustedFolders(os.path.join(here.data, "folders.json"))
        self.says = FolderSays({}, {}, "")
        past = Past(os.path.join(here.data, "prompts.jsonl"), _without_secrets)
        kind = Live if able.live else Lines
        self.live: Screen = kind(
            self.painter, history=past, completer=completer, vi=terminal.editing == "vi"
        )
        completer.typed = lambda: self.live.typed
        self.transcript = Transcript(able, lambda: self.live.columns)
        self.asker = OnScreen(self.live, principal().user, asked.folder, self.print)
        self.asker.before_question = self._question_comes
        self.usage = Usage()
        self.usd_micros = 0
        self.environment: dict[str, str] | None = None
        self.plan = False
        self.declined: set[str] = set()
        self.last_reply = ""
        self.fresh = True
        """Whether no session was opened here yet."""
        self._session: Session | None = None
        self._said: list[str] = []
        self._inbox: deque[str] = deque()
        self._work: asyncio.Task[None] | None = None
        self._echoed = ""  # the command that stands on the screen already
        self._reply_calls: Sequence[ToolCall] = ()
        self._stopped = False
        self.live.stop = self.stop
        self.live.unfold = self._unfold

    @property
    def session(self) -> "Session":
        """The open session. Raises DevagentError before there is one."""
        if self._session is None:
            raise DevagentError("the session is not open yet")
        return self._session

    @property
    def open_session(self) -> "Session | None":
        """The session, once there is one."""
        return self._session

    @property
    def busy(self) -> bool:
        """Whether something is under way, or about to be."""
        return self._work is not None or bool(self._inbox)

    def say(self, text: str, role: str = "quiet") -> None:
        """A few words of devagent's own."""
        self.live.paper.put(self.transcript.note(text, role))
        self.live.draw_now()

    async def show_end(self, folder: str) -> None:
        """The end of a session that goes on, as it stood on the screen."""
        from devagent.cli.chat.past import end_of  # noqa: PLC0415  (where one goes on)

        self.live.paper.put(await asyncio.to_thread(end_of, self.transcript, folder))
        self.live.draw_now()

    def print(self, lines: Sequence[Line], *, whole: bool = False, wide: bool = False) -> None:
        """Lines of a command, below an empty one; ``whole``: they are code, which is not broken into rows; ``wide``:
        they may be as wide as the screen."""
        self.live.paper.put(self.transcript.printed(lines, whole=whole, wide=wide))
        self.live.draw_now()

    def notify(self, text: str) -> None:
        """A word from the terminal to its desktop, and a bell."""
        if self.terminal.notify:
            self.live.ring(text)

    def guidance(self) -> str:
        """What the trusted folder tells the model."""
        return guidance(self.says) if self.says.digest else ""

    def plan_policy(self) -> str:
        """The file of the policy that lets nothing but reading through."""
        return os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.toml")

    # -- a turn

    async def before_turn(self) -> None:
        """What else the session was used for makes way."""

    async def turn(self, events: AsyncGenerator[Event, None], what: str = "") -> int:
        """Show a turn (or what is like one) until it is over or was stopped; how many events there were."""
        await self.before_turn()
        self.live.doing = Doing(what=what, since=time.monotonic())
        count: list[int] = [0]
        self._work = asyncio.ensure_future(self._shown(events, count))
        began = time.monotonic()
        try:
            await asyncio.wait([self._work])
            if self._work.cancelled():
                over = self.session.out_of_time
                cut = over or TurnCut(turn=0, err="cancelled")
                self.live.paper.put(self.transcript.show(cut))
            else:
                self._work.result()
        finally:
            if not self._work.done():
                self._work.cancel()
                await asyncio.wait([self._work])
            self._work = None
            self.live.doing = None
            self.asker.turn_is_over()
            self._give_back(stopped=self._stopped)
            self.live.draw_now()
        if time.monotonic() - began > CALLS_AFTER_S:
            self.notify(tr("devagent is done"))
        return count[0]

    def _give_back(self, *, stopped: bool) -> None:
        """What was said and not read: it comes next, or, where the person stopped, into the line again."""
        left = [*self.session.unsaid(), *(self._inbox if stopped else ())]
        self._stopped = False
        if stopped:
            self._inbox.clear()
            self.live.take_back(left)
        else:
            self._inbox.extendleft(reversed(left))
        self._queue_changed()

    def stop(self) -> bool:
        """Stop what is under way; whether anything was."""
        if self._work is None or self._work.done():
            return False
        self._stopped = True
        self._work.cancel()
        return True

    def _queue_changed(self) -> None:
        if self._work is None:
            self._said = []
        later = self._inbox if self._work is not None else ()
        self.live.queued = [
            *(tr("at its next step: {text}").format(text=text) for text in self._said),
            *(tr("after that: {text}").format(text=text) for text in later),
        ]
        self.live.redraw()

    async def _shown(self, events: AsyncGenerator[Event, None], count: list[int]) -> None:
        async with aclosing(events):
            async for event in events:
                count[0] += 1
                self._follow(event)
                stands = (
                    isinstance(event, Prompt) and (self.live.echoes or event.text == self._echoed)
                ) or (not self.live.echoes and tells_how_far(event))
                if not stands:
                    self.live.paper.put(self.transcript.show(event))
                if isinstance(event, TextDelta):
                    self.live.draw()
                else:
                    self.live.draw_now()

    def _follow(self, event: Event) -> None:
        """What is under way by this event, and what it has cost."""
        if self.live.doing is not None:
            follow(self.live.doing, event)
        match event:
            case Prompt(text=text) if text in self._said:
                self._said.remove(text)
                self._queue_changed()
            case ModelReplied():
                self._reply_calls = event.calls
                self.usage = self.usage + event.usage
                self.usd_micros += event.cost.usd_micros if event.cost else 0
                if event.text and not event.purpose:
                    self.last_reply = event.text
            case ToolProgress(call=call, text=text) if not tells_how_far(event):
                self.progress(call, text)
            case ToolFinished():
                self._todo()
            case TurnEnded():
                self._status()
            case _:
                pass

    def progress(self, call_id: str, text: str) -> None:
        """What a running call has printed since: its last lines are shown while it runs."""
        doing = self.live.doing
        if doing is not None and call_id:
            doing.tail = (*doing.tail, *text.splitlines())[-_TAIL:]
            self.live.redraw()

    def _unfold(self) -> None:
        lines = self.transcript.unfolded()
        if lines:
            self.print(lines, whole=True)

    def _todo(self) -> None:
        items = self._session.todo if self._session is not None else ()
        over = all(one.state == "done" for one in items)
        self.live.todo = "" if over else tr("to do: {how_far}").format(how_far=in_short(items))

    def _status(self) -> None:
        if self._session is not None:
            folder, plan, cost = self.asked.folder, self.plan, self.usd_micros
            self.live.status = status(self._session, folder, plan=plan, usd_micros=cost)
            self._todo()
            self.live.redraw()

    def _question_comes(self, question: Question) -> None:
        self.live.draw_now()
        self.notify(tr("devagent asks about {tool}").format(tool=question.tool.qualified))


def _without_secrets(text: str) -> str:
    from devagent.audit.redaction.redactor import Redactor  # noqa: PLC0415  (once something is kept)

    return Redactor().text(text)[0]
