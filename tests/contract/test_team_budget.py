"""The budget of a team: used up together by all sessions of its members in one home, and by nobody else's."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from devagent.core.events import Event
from devagent.core.events.turns import BudgetStopped, BudgetWarned, TurnEnded
from devagent.core.principal import Principal
from devagent.repl.approver import Unattended
from devagent.session import Options, ground, open_session
from devagent.settings import places as places_module
from tests.support.command_line import KEY
from tests.support.messages_server import MessagesServer, Step
from tests.support.owners import owned_by
from tests.support.repositories import small

ORG = """
name = "acme"
[groups]
eng = ["user:ana", "user:bo"]
[budget.team.eng]
tokens = 200_000
"""


@pytest.fixture(autouse=True)
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    file = folder / "policy.toml"
    file.write_text(ORG)
    file.chmod(0o644)
    owned_by(0, monkeypatch, folder, file)
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(folder))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return small(tmp_path / "repository")


async def test_two_peoples_sessions_use_up_one_teams_budget_and_a_third_persons_none_of_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def turn_of(user: str) -> list[Event]:
        monkeypatch.setattr(ground, "principal", lambda agent="main": Principal(user, agent=agent))
        options = Options(folder=str(repository), mode="run", approver=Unattended())
        environment = {
            **os.environ,
            "ANTHROPIC_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEY,
        }
        async with asyncio.timeout(60):
            session = await open_session(options, environment)
            try:
                async with aclosing(session.turn("Hello")) as events:
                    return [event async for event in events]
            finally:
                await session.close("done", 0)

    step = Step(text="Hello.", usage={"output_tokens": 85_000}, times=0)
    async with MessagesServer([step]) as server:
        turns = [await turn_of(user) for user in ("ana", "bo", "eve", "ana", "bo", "eve")]
        assert len(server.requests) == 5
    ended = [turn[-1] for turn in turns]
    stops = [event.stop for event in ended if isinstance(event, TurnEnded)]
    assert stops == ["done", "done", "done", "done", "limit", "done"]
    warned = [event for event in turns[3] if isinstance(event, BudgetWarned)]
    assert [one.scope for one in warned] == ["team:eng"]
    (stopped,) = [event for event in turns[4] if isinstance(event, BudgetStopped)]
    assert stopped.scope == "team:eng"
    assert stopped.reason == (
        "tokens: the team eng's budget of 200,000 tokens is used up ([budget.team.eng] in policy)"
    )
