"""A session with servers of third parties, against a model with a script: what is said, and what comes of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.ports import Filled, Form
from devagent.core.tools import ToolSpec
from devagent.session import Options, Session, open_session
from tests.support.agent_parts import FakeApprover
from tests.support.command_line import LIMIT_S
from tests.support.messages_server import MessagesServer


class Person:
    """Fills every form in as it was told to."""

    def __init__(self, action: Any = "accept", **content: Any) -> None:
        self.filled = Filled(action, content, by="user:ana")
        self.forms: list[Form] = []

    async def fill(self, form: Form) -> Filled:
        self.forms.append(form)
        asked = form.schema.get("properties", {})
        content = {name: value for name, value in self.filled.content.items() if name in asked}
        return replace(self.filled, content=content)


@asynccontextmanager
async def conversation(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: MessagesServer,
    *,
    with_server: str,
    person: Person | None = None,
) -> AsyncGenerator[Session]:
    """A session in which this server's tools are offered; its record verifies when it is left."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", model.base_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    options = Options(
        folder=str(folder), mode="chat", interactive=True, approver=FakeApprover(), elicitor=person
    )
    session = await open_session(options)
    try:
        assert any(tool.extension == with_server for tool in session.offered), session.opening
        yield session
    finally:
        assert await session.close("done", 0) == "verify: ok"


async def said(session: Session, text: str, **more: Any) -> list[Event]:
    """The events of one turn."""
    async with aclosing(session.turn(text, **more)) as events:
        return [event async for event in events]


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    """Those of one kind."""
    return [event for event in events if isinstance(event, kind)]


class Following:
    """Who follows a call: keeps what is told, and answers what is asked (``core.ports.Meanwhile``)."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer or None
        self.told: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()

    def progress(self, **said: Any) -> None:
        self.told.append({key: value for key, value in said.items() if value})
        self._news.set()

    async def until_told(self, times: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.told) < times:
                self._news.clear()
                await self._news.wait()

    async def tell(self, event: Event) -> None:
        raise AssertionError(f"nothing of a server's goes on record by itself: {event}")

    async def call(self, tool: ToolSpec, args: dict[str, Any]) -> ToolFinished | None:
        self.asked.append((tool.name, args))
        if self.answer is None:
            return None
        return ToolFinished(turn=1, call="c.1", outcome="ok", structured=self.answer)
