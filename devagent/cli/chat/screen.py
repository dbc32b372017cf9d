"""The chat on the live screen: what is typed becomes a turn, a command or a word to the model that works.

The prompt is there first; the session opens behind it, and what was typed meanwhile waits. The loop's events go to
the transcript, and its rows to the paper above the prompt. One turn runs at a time; Escape stops it and keeps what
was done.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from devagent.cli.chat import Asked
from devagent.cli.chat.following import follow
from devagent.cli.chat.mentions import Mentioning, arguments_of, prompt_of, read_first
from devagent.cli.chat.saying import named, status, words
from devagent.cli.chat.slash import TABLE, command
from devagent.core.errors import DevagentError, Stop, UsageError
from devagent.core.events import (
    Event,
    ModelReplied,
    Prompt,
    TextDelta,
    ToolJudged,
    ToolProgress,
    TurnCut,
    TurnEnded,
    Usage,
)
from devagent.core.ports import Question
from devagent.core.text import one_line
from devagent.core.tools import ToolCall
from devagent.repl.asker import OnScreen
from devagent.repl.capabilities import Capabilities
from devagent.repl.completing import Completing
from devagent.repl.files import Files
from devagent.repl.lines import Lines
from devagent.repl.live import Live
from devagent.repl.messages import tr
from devagent.repl.past import Past
from devagent.repl.region import Doing
from devagent.repl.screens import Screen
from devagent.repl.style import Line, Painter
from devagent.repl.symbols import Symbols
from devagent.repl.transcript import Transcript
from devagent.repl.words import size_text
from devagent.settings.config import TerminalChoices
from devagent.settings.folder import FolderSays, TrustedFolders, guidance
from devagent.settings.identity import principal
from devagent.settings.places import places

if TYPE_CHECKING:
    from devagent.session import Session

CALLS_AFTER_S = 10.0
"""A turn that took longer says by a notification that it is over."""
ENDS_WITHIN_S = 5.0
_TAIL = 5


async def talk(asked: Asked, able: Capabilities, terminal: TerminalChoices) -> int:
    """Until the person leaves; the exit code."""
    return await Chat(asked, able, terminal).run()


class Chat:
    """One person at one screen; sessions may follow one another. Commands work on it."""

    def __init__(self, asked: Asked, able: Capabilities, terminal: TerminalChoices) -> None:
        here = places()
        self.asked = asked
        self.terminal = terminal
        self.painter = Painter(able)
        self.files = Files(asked.folder)
        self.trusted = TrustedFolders(os.path.join(here.data, "folders.json"))
        self.says = FolderSays({}, {}, "")
        self.mentioning = Mentioning(self)
        completer = Completing(self.commands, self.files, Symbols(asked.folder), self.mentioning)
        past = Past(os.path.join(here.data, "prompts.jsonl"), _without_secrets)
        kind = Live if able.live else Lines
        self.live: Screen = kind(
            self.painter, history=past, completer=completer, vi=terminal.editing == "vi"
        )
        completer.typed = lambda: self.live.typed
        self.transcript = Transcript(able, self.live.columns)
        self.asker = OnScreen(self.live, principal().user, asked.folder, self.print)
        self.asker.others = self._like
        self.asker.before_question = self._question_comes
        self.usage = Usage()
        self.usd_micros = 0
        self.environment: dict[str, str] | None = None
        self.plan = False
        self.declined: set[str] = set()
        self.todo: list[tuple[str, bool]] = []
        self.last_reply = ""
        self._session: Session | None = None
        self._said: list[str] = []
        self._inbox: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._reply_calls: Sequence[ToolCall] = ()
        self._background: set[asyncio.Task[None]] = set()
        self._stop: Stop = "done"
        self._leaving = False
        self._stopped = False
        self._pictures: dict[str, dict[str, Any]] = {}
        self.live.submit = self._submit
        self.live.stop = self.stop
        self.live.leave = self.leave
        self.live.unfold = self._unfold
        self.live.picture = self._picture

    # -- for commands

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

    def commands(self) -> Mapping[str, str]:
        """Names and what they do, the folder's own and the servers' prompts among them."""
        own = {name: f"own: {one_line(text, 60)}" for name, text in self.says.commands.items()}
        brought = {name: f"recipe: {one_line(text, 60)}" for name, text in self.recipes.items()}
        asked = self._session.prompts if self._session is not None else ()
        prompts = {
            one.command[1:]: one_line(f"{one.server}: {one.description or one.name}", 70)
            for one in asked
        }
        return {name: tr(one.about) for name, one in TABLE.items()} | own | brought | prompts

    @property
    def recipes(self) -> Mapping[str, str]:
        """The organisation's, which stand before the folder's own; none before the session is open."""
        return {} if self._session is None else self._session.recipes

    def say(self, text: str, role: str = "quiet") -> None:
        """A few words of devagent's own."""
        self.live.paper.put(self.transcript.note(text, role))
        self.live.draw_now()

    async def show_end(self, folder: str) -> None:
        """The end of a session that goes on, as it stood on the screen."""
        from devagent.cli.chat.past import end_of  # noqa: PLC0415  (where one goes on)

        self.live.paper.put(await asyncio.to_thread(end_of, self.transcript, folder))
        self.live.draw_now()

    def print(self, lines: Sequence[Line], *, whole: bool = False) -> None:
        """Lines of a command, below an empty one; ``whole``: they are code, which is not broken into rows."""
        self.transcript.columns = self.live.columns
        self.live.paper.put(self.transcript.printed(lines, whole=whole))
        self.live.draw_now()

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

    def leave(self) -> None:
        """End the chat once what is under way has stopped."""
        self._leaving = True
        self.stop()
        self._arrived.set()

    def put(self, text: str) -> None:
        """As if it had been typed."""
        self._inbox.append(text)
        self._arrived.set()

    async def say_to_model(self, text: str) -> None:
        """A turn with what the person typed: its pictures, and what it mentions, first."""
        pictures = [self._pictures.pop(mark) for mark in list(self._pictures) if mark in text]
        readings = await asyncio.to_thread(read_first, self, text) if "@" in text else ()
        turn = self.session.turn(text, attachments=pictures, readings=readings)
        await self.turn(turn, tr("thinking"))

    async def _picture(self) -> str:
        """A mark for the image in the clipboard."""
        from devagent.repl.images import clipboard_image  # noqa: PLC0415  (for this alone)
        from devagent.session.attachments import block  # noqa: PLC0415

        try:
            data = await asyncio.to_thread(clipboard_image, os.environ)
            found = block(tr("the clipboard"), data) if data else {}
            if found.get("type") != "image":
                self.say(tr("there is no image in the clipboard"))
                return ""
        except UsageError as error:
            self.say(str(error), "ask")
            return ""
        mark = f"[image #{len(self._pictures) + 1}: {size_text(len(data))}]"
        self._pictures[mark] = found
        return mark

    async def turn(self, events: AsyncGenerator[Event, None], what: str = "") -> int:
        """Show a turn (or what is like one) until it is over or was stopped; how many events there were."""
        await self.mentioning.leave_off()
        self.transcript.columns = self.live.columns
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

    async def switch(self, asked: Asked, *, quietly: bool = False) -> None:
        """Close this session and open another. ``quietly``: it is the same one, with something else in force."""
        await self._close("done", quietly=quietly)
        self.asked = asked
        if not quietly:
            self.usage, self.usd_micros = Usage(), 0
        await self._open(quietly=quietly)

    def notify(self, text: str) -> None:
        """A word from the terminal to its desktop, and a bell."""
        if self.terminal.notify:
            self.live.ring(text)

    # -- its life

    async def run(self) -> int:
        screen = asyncio.ensure_future(self.live.run())
        talking = asyncio.ensure_future(self._talk())
        self.files.look()
        try:
            await asyncio.wait([screen, talking], return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
        except asyncio.CancelledError:
            self._stop = "interrupted"
            raise
        finally:
            talking.cancel()
            await asyncio.wait([talking])
            try:
                await self._close(self._stop)
            finally:
                self.live.end()
                await asyncio.wait([screen], timeout=ENDS_WITHIN_S)
                screen.cancel()
        return 0

    async def _talk(self) -> None:
        await self._open()
        while not self._leaving:
            while self._inbox and not self._leaving:
                text = self._inbox.popleft()
                self._queue_changed()
                await self._do(text)
            if self._leaving:
                break
            self._arrived.clear()
            if not self._inbox:
                self.live.waits()
                await self._arrived.wait()

    async def _open(self, *, quietly: bool = False) -> None:
        from devagent.cli.chat.opening import opened  # noqa: PLC0415  (the prompt is there before it)

        self.live.hint = tr("opening the session …")
        self.live.draw_now()
        try:
            self._session = await opened(self, quietly=quietly)
        finally:
            self.live.hint = ""
        self._status()

    async def _close(self, stop: Stop, *, quietly: bool = False) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        verified = await session.close(stop, 130 if stop == "interrupted" else 0)
        if quietly:
            return
        quick = self.asker.quick
        self.asker.quick = 0
        if quick:
            said = tr(
                "approved in under a second: {many} (`devagent review` shows what was approved so)"
            )
            self.live.paper.put(self.transcript.note(said.format(many=quick), "ask"))  # fmt: skip
        self.live.paper.put(self.transcript.note(f"session {session.id}  {verified}"))
        self.live.paper.flush()

    async def _do(self, text: str) -> None:
        try:
            if text.startswith("/"):
                await self._command(text)
            elif text.startswith("!"):
                await self._own_command(text[1:].strip())
            else:
                await self.say_to_model(text)
                if self.session.unanchored:
                    self.say(tr("! the record is {how}").format(how=self.session.unanchored), "ask")
        except DevagentError as error:
            if self._session is None:
                raise
            self.say(f"! {error}", "ask")
        self._status()
        self.live.draw_now()

    async def _own_command(self, shell: str) -> None:
        if not shell:
            return
        call = self.session.own_call("workspace__shell", {"command": shell}, f"!{shell}")
        await self.turn(call, tr("running"))
        lines = self.transcript.unfolded_result()
        if len(lines) > 1:
            self.print(lines, whole=True)

    async def _command(self, text: str) -> None:
        name, rest = named(text)
        if not self.live.echoes:
            said = Prompt(turn=0, text=text, of_the_house=True)
            self.live.paper.put(self.transcript.show(said))
        self.live.draw_now()
        if name in TABLE:
            await command(name)(self, rest)
        elif name in self.recipes:
            from devagent.session.recipes import filled  # noqa: PLC0415  (loaded with the session)

            await self.say_to_model(filled(self.recipes[name], rest))
        elif name in self.says.commands:
            await self.say_to_model(self.says.commands[name].replace("$ARGUMENTS", rest))
        elif (prompt := prompt_of(self._session, text.split()[0])) is not None:
            reading = self.session.reading_of(prompt, arguments_of(prompt, words(rest)))
            await self.turn(self.session.turn(text, readings=[reading]), tr("thinking"))
        else:
            from difflib import get_close_matches  # noqa: PLC0415  (for a slip)

            near = get_close_matches(name, self.commands(), 1)
            meant = tr(" Did you mean /{name}?").format(name=near[0]) if near else ""
            said = tr("There is no command /{name}.{meant} /help lists them.")
            self.say(said.format(name=one_line(name, 40), meant=meant), "ask")

    def _submit(self, text: str, later: bool) -> None:
        if self._work is None or later:
            self.put(text)
            self._queue_changed()
            return
        name, _ = named(text)
        if text.startswith("/") and name in TABLE and not TABLE[name].idle:
            task = asyncio.ensure_future(self._do(text))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        elif text.startswith(("/", "!")) or self._session is None or self._pictured(text):
            self.put(text)
        else:
            self._session.steer(text)
            self._said.append(text)
        self._queue_changed()

    def _pictured(self, text: str) -> bool:
        return any(mark in text for mark in self._pictures)

    def _queue_changed(self) -> None:
        if self._work is None:
            self._said = []
        later = self._inbox if self._work is not None else ()
        self.live.queued = [
            *(tr("at its next step: {text}").format(text=text) for text in self._said),
            *(tr("after that: {text}").format(text=text) for text in later),
        ]
        self.live.redraw()

    # -- what is shown

    async def _shown(self, events: AsyncGenerator[Event, None], count: list[int]) -> None:
        async with aclosing(events):
            async for event in events:
                count[0] += 1
                self._follow(event)
                if not (self.live.echoes and isinstance(event, Prompt)):
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
            case ToolProgress(call=call, text=text):
                self.progress(call, text)
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

    def _status(self) -> None:
        if self._session is not None:
            folder, plan, cost = self.asked.folder, self.plan, self.usd_micros
            self.live.status = status(self._session, folder, plan=plan, usd_micros=cost)
            self.live.redraw()

    # -- questions

    def _question_comes(self, question: Question) -> None:
        self.live.draw_now()
        self.notify(tr("devagent asks about {tool}").format(tool=question.tool.qualified))

    async def _like(self, question: Question) -> Sequence[ToolJudged]:
        """The calls behind this one in the same reply that the same rules would ask about."""
        from devagent.cli.chat.opening import like  # noqa: PLC0415

        return await like(self.session, self._reply_calls, question)

    def guidance(self) -> str:
        """What the trusted folder tells the model."""
        return guidance(self.says) if self.says.digest else ""

    def plan_policy(self) -> str:
        """The file of the policy that lets nothing but reading through."""
        return os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.toml")


def _without_secrets(text: str) -> str:
    from devagent.audit.redaction.redactor import Redactor  # noqa: PLC0415  (once something is kept)

    return Redactor().text(text)[0]
