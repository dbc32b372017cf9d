"""The chat on the live screen: what is typed becomes a turn, a command or a word to the model that works.

The prompt is there first; the session opens behind it, and what was typed meanwhile waits. The loop's events go to
the transcript, and its rows to the paper above the prompt (``shown.Shown``).
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from devagent.cli.chat.asked import Asked
from devagent.cli.chat.mentions import Mentioning, arguments_of, prompt_of, read_first
from devagent.cli.chat.saying import words
from devagent.cli.chat.shown import Shown
from devagent.cli.chat.slash import MEANT, TABLE, command, named
from devagent.core.errors import DevagentError, Stop, UsageError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.turns import Prompt
from devagent.core.ports import Question
from devagent.core.text import one_line
from devagent.core.usage import Usage
from devagent.repl.capabilities import Capabilities
from devagent.repl.completing import Completing
from devagent.repl.files import Files
from devagent.repl.messages import tr
from devagent.repl.symbols import Symbols
from devagent.repl.words import size_text
from devagent.settings.config import TerminalChoices
from devagent.settings.folder import command_prompt

ENDS_WITHIN_S = 5.0


async def talk(asked: Asked, able: Capabilities, terminal: TerminalChoices) -> int:
    """Until the person leaves; the exit code."""
    return await Chat(asked, able, terminal).run()


class Chat(Shown):
    """One person at one screen; sessions may follow one another. Commands work on it."""

    def __init__(self, asked: Asked, able: Capabilities, terminal: TerminalChoices) -> None:
        self.mentioning = Mentioning(self)
        self.files = Files(asked.folder)
        completer = Completing(self.commands, self.files, Symbols(asked.folder), self.mentioning)
        super().__init__(asked, able, terminal, completer)
        self.asker.others = self._like
        self._arrived = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._stop: Stop = "done"
        self._leaving = False
        self._pictures: dict[str, dict[str, Any]] = {}
        self.live.submit = self._submit
        self.live.leave = self.leave
        self.live.planning = lambda: self._submit("/plan", False)
        self.live.picture = self._picture

    # -- for commands

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

    async def switch(self, asked: Asked, *, quietly: bool = False) -> None:
        """Close this session and open another; where that one cannot be opened, go on with this one, and raise.
        ``quietly``: it is the same one, with something else in force."""
        before = None if self._session is None else replace(self.asked, resume=self._session.id)
        try:
            await self._go_over_to(asked, quietly=quietly)
        except Exception:
            if before is not None:
                await self._go_over_to(before, quietly=False)
            raise

    async def _go_over_to(self, asked: Asked, *, quietly: bool) -> None:
        await self._close("done", quietly=quietly)
        self.asked = asked
        if not quietly:
            self.usage, self.usd_micros = Usage(), 0
        await self._open(quietly=quietly)

    async def before_turn(self) -> None:
        await self.mentioning.leave_off()

    # -- its life

    async def run(self) -> int:
        screen = asyncio.ensure_future(self.live.run())
        talking = asyncio.ensure_future(self._talk())
        self.files.look()
        try:
            await asyncio.wait([screen, talking], return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
            else:
                self._stop = "interrupted"
                with contextlib.suppress(EOFError, OSError):  # the terminal is not there any more
                    screen.result()
        except asyncio.CancelledError:
            self._stop = "interrupted"
            raise
        finally:
            ending = asyncio.ensure_future(self._end(screen, talking))
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:  # a signal, amid it: the record is finished all the same
                await ending
                raise
        return 130 if self._stop == "interrupted" else 0

    async def _end(self, screen: asyncio.Future[None], talking: asyncio.Future[None]) -> None:
        talking.cancel()
        await asyncio.wait([talking])
        try:
            await self._close(self._stop)
        finally:
            self.live.end()
            await asyncio.wait([screen], timeout=ENDS_WITHIN_S)
            screen.cancel()

    async def _talk(self) -> None:
        await self._open()
        if self.asked.prompt:
            if self.live.echoes:  # nobody typed it here
                said = Prompt(turn=0, text=self.asked.prompt, of_the_house=True)
                self.live.paper.put(self.transcript.show(said))
            self._inbox.appendleft(self.asked.prompt)
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
            self.fresh = False
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
        self._echoed = text
        if name in TABLE:
            await command(name)(self, rest)
        elif name in self.recipes:
            from devagent.session.recipes import filled  # noqa: PLC0415  (loaded with the session)

            await self.say_to_model(filled(self.recipes[name], rest))
        elif name in self.says.commands:
            await self.say_to_model(command_prompt(text, self.says.commands[name]))
        elif (prompt := prompt_of(self._session, text.split()[0])) is not None:
            reading = self.session.reading_of(prompt, arguments_of(prompt, words(rest)))
            await self.turn(self.session.turn(text, readings=[reading]), tr("thinking"))
        elif name in MEANT:
            await command(MEANT[name])(self, rest)
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

    async def _like(self, question: Question) -> Sequence[ToolJudged]:
        """The calls behind this one in the same reply that the same rules would ask about."""
        from devagent.cli.chat.opening import like  # noqa: PLC0415

        return await like(self.session, self._reply_calls, question)
