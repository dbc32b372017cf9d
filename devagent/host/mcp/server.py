"""One running MCP server: started, spoken to and ended through the ``mcp`` SDK's ``Client``.

The client is entered and left in one task of its own (its cancel scopes belong to the task that entered
them); what is asked of it is in ``requests``, what it says unasked in ``notices``.
Imports ``mcp``: only for use when a server is started.
"""

import asyncio
import contextlib
import logging
import warnings
from typing import Any

from mcp import Client, MCPDeprecationWarning, MCPError
from mcp.types import CONNECTION_CLOSED, Implementation

from devagent import __version__
from devagent.core.ports import ToolFailure
from devagent.core.text import one_line
from devagent.host.mcp.definitions import MAX_TOOLS, LeftOut
from devagent.host.mcp.launch import Launch, ServerFailure
from devagent.host.mcp.notices import Notices
from devagent.host.mcp.requests import LOG_LEVEL, MAX_LISTED, MAX_PAGES, MAX_TOLD, Requests
from devagent.host.mcp.tasks import Tasks, needs_a_task
from devagent.host.mcp.under_way import UnderWay
from devagent.policy.plain import is_list

CLOSE_LIMIT_S = 6.0

# The SDK logs each message that it cannot read, with a traceback, to a screen that is not its own.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
# Roots, sampling, logging and subscribing are deprecated and still what most servers speak.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)


class McpServer:
    """A server that runs. Make one with ``start``."""

    def __init__(self, launch: Launch, *, legacy: bool) -> None:
        self._launch = launch
        self.legacy = legacy
        self._transport = launch.transport()
        self._leave = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._serve())
        self.requests = Requests(launch.name, self._transport, self._task)
        self.notices = Notices()
        self.listing: list[Any] = []
        """Its tools, as it listed them last."""
        self.left_out: list[LeftOut] = []
        self.calls_itself = ""
        self.capabilities: tuple[str, ...] = ()
        """What it has beside tools (``resources``, ``resources.subscribe``, ``prompts``, …), sorted."""
        self.prompts: list[dict[str, Any]] = []
        """Its prompts, as it listed them last."""

    @classmethod
    async def start(cls, launch: Launch) -> "McpServer":
        """Start one and list its tools, both within ``start_s``. Raises ServerFailure.

        One that does not survive the newer protocol's first question, or no longer knows the older's, is started
        once more and asked the other way.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + launch.start_s
        server = cls(launch, legacy=launch.legacy)
        try:
            await server._begun(until)
            return server
        except ServerFailure as failure:
            if failure.error != "not_started":
                raise
            server = cls(launch, legacy=not launch.legacy)
            try:
                await server._begun(until)
                return server
            except ServerFailure:
                raise failure from None  # how it failed when it was asked as it should be

    @property
    def alive(self) -> bool:
        """Whether it can still be called."""
        return self.requests.alive

    async def ended(self) -> None:
        """Wait until it has ended, whoever ends it."""
        await asyncio.wait([self._task])

    async def _begun(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await asyncio.shield(self._ready)
        except TimeoutError:
            failure = self.requests.failure(
                f"did not start within {self._launch.start_s:g} s", "timeout"
            )
            await self.close()
            raise failure from None
        except asyncio.CancelledError:
            await self.close()
            raise

    async def call(
        self, wire: str, args: dict[str, Any], limit_s: float, way: UnderWay
    ) -> dict[str, Any]:
        """The answer to a call of its tool. Raises ToolFailure."""
        as_task = self.legacy and needs_a_task(self.listing, wire)
        return await self.requests.call(wire, args, limit_s, way, as_task=as_task)

    async def watch(self, uri: str, limit_s: float) -> None:
        """Have it say when the resource changes (``notices.updated``). Raises ToolFailure."""
        self.notices.watch(uri)
        if self.legacy:
            await self.requests.subscribe(uri, limit_s)
        elif self.requests.client is not None:
            await self.notices.listen(self.requests.client)

    async def listen_again(self) -> None:
        """Take the stream of its notices up, after it broke off."""
        if self.requests.client is not None:
            await self.notices.listen(self.requests.client)
            await self.notices.missed()

    async def watch_as(self, before: "McpServer", limit_s: float) -> None:
        """Watch what another run of it watched; what it does not let watch any more is dropped."""
        for uri in sorted(before.notices.watched):
            with contextlib.suppress(ToolFailure):
                await self.watch(uri, limit_s)
        await self.notices.missed(before.notices)

    async def list_again(self) -> None:
        """Ask for its tools and prompts once more (``listing``, ``prompts``). Raises ServerFailure."""
        client = self.requests.client
        if client is None or not self.alive:
            raise self.requests.failure("is gone", "server_gone")
        self.notices.lists_changed = False
        try:
            async with asyncio.timeout(self._launch.start_s):
                await self._list(client)
                await self._list_prompts()
        except (MCPError, ValueError, RuntimeError, TimeoutError) as e:
            raise self.requests.failure("does not list its tools any more", "server_gone") from e

    async def close(self) -> None:
        """End it and everything that it started."""
        self._leave.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                if not self._ready.done():
                    self._task.cancel()
                await asyncio.wait([self._task])
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_LIMIT_S)

    async def _serve(self) -> None:
        try:
            async with Client(
                self._transport,
                mode="legacy" if self.legacy else "auto",
                client_info=Implementation(name="devagent", version=__version__),
                message_handler=self.notices.told,
                read_timeout_seconds=self._launch.start_s,
                elicitation_callback=self._launch.answers.elicitation,
                sampling_callback=self._launch.answers.sampling,
                list_roots_callback=self._launch.answers.roots,
                logging_callback=self.notices.logged,
                log_level=LOG_LEVEL,
                extensions=[Tasks()],
                cache=None,
            ) as client:
                await self._list(client)
                info = client.server_info
                self.calls_itself = one_line(f"{info.name} {info.version}", 80) if info else ""
                self.legacy = client.session.discover_result is None
                self.requests.client = client
                await self._more(client)
                self._ready.set_result(None)
                await self._until_the_end()
        except asyncio.CancelledError:
            if not self._ready.done():
                self._ready.cancel()
            raise
        except Exception as e:  # what the SDK raises from here is a group of whatever it was
            if not self._ready.done():
                self._ready.set_exception(self._not_started(e))
        finally:
            self.requests.client = None
            self.notices.stop()
            if self._ready.done() and not self._ready.cancelled():
                self._ready.exception()  # looked at, whether or not somebody still waits

    async def _until_the_end(self) -> None:
        ends = [asyncio.ensure_future(e.wait()) for e in (self._leave, self._transport.gone)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _list(self, client: Client) -> None:
        self._transport.listing, self._transport.unfit = [], []
        cursor: str | None = None
        before = self._transport.received
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor, cache_mode="bypass")
            if self._transport.received - before > MAX_LISTED:
                self._transport.listing = []
                self._transport.cut(f"it lists more than {MAX_LISTED >> 20} MiB of tools")
                raise ValueError("too much to be listed")
            cursor = page.next_cursor
            if not cursor or len(self._transport.listing) > MAX_TOOLS:
                break
        self.listing = self._transport.listing
        self.left_out = [LeftOut(one_line(name, 80), why) for name, why in self._transport.unfit]

    async def _more(self, client: Client) -> None:
        """What it has beside tools; that it cannot list its prompts is no reason not to use its tools."""
        has = client.server_capabilities
        found = {
            "resources": has.resources is not None,
            "resources.subscribe": has.resources is not None and bool(has.resources.subscribe),
            "prompts": has.prompts is not None,
            "completions": has.completions is not None,
            "logging": has.logging is not None,
        }
        self.capabilities = tuple(sorted(name for name, there in found.items() if there))
        await self._list_prompts()
        if self.legacy and found["logging"]:
            with contextlib.suppress(ToolFailure):
                await self.requests.log_from_now(self._launch.start_s)
        lists = (has.tools, has.prompts)
        if not self.legacy and any(one is not None and one.list_changed for one in lists):
            await self.notices.listen(client)

    async def _list_prompts(self) -> None:
        if "prompts" in self.capabilities:
            with contextlib.suppress(ToolFailure):
                self.prompts = await self.requests.pages(
                    lambda c, at: c.list_prompts(cursor=at), "prompts", self._launch.start_s
                )

    def _not_started(self, error: BaseException) -> ServerFailure:
        error = _first(error)
        if isinstance(error, OSError) and not self._transport.started:
            what = f"cannot be started: {error.strerror or type(error).__name__}"
            return self.requests.failure(what, "no_program")
        if self._transport.fault:
            return self.requests.failure("did not start", "not_started")
        if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED:
            return self.requests.failure(
                f"refused to start: {one_line(error.message, MAX_TOLD)}", "not_started"
            )
        return self.requests.failure(
            f"speaks no protocol that is known here ({type(error).__name__})", "not_started"
        )


def _first(error: BaseException) -> BaseException:
    """The error itself, or the first one in a group of groups."""
    inner: object = getattr(error, "exceptions", ())
    return _first(inner[0]) if is_list(inner) and inner else error
