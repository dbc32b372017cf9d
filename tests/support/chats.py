"""A chat on a screen of lines, in this process: what a person types, and what they then see."""

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, redirect_stdout

from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from devagent.cli.chat.asked import Asked
from devagent.cli.chat.screen import Chat
from devagent.repl.capabilities import capabilities
from devagent.settings.config import TerminalChoices

LIMIT_S = 60.0


class Talking:
    """A chat that runs. ``screen`` is all that it has printed."""

    def __init__(self, chat: Chat, keyboard: PipeInput, out: io.StringIO) -> None:
        self.chat, self._keyboard, self._out = chat, keyboard, out

    @property
    def screen(self) -> str:
        return self._out.getvalue()

    async def shows(self, *wanted: str, since: int = 0) -> str:
        """What was printed from there on, once all of that is in it. Fails at the time limit."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not all(one in self.screen[since:] for one in wanted):
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"not on the screen: {wanted} in\n{self.screen[since:]}") from None
        return self.screen[since:]

    async def says(self, line: str, *wanted: str) -> str:
        """Type a line; what is printed then, once all of that is in it."""
        since = len(self.screen)
        self._keyboard.send_text(f"{line}\r")
        return await self.shows(*wanted, since=since)


@asynccontextmanager
async def talking(folder: str, model: str, prompt: str = "") -> AsyncGenerator[Talking, None]:
    """A chat in the folder with this model, open and idle, or begun with a prompt; it is left at the end."""
    out = io.StringIO()
    able = capabilities({"TERM": "dumb"}, encoding="utf-8")
    with (
        create_pipe_input() as keyboard,
        create_app_session(input=keyboard, output=DummyOutput()),
        redirect_stdout(out),
    ):
        chat = Chat(Asked(folder=folder, model=model, prompt=prompt), able, TerminalChoices())
        running = asyncio.ensure_future(chat.run())
        one = Talking(chat, keyboard, out)
        try:
            await one.shows("tools")
            yield one
        finally:
            chat.leave()
            async with asyncio.timeout(LIMIT_S):
                await running
