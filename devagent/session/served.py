"""A session for a client that has a model of its own: calls, each of them logged."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from devagent.agent.calls import Calls
from devagent.agent.gate import Gate
from devagent.agent.safeguards import Safeguards
from devagent.audit.tap import SideBySide
from devagent.audit.writer import SessionLog
from devagent.core.errors import Stop
from devagent.core.events import Event
from devagent.core.events.session import SessionEnded
from devagent.core.tools import ToolCall, ToolSpec
from devagent.host.toolbox import Extensions
from devagent.session.beside import ServerPrompt, prompts_of, tool_of
from devagent.settings.policies import EffectivePolicy
from devagent.undo.guard import SnapshotGuard

if TYPE_CHECKING:
    from devagent.session.watching import Watch


from devagent.session.gating import gate_of, limits_of, safeguards_of, shared_spending
from devagent.session.ground import Ground, stand
from devagent.session.options import Options
from devagent.session.record import open_log

_SETTLING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="settling")


class Served:
    """A session whose calls come from a client with a model of its own."""

    def __init__(
        self,
        *,
        log: SessionLog,
        calls: Calls,
        toolbox: Extensions,
        gate: Gate,
        policy: EffectivePolicy,
        watch: "Watch | None" = None,
    ) -> None:
        self._log = log
        self._calls = calls
        self._side_by_side = SideBySide(log)
        self._toolbox = toolbox
        self._gate = gate
        self.policy = policy
        self._watch = watch
        self._polling = asyncio.ensure_future(watch.keep_polling()) if watch is not None else None

    @property
    def id(self) -> str:
        return self._log.sid

    @property
    def folder(self) -> str:
        """The folder of the session's log."""
        return self._log.folder

    @property
    def offered(self) -> Sequence[ToolSpec]:
        """The tools that the client is told about."""
        return self._gate.offered

    @property
    def servers(self) -> Sequence[str]:
        """The third parties' servers behind it, by name."""
        return [server.settings.name for server in self._toolbox.servers]

    @property
    def is_superseded(self) -> bool:
        """Whether another bundle of the organisation's has come into force since it was opened."""
        return self._watch is not None and self._watch.is_superseded()

    def having(self, capability: str) -> Sequence[str]:
        """Those of them that say they have this (``resources``, ``completions``)."""
        return [server.settings.name for server in self._toolbox.servers if server.has(capability)]

    def watched(self, server: str, uri: str, changed: Callable[[], Awaitable[None]] | None) -> None:
        """Whom to tell when a watched resource changes (None: nobody any more)."""
        for one in self._toolbox.servers:
            if one.settings.name == server:
                one.beside.tell(uri, changed)

    @property
    def prompts(self) -> Sequence[ServerPrompt]:
        """The prompts of those servers, as they are on record."""
        return prompts_of(self._toolbox)

    def tool(self, name: str) -> ToolSpec:
        """A tool of the house (``READ_RESOURCE``, …) that no model is offered. Raises UsageError without servers."""
        return tool_of(self._toolbox, name)

    async def may(self, tool: ToolSpec, args: dict[str, object]) -> bool:
        """Whether a call of this ``tool`` of the house could be granted: what could not is not listed."""
        judged = await self._gate.would(ToolCall(id="", name=tool.api_name, args=args), tool)
        return judged.decision.effect != "deny"

    def call(self, call: ToolCall, given: ToolSpec | None = None) -> AsyncGenerator[Event, None]:
        """One logged call, beside others that run. Close it with ``aclosing``. ``given``: a ``tool`` of the house."""
        return self._side_by_side.tapped(lambda turn: self._told(turn, call, given))

    async def _told(
        self, turn: int, call: ToolCall, given: ToolSpec | None
    ) -> AsyncGenerator[Event, None]:
        async with aclosing(self._calls.call(turn, call, given)) as events:
            async for event in events:
                yield event
        for news in self._toolbox.take_news():
            yield news
        if self._watch is not None:
            for news in self._watch.take_news():
                yield news

    async def close(self, stop: Stop, exit_code: int, reason: str = "") -> None:
        """End the session and its record."""
        if self._polling is not None:
            self._polling.cancel()
        if self._watch is not None:
            self._watch.close()
        async with AsyncExitStack() as ending:  # each of them, whatever the others raise
            ending.push_async_callback(self._toolbox.aclose)
            ending.callback(self._log.close)
            self._side_by_side.end_turn()
            self._log.write(SessionEnded(stop=stop, exit_code=exit_code, reason=reason))


async def check_served(options: Options) -> None:
    """Raise what ``open_served`` would of policy, config and servers; nothing is opened, and nothing is on record."""
    _, toolbox, *_ = await _stood(options, None)
    await toolbox.aclose()


async def open_served(options: Options, environment: Mapping[str, str] | None = None) -> Served:
    """Open a session for a client that has a model of its own. Raises as ``open_session``."""
    ground, toolbox, gate, (safeguards, guard) = await _stood(options, environment)
    try:
        limits = limits_of(ground, options)
        calls = Calls(gate, toolbox, limits, safeguards, shared_spending(ground, limits))
        log, _, _ = open_log(ground, options, toolbox, None, "", None)
        guard.session = log.sid
    except BaseException:
        await toolbox.aclose()
        raise
    return Served(
        log=log,
        calls=calls,
        toolbox=toolbox,
        gate=gate,
        policy=ground.policy,
        watch=ground.watch,
    )


async def _stood(
    options: Options, environment: Mapping[str, str] | None
) -> tuple[Ground, Extensions, Gate, tuple[Safeguards, SnapshotGuard]]:
    """What a session stands on, the gate over it, and what stands around its calls.

    Policy is settled in a thread: reading it, the programs of servers, and an organisation's server hold no other client's
    calls. In one thread: of two that fetch a policy at once the second would begin without it.
    """

    def stood() -> tuple[Ground, Extensions]:
        ground = stand(options, environment)
        return ground, ground.extensions()

    ground, toolbox = await asyncio.get_running_loop().run_in_executor(_SETTLING, stood)
    toolbox.attend(options.elicitor, options.sampler)
    if toolbox.house is not None and options.roots is not None:
        toolbox.house.client_roots = options.roots
        for server in toolbox.servers:
            server.running.asks_roots = True
    try:
        kept = safeguards_of(ground, options)
        return ground, toolbox, await gate_of(ground, toolbox, options, kept[0]), kept
    except BaseException:
        await toolbox.aclose()
        raise
