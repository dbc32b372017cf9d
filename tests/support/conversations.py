"""A session with servers of third parties, against a model with a script: what is said, and what comes of it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.core.events import Event
from devagent.core.ports import Filled, Form
from devagent.session import Options, Session, open_session
from tests.support.agent_parts import FakeApprover
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
