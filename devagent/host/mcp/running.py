"""The server of one configured entry: started at its first call, ended with the session or after a long silence.

1. It needs neither the server nor the ``mcp`` SDK before that first call.
2. One that ended is started again at the next call: at once the first time, then ever later, and after a few
   times within a minute not at all for a while.
3. One that nobody called for ``idle_s`` is ended, where none of its resources is watched; the next call starts it.
4. What was watched is watched again after a start, and counts as changed.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from devagent.core.codec import canonical
from devagent.core.errors import ConfigError
from devagent.core.ports import Meanwhile, ToolFailure
from devagent.core.text import one_line
from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.handles import Secrets
from devagent.host.mcp.lock import PinnedServer, Program, identity, program, sign_in_key
from devagent.host.mcp.under_way import WAY, UnderWay

if TYPE_CHECKING:
    from mcp.types import LoggingMessageNotificationParams

    from devagent.host.mcp.launch import Answers, Launch
    from devagent.host.mcp.server import McpServer
    from devagent.host.mcp.sign_in import Browser

MAX_STARTS, STARTS_WITHIN_S = 4, 60.0
BACK_OFF_S = 0.5
"""Between the second start within ``STARTS_WITHIN_S`` and the third; then twice that."""
INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""The variables of devagent's own that every server gets; no key is among them."""


class Running:
    """The server while the session lasts. ``seen`` is called after each start and each new listing of its tools.

    ``browser``: the person who may sign in now; without one nobody is asked. ``answers``: who answers what the
    server asks; without, whoever made the call that is under way.
    """

    def __init__(
        self,
        settings: ServerSettings,
        program: Program | None,
        *,
        folder: str,
        secrets: Secrets,
        browser: "Browser | None",
        answers: "Answers | None",
        pinned: Callable[[], PinnedServer | None],
        seen: "Callable[[McpServer], None]",
    ) -> None:
        self._settings = settings
        self._program = program
        self._identity = identity(settings, program)
        self._folder = folder
        self._secrets = secrets
        self._browser = browser
        self._answers = answers
        self._pinned = pinned
        self._seen = seen
        self.server: McpServer | None = None
        """The last one that was started; it may have ended."""
        self.asks_roots = False
        """It may ask for the folders of the client that this session serves."""
        self._starting = asyncio.Lock()
        self._starts: deque[float] = deque(maxlen=MAX_STARTS)
        self._closed = False
        self._under_way: list[UnderWay] = []
        self._idle: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    @property
    def cwd(self) -> str:
        """The folder that it works in."""
        return self._settings.cwd or self._folder

    @property
    def sign_in_key(self) -> str:
        """Under which the keyring has the tokens of this server, as it is configured."""
        return sign_in_key(self._settings.name, self._identity)

    async def get(self) -> "McpServer":
        """The server, running and looked at. Raises ToolFailure."""
        async with self._starting:
            server, before = self.server, self.server
            if server is None or not server.alive:
                server = await self.start()
                self._seen(server)
                if before is not None:
                    await server.watch_as(before, self._settings.call_s)
            if server.notices.lost:
                await server.listen_again()
            if server.notices.lists_changed:
                await server.list_again()
                self._seen(server)
            self._used()
            return server

    async def start(self) -> "McpServer":
        """The server, running; what it is now is not looked at. Raises ToolFailure."""
        loop = asyncio.get_running_loop()
        self._check_open()
        if self.server is not None and self.server.alive:
            return self.server
        if self.server is not None:
            await self.server.close()
        if len(self._starts) == MAX_STARTS and loop.time() - self._starts[0] < STARTS_WITHIN_S:
            text = (
                f"The MCP server {self._settings.name} ended {MAX_STARTS} times "
                f"within {STARTS_WITHIN_S:g} s; it is left alone for a while"
            )
            raise ToolFailure(text, error="server_gone")
        await asyncio.sleep(back_off_s(self._starts, loop.time()))
        self._check_open()
        self._starts.append(loop.time())
        self._check_program()
        # A second of processor time at its first import, which must not hold the event loop; nor must a keyring.
        launch = await asyncio.to_thread(self._launch)
        self._check_open()
        module = _server_module()
        self.server = server = await module.McpServer.start(launch)
        server.notices.say = self._said
        return server

    def _check_open(self) -> None:
        if self._closed:
            raise ToolFailure("The session is over", error="server_gone")

    def limit(self, obligations: Mapping[str, Any]) -> float:
        """The seconds that a call may take."""
        most = self._settings.call_s
        return min(most, float(obligations.get("timeout_s", most)))

    @contextmanager
    def way(self, meanwhile: Meanwhile | None, limit_s: float) -> Generator[UnderWay]:
        """A call that is under way."""
        way = UnderWay(meanwhile, limit_s)
        self._under_way.append(way)
        before = WAY.set(way)
        try:
            yield way
        finally:
            WAY.reset(before)
            self._under_way.remove(way)
            self._used()

    def _current(self) -> UnderWay | None:
        """The call that a question of the server is about: the last one that is under way."""
        return self._under_way[-1] if self._under_way else None

    async def close(self) -> None:
        """End it for good."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        if self._resting is not None:
            await asyncio.wait([self._resting])
        if self.server is not None:
            await self.server.close()

    def _used(self) -> None:
        """From now on it is idle, until it is used again."""
        if self._idle is not None:
            self._idle.cancel()
        if not self._closed and self._settings.idle_s:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._settings.idle_s, self._begin_rest)

    def _begin_rest(self) -> None:
        self._resting = asyncio.get_running_loop().create_task(self.rest())

    async def rest(self) -> None:
        """End it until the next call, unless it is needed now."""
        async with self._starting:
            server = self.server
            if server is None or not server.alive:
                return
            if self._under_way or server.notices.watched:
                self._used()
                return
            await server.close()
            self._starts.clear()  # it did not end by itself

    def _said(self, params: "LoggingMessageNotificationParams") -> None:
        """A line of the server's log: shown, where a call is under way."""
        way = self._current()
        if way is not None and way.meanwhile is not None:
            said = params.data if isinstance(params.data, str) else canonical(params.data).decode()
            way.meanwhile.progress(
                text=one_line(said, 500),
                level=params.level,
                logger=one_line(params.logger or "", 80),
            )

    def _launch(self) -> "Launch":
        from devagent.host.mcp.connect import over_http, over_stdio  # noqa: PLC0415  (imports mcp)

        pinned = self._pinned()
        legacy = pinned.legacy if pinned else False
        answers = self._answers or _asks_module().answers(
            self._settings.name,
            self._current,
            sampling=self._settings.sampling,
            roots=bool(self._settings.roots) or self.asks_roots,
        )
        if self._program is None:
            return over_http(
                self._settings,
                key=self.sign_in_key,
                secrets=self._secrets,
                browser=self._browser,
                answers=answers,
                legacy=legacy,
            )
        argv = (self._program.path, *self._settings.args)
        return over_stdio(
            self._settings,
            argv,
            self._environment(),
            self.cwd,
            answers=answers,
            legacy=legacy,
        )

    def _check_program(self) -> None:
        """Between opening the session and this start the program may have been exchanged."""
        if self._program is None:
            return
        try:
            now: Program | None = program(self._settings, self._program)
        except ConfigError:
            now = None
        if now is None or identity(self._settings, now) != self._identity:
            name = self._settings.name
            text = (
                f"The program of the MCP server {name} is another one since the session began; "
                f"the person can look at it with `devagent ext approve {name}`"
            )
            raise ToolFailure(text, error="definition_changed")

    def _environment(self) -> dict[str, str]:
        names = (*INHERITED, *self._settings.pass_env)
        return {n: os.environ[n] for n in names if n in os.environ} | self._settings.env


def back_off_s(starts: Sequence[float], now: float) -> float:
    """How long the next start is put off, after those at these seconds."""
    recent = [at for at in starts if now - at < STARTS_WITHIN_S]
    if len(recent) < 2:
        return 0.0
    return max(0.0, recent[-1] + BACK_OFF_S * 2 ** (len(recent) - 2) - now)


def _server_module() -> ModuleType:
    from devagent.host.mcp import server  # noqa: PLC0415  (imports mcp, see above)

    return server


def _asks_module() -> ModuleType:
    from devagent.host.mcp import asks  # noqa: PLC0415  (imports mcp, see above)

    return asks
