"""What a running MCP server says of itself unasked: its tools or prompts are others now, a watched resource has
changed, its log.

Servers of the older protocol send notices at any time; those of the newer one only on a stream that is listened to.
Imports ``mcp``: only for use when a server is started.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from mcp import Client, MCPError
from mcp.client.subscriptions import (
    PromptsListChanged,
    ResourceUpdated,
    SubscriptionLost,
    ToolsListChanged,
)
from mcp.types import (
    LoggingMessageNotificationParams,
    PromptListChangedNotification,
    ResourceUpdatedNotification,
    ToolListChangedNotification,
)

from devagent.core.ports import ToolFailure

LISTEN_S = 2.0
"""How long opening a stream of notices is waited for; they may come later, too."""
TELL_S = 5.0
"""How long somebody may take to be told of a change; then they are told of none any more."""
MAX_WATCHED = 100

Changed = Callable[[], Awaitable[None]]
"""Tells somebody that a resource has changed."""


class Notices:
    """What one server has said since it was started."""

    def __init__(self) -> None:
        self.lists_changed = False
        """It has said that its tools or prompts are others now."""
        self.lost = False
        """The stream of its notices broke off."""
        self.updated: set[str] = set()
        """The watched resources that it says have changed since this was emptied."""
        self.say: Callable[[LoggingMessageNotificationParams], None] | None = None
        """Who is told what it logs."""
        self.watched: set[str] = set()
        """The resources whose changes somebody wants to know of."""
        self._tells: dict[str, Changed] = {}
        self._listening: asyncio.Task[None] | None = None

    def watch(self, uri: str) -> None:
        """Take notice of a resource's changes. Raises ToolFailure for one too many."""
        if len(self.watched) >= MAX_WATCHED:
            raise ToolFailure(f"{MAX_WATCHED} resources are watched already", error="too_many")
        self.watched.add(uri)

    def tell(self, uri: str, changed: Changed | None) -> None:
        """Whom to tell when a watched resource changes; None: nobody any more."""
        self._tells.pop(uri, None)
        if changed is not None:
            self._tells[uri] = changed

    async def missed(self, before: "Notices | None" = None) -> None:
        """Nothing was heard for a while, from ``before`` on where that was another run of the server: whatever is watched
        may have changed."""
        if before is not None:
            self.updated |= before.updated
            self._tells |= before._tells
        for uri in sorted(self.watched):
            await self._changed(uri)

    async def _changed(self, uri: str) -> None:
        if uri in self.watched:
            self.updated.add(uri)
            if tell := self._tells.get(uri):
                try:
                    async with asyncio.timeout(TELL_S):
                        await tell()
                except (
                    Exception
                ):  # whoever wanted to know has gone, or reads nothing: no matter of this server's
                    self._tells.pop(uri, None)

    async def told(self, message: object) -> None:
        """A notice of the older protocol, or one that is none."""
        if isinstance(message, (ToolListChangedNotification, PromptListChangedNotification)):
            self.lists_changed = True
        elif isinstance(message, ResourceUpdatedNotification):
            await self._changed(str(message.params.uri))

    async def logged(self, params: LoggingMessageNotificationParams) -> None:
        """A line of its log."""
        if self.say is not None:
            self.say(params)

    async def listen(self, client: Client) -> None:
        """Servers of the newer protocol say what changes only where they are listened to."""
        self.stop()
        self.lost = False
        opened = asyncio.Event()
        self._listening = asyncio.get_running_loop().create_task(self._listened(client, opened))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                await opened.wait()

    async def _listened(self, client: Client, opened: asyncio.Event) -> None:
        try:
            async with client.listen(
                tools_list_changed=True,
                prompts_list_changed=True,
                resource_subscriptions=sorted(self.watched),
            ) as changes:
                opened.set()
                async for change in changes:
                    if isinstance(change, (ToolsListChanged, PromptsListChanged)):
                        self.lists_changed = True
                    elif isinstance(change, ResourceUpdated):
                        await self._changed(change.uri)
            self.lost = True  # the server closed it; there may be news all the same
        except SubscriptionLost:
            self.lost = self.lists_changed = (
                True  # it may have said so meanwhile: they are listed once more
            )
        except (MCPError, TimeoutError, RuntimeError):
            self.lists_changed = True  # it has no such stream, or did not open one
        finally:
            opened.set()

    def stop(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            self._listening.cancel()
