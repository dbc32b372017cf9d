"""Sessions under ``[models]`` of policy: refused before anything is sent, and fallbacks that it allows."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError
from devagent.core.events import Event
from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta
from devagent.core.events.turns import TurnEnded
from devagent.core.limits import Budget, Limits
from devagent.repl.approver import Unattended
from devagent.session import Options, open_session
from tests.support.command_line import KEY, own_file
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import small


def environment(server: MessagesServer) -> Mapping[str, str]:
    return {**os.environ, "ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": KEY}


def policy(models: str) -> None:
    allow = '[[rule]]\nid = "all"\neffect = "allow"\ntools = ["*.*"]\n'
    own_file("policy.toml", f'name = "mine"\nlayer = "local"\n{allow}{models}')


async def session_of(
    folder: Path, server: MessagesServer, model: str = "", limits: Limits | None = None
) -> list[Event]:
    """The events of one turn."""
    options = Options(
        folder=str(small(folder / "repository")),
        mode="run",
        approver=Unattended(),
        model=model,
        limits=limits or Limits(),
    )
    async with asyncio.timeout(60):
        session = await open_session(options, environment(server))
        try:
            async with aclosing(session.turn("Hello")) as events:
                return [event async for event in events]
        finally:
            await session.close("done", 0)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ('[models]\nallow = ["claude-haiku-*"]', "[models] allow"),
        ('[models]\nhosts = ["api.anthropic.com"]', "[models] hosts"),
        ('[models]\nregions = ["eu-*"]', "[models] regions"),
        ('[models]\nzero_retention = "required"', "[models] zero_retention"),
        ('[[models.only]]\nprincipals = ["user:*"]\nallow = []', "[[models.only]]"),
    ],
)
async def test_a_model_that_policy_does_not_allow_is_refused_before_anything_is_sent(
    models: str, said: str, tmp_path: Path
) -> None:
    policy(models)
    async with MessagesServer([Step(text="Hello.")]) as server:
        with pytest.raises(ConfigError) as caught:
            await session_of(tmp_path, server)
        assert (server.requests, server.connections) == ([], 0)
    assert said in caught.value.what
    assert "mine" in caught.value.what


async def test_bounds_of_policy_hold_for_what_is_sent(tmp_path: Path) -> None:
    own_file("config.toml", '[model]\nthinking = "adaptive"\n')
    policy("[models]\nmax_tokens = 5000\nmax_thinking_tokens = 2000\n")
    async with MessagesServer([Step(text="Hello.")]) as server:
        await session_of(tmp_path, server)
        body = server.requests[0].body
    assert body["max_tokens"] == 5000
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000}


@pytest.mark.parametrize(
    ("chosen", "sent"),
    [("", 0.3), ("temperature = 0.9\n", 0.3), ("temperature = 0.1\n", 0.1), ('thinking = "adaptive"\n', 0.3)],
)  # fmt: skip
async def test_the_temperature_that_is_sent_is_never_above_policys(
    chosen: str, sent: float, tmp_path: Path
) -> None:
    if chosen:
        own_file("config.toml", f"[model]\n{chosen}")
    policy("[models]\nmax_temperature = 0.3\n")
    async with MessagesServer([Step(text="Hello.")]) as server:
        await session_of(tmp_path, server)
        body = server.requests[0].body
    assert body["temperature"] == sent
    assert body.get("thinking", {"type": "disabled"}) == {"type": "disabled"}


@pytest.mark.parametrize("by_policy", [False, True])
async def test_a_model_without_a_known_price_is_refused_where_dollars_are_limited(
    by_policy: bool, tmp_path: Path
) -> None:
    policy("[budget.session]\nusd = 1\n" if by_policy else "")
    limits = None if by_policy else Limits(run=Budget(usd_micros=1_000_000))
    async with MessagesServer([Step(text="Hello.")]) as server:
        ended = (await session_of(tmp_path, server, "claude-tomorrow-9", limits))[-1]
        assert isinstance(ended, TurnEnded)
        assert ended.stop == "limit"
        assert "the price of claude-tomorrow-9 is not known" in ended.reason
        assert server.requests == []
        ended = (await session_of(tmp_path / "b", server, limits=limits))[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.stop == "done"


async def test_a_price_in_the_config_lets_a_platforms_model_work_within_a_budget(
    tmp_path: Path,
) -> None:
    policy("[budget.session]\nusd = 1\n")
    async with MessagesServer([Step(text="Hello.")]) as server:
        own_file(
            "config.toml",
            f'[platforms.corp]\ntype = "messages"\nbase_url = "{server.base_url}"\n'
            "[platforms.corp.models.big]\nprice = { input = 1, output = 1, cache_write = 1, cache_read = 1 }\n",
        )
        seen = await session_of(tmp_path, server, "corp/big")
        headers = server.requests[0].headers
    (reply,) = [event for event in seen if isinstance(event, ModelReplied)]
    assert reply.model == "corp/big"
    assert reply.cost is not None
    assert "x-api-key" not in headers  # the service's own key is nobody else's


FALLBACKS = '[model]\nfallback = ["claude-opus-5-5", "claude-haiku-5-5"]\n'


async def test_a_fallback_that_policy_allows_answers_where_the_main_model_cannot(
    tmp_path: Path,
) -> None:
    own_file("config.toml", FALLBACKS + 'main = "claude-sonnet-5-5"\n')
    policy('[models]\nallow = ["claude-sonnet-*", "claude-haiku-*"]\n')
    steps = [
        Step(status=529, headers={"retry-after": "600"}, match="claude-sonnet"),
        Step(text="Small, but here.", match="claude-haiku"),
    ]
    async with MessagesServer(steps) as server:
        seen = await session_of(tmp_path, server)
        asked = [request.body["model"] for request in server.requests]
    assert asked == ["claude-sonnet-5-5", "claude-haiku-5-5"]
    (failed,) = [event for event in seen if isinstance(event, ModelFailed)]
    assert "claude-haiku-5-5 is asked instead" in failed.reason
    (reply,) = [event for event in seen if isinstance(event, ModelReplied)]
    assert (reply.model, reply.text) == ("claude-haiku-5-5", "Small, but here.")


async def test_no_fallback_is_asked_once_a_word_of_the_reply_was_heard(tmp_path: Path) -> None:
    own_file("config.toml", f'give_up_s = 0.5\n{FALLBACKS}main = "claude-sonnet-5-5"\n')
    broken = Step(text=["A half ", "reply"], fault="disconnect", at=900, match="claude-sonnet", times=0)  # fmt: skip
    async with MessagesServer([broken, Step(text="From another.", match="claude-")]) as server:
        seen = await session_of(tmp_path, server)
        asked = {request.body["model"] for request in server.requests}
    assert asked == {"claude-sonnet-5-5"}
    assert [event.text for event in seen if isinstance(event, TextDelta)]
    assert [event for event in seen if isinstance(event, ModelReplied)] == []
    ended = seen[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.stop == "service"


CALL = Call("git__log", {"limit": 1})


@pytest.mark.parametrize("fallback", [True, False])
async def test_once_labelled_data_was_read_only_models_that_may_see_it_are_asked(
    fallback: bool, tmp_path: Path
) -> None:
    if fallback:
        own_file("config.toml", FALLBACKS)
    policy('[[models.only]]\nlabels = ["git"]\nallow = ["claude-haiku-*"]\n')
    async with MessagesServer([Step(calls=[CALL]), Step(text="So.")]) as server:
        seen = await session_of(tmp_path, server)
        asked = [request.body["model"] for request in server.requests]
    ended = seen[-1]
    assert isinstance(ended, TurnEnded)
    if fallback:
        assert asked == ["claude-sonnet-5-5", "claude-haiku-5-5"]
        assert ended.stop == "done"
    else:
        assert asked == ["claude-sonnet-5-5"]
        assert ended.stop == "policy"
        assert "allows no model here once git was read" in ended.reason
