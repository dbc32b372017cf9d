"""A real terminal: tmux with a socket of its own, its screen read until it shows what is waited for."""

import asyncio
import itertools
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.command_line import environment
from tests.support.messages_server import MessagesServer

LIMIT_S = 30.0
POLL_S = 0.02
_numbers = itertools.count(1)

needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="tmux is not installed, so there is no terminal to drive"
)


class Terminal:
    """One program on one screen."""

    def __init__(self, socket: str, env: Mapping[str, str]) -> None:
        self._socket, self._env = socket, env

    async def tmux(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "tmux", "-L", self._socket, "-f", "/dev/null", *arguments,
            env=dict(self._env), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(LIMIT_S):
            stdout, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()
        return stdout.decode()

    async def screen(self) -> str:
        """What is on the screen, wrapped lines joined."""
        return (await self.tmux("capture-pane", "-p", "-J")).rstrip()

    async def shows(self, *wanted: str, after: str = "") -> str:
        """The screen (from the last ``after`` on), once it shows all of that. Fails at the time limit."""
        screen = ""
        try:
            async with asyncio.timeout(LIMIT_S):
                while True:
                    screen = await self.screen()
                    start = screen.rfind(after) if after else 0
                    if start >= 0 and all(text in screen[start:] for text in wanted):
                        return screen[start:]
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise AssertionError(f"not on the screen: {wanted} in\n{screen}") from None

    async def types(self, text: str) -> None:
        """Type a line and Enter."""
        await self.tmux("send-keys", "-l", text)
        await self.tmux("send-keys", "Enter")

    async def pastes(self, text: str, folder: Path) -> None:
        """Paste, as a terminal that brackets it."""
        file = folder / "pasted"
        file.write_text(text, encoding="utf-8")
        await self.tmux("load-buffer", str(file))
        await self.tmux("paste-buffer", "-p")

    async def coloured(self) -> str:
        """What is on the screen, with its colours."""
        return await self.tmux("capture-pane", "-p", "-e")

    async def resizes(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        await self.tmux("resize-window", "-x", str(width), "-y", str(height))

    async def signals(self, number: signal.Signals) -> None:
        """Send a signal to all that runs on the terminal."""
        os.killpg(int(await self.tmux("display-message", "-p", "#{pane_pid}")), number)

    async def kills(self) -> None:
        """Kill the program, as a machine that runs out of memory does; the shell around it stays."""
        shell = int(await self.tmux("display-message", "-p", "#{pane_pid}"))
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="ascii")
        for child in children.split():
            os.kill(int(child), signal.SIGKILL)

    async def hangs_up(self) -> None:
        """Close the terminal that the program runs on, as a window is closed; another one takes its place."""
        await self.tmux("new-window", "-d", "cat")
        await self.tmux("kill-window")

    async def presses(self, key: str) -> None:
        """Press one key, by tmux's name for it (``C-c``)."""
        await self.tmux("send-keys", key)


@asynccontextmanager
async def terminal(
    *arguments: str,
    cwd: Path,
    server: MessagesServer | None = None,
    width: int = 110,
    height: int = 150,
    extra: Mapping[str, str] | None = None,
) -> AsyncGenerator[Terminal, None]:
    """``devagent`` with these arguments on a screen that keeps all it prints.

    At its end the screen shows ``[exit CODE]``. The whole server is ended with the test.
    """
    with tempfile.TemporaryDirectory(prefix="devagent-e2e-") as sockets:
        env = environment(server, {"TMUX_TMPDIR": sockets, **(extra or {})})
        for name in ("TMUX", "TMUX_PANE", "COLUMNS", "LINES"):
            env.pop(name, None)
        one = Terminal(f"devagent-e2e-{os.getpid()}-{next(_numbers)}", env)
        command = shlex.join([sys.executable, "-m", "devagent", *arguments])
        # The shell stays, so that the last screen does; its trap is not inherited by the program.
        script = f"trap : INT TERM; {command}; printf '[exit %s]' $?; cat"
        await one.tmux(
            "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(cwd), script
        )
        try:
            yield one
        finally:
            await one.tmux("kill-server")
