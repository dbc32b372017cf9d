"""What starting a third party's MCP server needs, and how it fails.

Imports ``mcp``: only for use when a server is started.
"""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

from mcp.client._transport import TransportStreams
from mcp.client.session import ElicitationFnT, ListRootsFnT, SamplingFnT
from msgspec import Struct

from devagent.core.ports import ToolFailure


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

    @property
    def received(self) -> int:
        """Bytes of its answers so far."""
        ...

    def cut(self, why: str) -> None:
        """Take nothing more of this server; ``fault`` says why."""
        ...

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


class Launch(Struct, frozen=True, kw_only=True):
    """What is started: ``transport`` makes a new way to it. Limits are in seconds."""

    name: str
    transport: Callable[[], Guarded]
    start_s: float
    call_s: float
    legacy: bool = False
    answers: Answers = Answers()
