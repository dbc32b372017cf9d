"""Sessions that use more of a service than replies: its own tools, citations, what is attached; under policy, on record."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.audit.signing import Signing
from devagent.audit.writer import SessionLog
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.result import Result
from devagent.core.errors import ConfigError, LogError, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ServiceToolUsed, ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionResumed
from devagent.core.events.turns import TurnEnded
from devagent.core.limits import Budget, Limits
from devagent.models.http_model import HttpModel
from devagent.models.sampling import BETAS
from devagent.repl.approver import Unattended
from devagent.session import Options, open_session
from devagent.session.attachments import MAX_TEXT, attached
from devagent.session.model_access import ModelAccess
from devagent.settings.config import load_config
from devagent.settings.identity import principal
from devagent.settings.places import places
from tests.contract.test_messages_features import TINY_PNG
from tests.support.command_line import KEY, own_file
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import small

TOOLS = (
    '[model]\nmain = "claude-sonnet-5-5"\n[model.service_tools]\nweb_search = { max_uses = 3 }\n'
)
ALLOW = '[[rule]]\nid = "web"\neffect = "allow"\ntools = ["service.*"]\n'


async def turn_of(
    folder: Path, server: MessagesServer, *, prices: str = "", model: str = "", **asked: Any
) -> tuple[list[Event], dict[str, Any]]:
    """The events of one turn, and the result of such a run."""
    limits = asked.pop("limits", Limits())
    options = Options(
        folder=str(small(folder / "repository")),
        mode="run",
        approver=Unattended(),
        model=model,
        limits=limits,
    )
    environment = {**os.environ, "ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": KEY}
    result = Result()
    async with asyncio.timeout(60):
        session = await open_session(options, environment)
        try:
            async with aclosing(session.turn("Hello", **asked)) as events:
                seen = [event async for event in events]
        finally:
            await session.close("done", 0)
    for event in seen:
        result.apply(event)
    return seen, result.plain(0)


def offered(server: MessagesServer) -> list[str]:
    return [tool["name"] for tool in server.requests[-1].body["tools"] if "type" in tool]


async def test_without_policys_word_nothing_of_the_services_is_offered_and_the_run_is_whole(
    tmp_path: Path,
) -> None:
    own_file("config.toml", TOOLS)
    async with MessagesServer([Step(text="Hello.")]) as server:
        seen, result = await turn_of(tmp_path, server)
        assert offered(server) == []
    judged = next(e for e in seen if isinstance(e, ToolJudged))
    assert (judged.full_name, judged.decision.effect) == ("service.web_search", "ask")
    assert (result["exit_code"], result["permission_denials"]) == (0, [])


async def test_where_policy_allows_it_is_offered_used_and_paid_for(tmp_path: Path) -> None:
    own_file("config.toml", TOOLS)
    own_file("policy.toml", ALLOW)
    async with MessagesServer([Step(stream="server_tools.sse"), Step(stream="citations.sse")]) as server:  # fmt: skip
        seen, result = await turn_of(tmp_path, server)
        assert offered(server) == ["web_search"]
        assert server.requests[-1].body["container"] == "container_01"
    assert [e.tool for e in seen if isinstance(e, ServiceToolUsed)] == ["web_search", "code_execution"]  # fmt: skip
    assert result["usage"]["web_searches"] == 1
    costs = [e.cost.usd_micros for e in seen if isinstance(e, ModelReplied) and e.cost]
    assert result["cost_usd_micros"] == sum(costs) > 14_000
    assert [one["text"] for one in result["citations"]] == [
        "the grass is green", "the sky is blue", "the sky is blue",
    ]  # fmt: skip


async def test_a_tool_without_a_price_is_refused_where_a_budget_is_in_dollars(
    tmp_path: Path,
) -> None:
    own_file("prices.json", '{"dated": "2026-01-01", "models": {"claude-sonnet-5-5": {"input": 1, "output": 1, "cache_write": 1, "cache_read": 1}}}')  # fmt: skip
    own_file("config.toml", f'prices = "prices.json"\n{TOOLS}')
    own_file("policy.toml", ALLOW)
    async with MessagesServer([Step(text="Hello.")]) as server:
        with pytest.raises(ConfigError, match="the price of web_search is not known"):
            await turn_of(tmp_path, server, limits=Limits(run=Budget(usd_micros=10_000_000)))
        assert server.requests == []


async def test_an_image_is_refused_for_a_model_that_takes_text_alone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(TINY_PNG)
    blocks = attached([str(tmp_path / "a.png")])
    platform = '[platforms.local]\ntype = "openai"\nbase_url = "{url}/v1"\n[platforms.local.models.{name}]\n{more}'
    async with MessagesServer([Step(text="Hello.")]) as server:
        own_file("config.toml", platform.format(url=server.base_url, name="blind", more=""))
        with pytest.raises(UsageError, match="takes text alone"):
            await turn_of(tmp_path, server, model="local/blind", attachments=blocks)
        assert server.requests == []


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("gone.png", None, "No such file"),
        ("a.bin", b"\x00\x01\x02", "neither an image"),
        ("a.txt", b"\xff\xfe", "neither an image"),
        ("empty.txt", b"", "is empty"),
        ("long.txt", b"a" * (MAX_TEXT + 1), "2,000,000 bytes are the most"),
        ("big.png", TINY_PNG + b"\0" * 5_000_000, "5,000,000 bytes are the most for image/png"),
    ],
)
def test_what_cannot_be_attached_is_refused_with_its_name(
    tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError, match=said) as caught:
        attached([str(path)])
    assert name in caught.value.what


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="it is no file"):
        attached([str(tmp_path / "pipe")])


def test_no_more_is_attached_than_a_request_can_hold(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-" + b"a" * 12_000_000)
    with pytest.raises(UsageError, match="22,000,000 bytes together"):
        attached([str(tmp_path / "a.pdf")] * 2)
    with pytest.raises(UsageError, match="21 files"):
        attached(["x"] * 21)


@pytest.mark.parametrize(
    ("config", "base_url", "by_service"),
    [
        ("", "", True),
        ("", "https://gateway.example", False),  # what it lets through nobody knows
        ('compaction = "service"', "https://gateway.example", True),
        ('compaction = "own"', "", False),
        ('main = "claude-haiku-4-5"', "", False),  # it has no such thing
    ],
)
async def test_the_service_shortens_conversations_where_it_is_known_to(
    config: str, base_url: str, by_service: bool
) -> None:
    main = "" if "main" in config else 'main = "claude-sonnet-5-5"\n'
    own_file("config.toml", f"[model]\n{main}{config}\n")
    access = access_of(base_url)
    model = access.open(dollars_limited=False)
    try:
        assert (access.window(model).by_service is not None) == by_service
        assert isinstance(model, HttpModel)
        said = model._headers.get("anthropic-beta", "")  # pyright: ignore[reportPrivateUsage]
        assert (BETAS["compaction"] in said) == by_service
    finally:
        await model.aclose()


def access_of(base_url: str) -> ModelAccess:
    environment = {"ANTHROPIC_API_KEY": KEY, **({"ANTHROPIC_BASE_URL": base_url} if base_url else {})}  # fmt: skip
    return ModelAccess(load_config(places().config), environment, policy_in_force().compiled, principal())  # fmt: skip


async def test_what_signs_the_record_is_loaded_once_the_request_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    load = Signing.load

    def loading(signing: Signing) -> str:
        order.append("loaded")
        return load(signing)

    monkeypatch.setattr(Signing, "load", loading)
    async with MessagesServer([Step(text="Hello.", pause_ms=1)]) as server:
        server.on_request.append(lambda _: order.append("asked"))
        seen, _ = await turn_of(tmp_path, server)
    assert sorted(order) == ["asked", "loaded"]  # each once
    assert any(isinstance(e, ModelReplied) for e in seen)


async def test_what_a_screen_looks_up_while_a_turn_runs_is_refused_and_ends_no_turn(
    tmp_path: Path,
) -> None:
    options = Options(
        folder=str(small(tmp_path / "repository")), mode="chat", approver=Unattended()
    )
    steps = [Step(calls=[Call("git__status", {})]), Step(text="Done.")]
    async with asyncio.timeout(60), MessagesServer(steps) as server:
        environment = {**os.environ, "ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": KEY}  # fmt: skip
        session = await open_session(options, environment)
        ends: list[str] = []
        async with aclosing(session.turn("Hello")) as events:
            async for event in events:
                if isinstance(event, ToolStarted):
                    for beside in (session.look_up("git__log", {}), session.turn("and this")):
                        with pytest.raises(UsageError, match="busy"):
                            await anext(beside)
                ends += [event.stop] if isinstance(event, TurnEnded) else []
        async with aclosing(session.look_up("git__log", {})) as looked:
            found = [event async for event in looked]
        assert isinstance(found[-1], ToolFinished)
        assert await session.close("done", 0) == "verify: ok"
    assert ends == ["done"]


async def test_a_session_that_could_not_go_on_can_be_gone_on_with_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(
        folder=str(small(tmp_path / "repository")),
        mode="chat",
        approver=Unattended(),
    )
    environment = {**os.environ, "ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": KEY}  # fmt: skip
    first = await open_session(options, environment)
    assert await first.close("done", 0) == "verify: ok"
    write, again = SessionLog.write, replace(options, resume=first.id)

    def full(log: SessionLog, event: Event) -> int:
        if isinstance(event, SessionResumed):
            raise LogError("no room")
        return write(log, event)

    monkeypatch.setattr(SessionLog, "write", full)
    with pytest.raises(LogError, match="no room") as kept:
        await open_session(again, environment)
    monkeypatch.setattr(SessionLog, "write", write)
    second = await open_session(again, environment)
    assert kept.value is not None
    assert await second.close("done", 0) == "verify: ok"
