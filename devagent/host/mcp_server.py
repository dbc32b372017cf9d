"""One running MCP server: started, spoken to and ended through the ``mcp`` SDK's ``Client``.

The client is entered and left in one task of its own (its cancel scopes belong to the task that entered
them); calls come from whichever task makes them, and cancelling one cancels it at the server too.
Imports ``mcp``: only for use when a server is started.
"""

import asyncio
import contextlib
import logging
import warnings
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

from mcp import Client, MCPDeprecationWarning, MCPError
from mcp.client._transport import TransportStreams
from mcp.client.session import ElicitationFnT, ListRootsFnT, SamplingFnT
from mcp.client.subscriptions import ResourceUpdated, SubscriptionLost, ToolsListChanged
from mcp.types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    EmptyResult,
    Implementation,
    LoggingMessageNotificationParams,
    PromptReference,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    SetLevelRequest,
    SetLevelRequestParams,
    SubscribeRequest,
    SubscribeRequestParams,
    ToolListChangedNotification,
)
from msgspec import Struct
from pydantic import BaseModel

from devagent import __version__
from devagent.core.ports import ToolFailure
from devagent.core.text import one_line
from devagent.host.mcp_definitions import MAX_TOOLS, LeftOut
from devagent.host.mcp_under_way import UnderWay
from devagent.policy.plain import is_list

MAX_PAGES = 50
CLOSE_LIMIT_S = 6.0
LISTEN_S = 2.0
"""How long opening a stream of notices is waited for; they may come later, too."""
_FOR_EVER_S = 1e6
"""The limit is kept here, where the time that a person takes does not count."""
MAX_ENTRIES = 1_000
"""Resources, templates or prompts of one server."""
LOG_LEVEL = "info"
MAX_WATCHED = 100
MAX_TOLD = 500
"""Characters of a server's own words in an error."""

# The SDK logs each message that it cannot read, with a traceback, to a screen that is not its own.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
# Roots, sampling, logging and subscribing are deprecated and still what most servers speak.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)


class ServerFailure(ToolFailure):
    """A server could not be started, or has gone. ``tail``: its last words on standard error."""

    def __init__(self, text: str, *, error: str, tail: Sequence[str] = ()) -> None:
        super().__init__(text, error=error)
        self.tail = tuple(tail)


class Guarded(Protocol):
    """A way to a server, with limits on all that comes from there; an ``mcp.client`` transport."""

    listing: list[Any]
    """The tools of all pages that came since it was last cleared, as they were sent."""
    unfit: list[tuple[str, str]]
    """Those among them (name, why) that may not be used over this transport."""
    error: str
    """What kind of failure ``fault`` is, where it is none of the server's own."""

    @property
    def started(self) -> bool: ...

    @property
    def gone(self) -> asyncio.Event: ...

    @property
    def fault(self) -> str: ...

    @property
    def tail(self) -> Sequence[str]: ...

    async def __aenter__(self) -> TransportStreams: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...


class Answers(Struct, frozen=True, kw_only=True):
    """Who answers what servers ask; what nobody answers is not declared, and refused."""

    elicitation: ElicitationFnT | None = None
    sampling: SamplingFnT | None = None
    roots: ListRootsFnT | None = None


Changed = Callable[[], Awaitable[None]]
"""Tells somebody that a resource has changed."""


class Launch(Struct, frozen=True, kw_only=True):
    """What is started: ``transport`` makes a new way to it. Limits are in seconds."""

    name: str
    transport: Callable[[], Guarded]
    start_s: float
    call_s: float
    legacy: bool = False
    answers: Answers = Answers()


class McpServer:
    """A server that runs. Make one with ``start``."""

    def __init__(self, launch: Launch, *, legacy: bool) -> None:
        self._launch = launch
        self.legacy = legacy
        self._transport = launch.transport()
        self._client: Client | None = None
        self._leave = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._serve())
        self.listing: list[Any] = []
        """Its tools, as it listed them last."""
        self.left_out: list[LeftOut] = []
        self.calls_itself = ""
        self.tools_changed = False
        """It has said that its tools are others now."""
        self.capabilities: tuple[str, ...] = ()
        """What it has beside tools (``resources``, ``resources.subscribe``, ``prompts``, …), sorted."""
        self.prompts: list[dict[str, Any]] = []
        """Its prompts, as it listed them when it started."""
        self.updated: set[str] = set()
        """The watched resources that it says have changed since this was emptied."""
        self.say: Callable[[LoggingMessageNotificationParams], None] | None = None
        """Who is told what it logs."""
        self._watched: set[str] = set()
        self._tells: dict[str, Changed] = {}
        self._listening: asyncio.Task[None] | None = None

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
        return not self._task.done() and not self._transport.gone.is_set()

    async def _begun(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await asyncio.shield(self._ready)
        except TimeoutError:
            failure = self._failure(f"did not start within {self._launch.start_s:g} s", "timeout")
            await self.close()
            raise failure from None
        except asyncio.CancelledError:
            await self.close()
            raise

    async def call(
        self, wire: str, args: dict[str, Any], limit_s: float, way: UnderWay | None = None
    ) -> dict[str, Any]:
        """The answer to ``tools/call`` in the protocol's names. Raises ToolFailure."""

        async def told(progress: float, total: float | None, message: str | None) -> None:
            if way is not None and way.meanwhile is not None:
                said = one_line(message or "", MAX_TOLD)
                way.meanwhile.progress(done=progress, total=total or 0.0, text=said)

        def ask(client: Client) -> Awaitable[BaseModel]:
            return client.call_tool(
                wire, args, read_timeout_seconds=_FOR_EVER_S, progress_callback=told
            )

        return await self._answer(ask, limit_s, way)

    async def resources(self, limit_s: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Its resources and its templates, in the protocol's names. Raises ToolFailure."""
        found = await self._pages(lambda c, at: c.list_resources(cursor=at), "resources", limit_s)
        templates = await self._pages(
            lambda c, at: c.list_resource_templates(cursor=at), "resourceTemplates", limit_s
        )
        return found, templates

    async def read(self, uri: str, limit_s: float, way: UnderWay | None = None) -> dict[str, Any]:
        """The answer to ``resources/read``. Raises ToolFailure."""
        return await self._answer(lambda c: c.read_resource(uri), limit_s, way)

    async def prompt(
        self, name: str, args: dict[str, str], limit_s: float, way: UnderWay | None = None
    ) -> dict[str, Any]:
        """The answer to ``prompts/get``. Raises ToolFailure."""
        return await self._answer(lambda c: c.get_prompt(name, args), limit_s, way)

    async def completion(
        self,
        ref: dict[str, Any],
        argument: dict[str, str],
        others: dict[str, str] | None,
        limit_s: float,
    ) -> dict[str, Any]:
        """The answer to ``completion/complete``. Raises ToolFailure."""
        named = (
            PromptReference(type="ref/prompt", name=str(ref["name"]))
            if "name" in ref
            else ResourceTemplateReference(type="ref/resource", uri=str(ref.get("uri", "")))
        )
        return await self._answer(lambda c: c.complete(named, argument, others), limit_s)

    async def watch(self, uri: str, limit_s: float) -> None:
        """Have it say when the resource changes (``updated``). Raises ToolFailure."""
        if len(self._watched) >= MAX_WATCHED:
            raise ToolFailure(f"{MAX_WATCHED} resources are watched already", error="too_many")
        self._watched.add(uri)
        if self.legacy:
            await self._answer(lambda c: _subscribed(c, uri), limit_s)
        elif self._client is not None:
            await self._listen(self._client)

    async def _pages(
        self, ask: Callable[[Client, str | None], Awaitable[BaseModel]], key: str, limit_s: float
    ) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._answer(lambda c, at=cursor: ask(c, at), limit_s)
            entries += page.get(key, [])
            cursor = page.get("nextCursor")
            if not cursor or len(entries) > MAX_ENTRIES:
                break
        return entries[:MAX_ENTRIES]

    async def _answer(
        self,
        ask: Callable[[Client], Awaitable[BaseModel]],
        limit_s: float,
        way: UnderWay | None = None,
    ) -> dict[str, Any]:
        client = self._client
        if client is None or not self.alive:
            raise self._failure("is gone", "server_gone")
        way = way or UnderWay(None, limit_s)
        try:
            async with way.limited():
                answer = await ask(client)
        except TimeoutError as e:
            text = f"The MCP server {self._launch.name} gave no answer within {limit_s:g} s"
            raise ToolFailure(text, error="timeout") from e
        except MCPError as e:
            raise await self._translated(e, limit_s) from e
        except (ValueError, RuntimeError) as e:  # pydantic's ValidationError is a ValueError
            text = f"The MCP server {self._launch.name} gave an answer of the wrong shape"
            raise ToolFailure(text, error="bad_answer") from e
        return answer.model_dump(by_alias=True, mode="json", exclude_none=True)

    async def list_again(self) -> None:
        """Ask for its tools once more, into ``listing``. Raises ServerFailure."""
        client = self._client
        if client is None or not self.alive:
            raise self._failure("is gone", "server_gone")
        self.tools_changed = False
        try:
            async with asyncio.timeout(self._launch.start_s):
                await self._list(client)
        except (MCPError, ValueError, RuntimeError, TimeoutError) as e:
            raise self._failure("does not list its tools any more", "server_gone") from e

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
                message_handler=self._told,
                read_timeout_seconds=self._launch.start_s,
                elicitation_callback=self._launch.answers.elicitation,
                sampling_callback=self._launch.answers.sampling,
                list_roots_callback=self._launch.answers.roots,
                logging_callback=self._logged,
                log_level=LOG_LEVEL,
                cache=None,
            ) as client:
                await self._list(client)
                info = client.server_info
                self.calls_itself = one_line(f"{info.name} {info.version}", 80) if info else ""
                self.legacy = client.session.discover_result is None
                self._client = client
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
            self._client = None
            if self._listening is not None:
                self._listening.cancel()
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
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor, cache_mode="bypass")
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
        if found["prompts"]:
            with contextlib.suppress(ToolFailure):
                self.prompts = await self._pages(
                    lambda c, at: c.list_prompts(cursor=at), "prompts", self._launch.start_s
                )
        if self.legacy and found["logging"]:
            with contextlib.suppress(ToolFailure):
                await self._answer(_with_level, self._launch.start_s)
        if not self.legacy and has.tools is not None and has.tools.list_changed:
            await self._listen(client)

    async def _listen(self, client: Client) -> None:
        """Servers of the newer protocol say what changes only where they are listened to."""
        if self._listening is not None:
            self._listening.cancel()
        opened = asyncio.Event()
        self._listening = asyncio.get_running_loop().create_task(self._listened(client, opened))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                await opened.wait()

    async def _listened(self, client: Client, opened: asyncio.Event) -> None:
        try:
            async with client.listen(
                tools_list_changed=True, resource_subscriptions=sorted(self._watched)
            ) as changes:
                opened.set()
                async for change in changes:
                    if isinstance(change, ToolsListChanged):
                        self.tools_changed = True
                    elif isinstance(change, ResourceUpdated):
                        await self._changed(change.uri)
        except (MCPError, SubscriptionLost, TimeoutError, RuntimeError):
            self.tools_changed = True  # it may have said so meanwhile: they are listed once more
        finally:
            opened.set()

    def tell(self, uri: str, changed: Changed | None) -> None:
        """Whom to tell when a watched resource changes; None: nobody any more."""
        self._tells.pop(uri, None)
        if changed is not None:
            self._tells[uri] = changed

    async def _changed(self, uri: str) -> None:
        if uri in self._watched:
            self.updated.add(uri)
            if tell := self._tells.get(uri):
                await tell()

    async def _told(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.tools_changed = True
        elif isinstance(message, ResourceUpdatedNotification):
            await self._changed(str(message.params.uri))

    async def _logged(self, params: LoggingMessageNotificationParams) -> None:
        if self.say is not None:
            self.say(params)

    async def _translated(self, error: MCPError, limit_s: float) -> ToolFailure:
        if error.code == CONNECTION_CLOSED or self._transport.fault:
            # Its end is known a moment after its output's.
            await asyncio.wait([self._task], timeout=0.3)
            what = "broke its answer off" if self.alive else "is gone in the middle of the call"
            return self._failure(what, "server_gone")
        if error.code == REQUEST_TIMEOUT:
            text = f"The MCP server {self._launch.name} gave no answer within {limit_s:g} s"
            return ToolFailure(text, error="timeout")
        if error.code == PARSE_ERROR:
            text = f"The MCP server {self._launch.name} gave an answer that is no message"
            return ToolFailure(text, error="bad_answer")
        text = one_line(error.message, MAX_TOLD)
        return ToolFailure(f"The MCP server {self._launch.name} refused: {text}", error="refused")

    def _not_started(self, error: BaseException) -> ServerFailure:
        error = _first(error)
        if isinstance(error, OSError) and not self._transport.started:
            what = f"cannot be started: {error.strerror or type(error).__name__}"
            return self._failure(what, "no_program")
        if self._transport.fault:
            return self._failure("did not start", "not_started")
        if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED:
            return self._failure(
                f"refused to start: {one_line(error.message, MAX_TOLD)}", "not_started"
            )
        return self._failure(
            f"speaks no protocol that is known here ({type(error).__name__})", "not_started"
        )

    def _failure(self, what: str, error: str) -> ServerFailure:
        fault = f": {self._transport.fault}" if self._transport.fault else ""
        text = f"The MCP server {self._launch.name} {what}{fault}"
        error = self._transport.error or error
        return ServerFailure(text, error=error, tail=self._transport.tail)


def _subscribed(client: Client, uri: str) -> Awaitable[BaseModel]:
    request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
    return client.session.send_request(request, EmptyResult)


def _with_level(client: Client) -> Awaitable[BaseModel]:
    request = SetLevelRequest(params=SetLevelRequestParams(level=LOG_LEVEL))
    return client.session.send_request(request, EmptyResult)


def _first(error: BaseException) -> BaseException:
    """The error itself, or the first one in a group of groups."""
    inner: object = getattr(error, "exceptions", ())
    return _first(inner[0]) if is_list(inner) and inner else error
