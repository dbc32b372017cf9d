"""``devagent mcp serve`` driven by the SDK's client, in both eras of the protocol."""

import asyncio
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from mcp import Client, MCPDeprecationWarning, MCPError
from mcp.client import ClientRequestContext
from mcp.types import (
    CallToolResult,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    InputRequiredResult,
    TextContent,
)

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.core.events.turns import BudgetStopped, TurnCut
from devagent.gateway.calling import ByTheClient
from devagent.gateway.server import Waiting, make_server
from devagent.gateway.sessions import Sessions
from devagent.session import Options
from devagent.session.served import Served, open_served
from tests.support.command_line import LIMIT_S, logged, logs, own_file
from tests.support.repositories import git
from tests.support.workplace import POLICY, workplace

Era = Literal["legacy", "auto"]
ERAS: list[Era] = ["legacy", "auto"]
BRANCH: dict[str, Any] = {"name": "topic"}
SLOW = '\n[[rule]]\nid = "slow"\neffect = "allow"\ntools = ["workspace.shell"]\n'


@pytest.fixture(autouse=True)
def deprecated_calls() -> AsyncGenerator[None] | Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        yield


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


@asynccontextmanager
async def gateway(work: Path, **given: Any) -> AsyncGenerator[Sessions]:
    async def open_for(client: str) -> Served:
        options = Options(
            folder=str(work),
            mode="gateway",
            agent=f"mcp-{client}",
            approver=ByTheClient(),
            **given,
        )
        return await open_served(options)

    sessions = Sessions(open_for)
    try:
        yield sessions
    finally:
        await sessions.close("done", 0)


@asynccontextmanager
async def client_of(
    work: Path, era: Era, *, elicitation_callback: Any = None, **given: Any
) -> AsyncGenerator[Client]:
    async with gateway(work, **given) as sessions:
        server = make_server(sessions, lambda _context: "desk")
        async with Client(server, mode=era, elicitation_callback=elicitation_callback) as client:
            yield client


def says(content: dict[str, Any] | None, asked: list[str]) -> Any:
    """A person before the client: what they fill in, or None for a decline."""

    async def answer(_context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        asked.append(params.message)
        if content is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=content)

    return answer


def text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def a_call_runs() -> None:
    """Until the record of the only session says that a tool was started."""
    async with asyncio.timeout(LIMIT_S):
        while not any(isinstance(e, ToolStarted) for folder in logs() for e in logged(folder)):
            await asyncio.sleep(0.01)


def error(result: CallToolResult) -> str:
    assert result.is_error
    return (result.meta or {})["devagent/error"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_gets_what_policy_grants_and_every_call_is_on_record(
    work: Path, era: Era
) -> None:
    async with client_of(work, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        log = await client.call_tool("git__log", {"limit": 1})
        rows = await client.call_tool(
            "sql__query", {"source": "shop", "sql": "SELECT city FROM customers LIMIT 1"}
        )
        emails = await client.call_tool(
            "sql__query", {"source": "shop", "sql": "SELECT email FROM customers"}
        )
    assert "git__fetch" not in tools  # no rule could ever grant it
    assert tools["git__log"].annotations is not None
    assert tools["git__log"].annotations.read_only_hint is True
    assert not log.is_error
    assert "Second" in text(log)
    assert rows.structured_content is not None
    assert rows.structured_content["columns"]
    assert error(emails) == "denied"
    assert "local/mine#no-personal-data" in text(emails)
    assert "Ask #privacy" in text(emails)
    assert "local/mine#no-personal-data" in str(emails.meta)
    (folder,) = logs()
    assert verify_session(folder).ok
    events = logged(folder)
    started = events[0]
    assert isinstance(started, SessionStarted)
    assert (started.mode, started.principal.agent) == ("gateway", "mcp-desk")
    assert [e.decision.effect for e in events if isinstance(e, ToolJudged)] == [
        "allow",
        "allow",
        "deny",
    ]
    assert isinstance(events[-1], SessionEnded)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("content", "runs"),
    [
        ({"allow": "once"}, True),
        ({"allow": "no", "comment": "not today"}, False),
        ({"allow": "always"}, False),
        (None, False),
    ],
)
async def test_what_policy_asks_is_asked_through_the_client(
    work: Path, era: Era, content: dict[str, Any] | None, runs: bool
) -> None:
    asked: list[str] = []
    async with client_of(work, era, elicitation_callback=says(content, asked)) as client:
        result = await client.call_tool("git__branch", BRANCH)
    assert len(asked) == 1
    assert "write branch:topic" in asked[0]
    assert "I name my branches myself" in asked[0]
    assert result.is_error is not runs
    assert ("topic" in git(work, "branch")) is runs
    (answered,) = [e for e in logged(logs()[0]) if isinstance(e, ApprovalAnswered)]
    assert (answered.approval.method, answered.approval.by) == ("elicitation", "client:desk")
    assert answered.approval.answer == ("yes" if runs else "no")
    if content and "comment" in content:
        assert answered.comment == "not today"
        assert "not today" in text(result)


@pytest.mark.parametrize("era", ERAS)
async def test_a_yes_for_the_session_is_asked_for_once_and_an_other_client_is_asked_again(
    work: Path, era: Era
) -> None:
    asked: list[str] = []
    person = says({"allow": "session"}, asked)
    async with gateway(work) as sessions:
        for desk in ("a", "b"):
            server = make_server(sessions, lambda _context, desk=desk: desk)
            async with Client(server, mode=era, elicitation_callback=person) as client:
                for _ in range(2):
                    assert not (await client.call_tool("git__branch", BRANCH)).is_error
                    git(work, "branch", "-D", "topic")
    assert len(asked) == 2
    assert len(logs()) == 2


@pytest.mark.parametrize("era", ERAS)
async def test_where_the_client_cannot_ask_nobody_was_there(work: Path, era: Era) -> None:
    async with client_of(work, era) as client:
        result = await client.call_tool("git__branch", BRANCH)
    assert error(result) == "not_approved"
    (answered,) = [e for e in logged(logs()[0]) if isinstance(e, ApprovalAnswered)]
    assert answered.approval.method == "unattended"


async def test_a_question_is_answered_by_the_client_that_was_asked_and_once(work: Path) -> None:
    asked: list[str] = []
    person = says({"allow": "once"}, asked)
    async with gateway(work) as sessions:
        who = "a"
        server = make_server(sessions, lambda _context: who)
        async with Client(server, mode="auto", elicitation_callback=person) as client:
            waits = await client.session.call_tool("git__branch", BRANCH, allow_input_required=True)
            assert isinstance(waits, InputRequiredResult)
            answers: Any = {"approval": ElicitResult(action="accept", content={"allow": "once"})}

            async def again(state: str | None) -> CallToolResult:
                result = await client.session.call_tool(
                    "git__branch", BRANCH, input_responses=answers, request_state=state,
                    allow_input_required=True,
                )  # fmt: skip
                assert isinstance(result, CallToolResult)
                return result

            who = "b"
            for state in (waits.request_state, "made up"):
                with pytest.raises(MCPError, match="was answered, or it waited too long"):
                    await again(state)
    assert "topic" not in git(work, "branch")


async def test_an_approval_that_comes_before_its_question_answers_nothing(work: Path) -> None:
    answers: Any = {"approval": ElicitResult(action="accept", content={"allow": "once"})}
    async with client_of(work, "auto", elicitation_callback=says(None, [])) as client:
        waits = await client.session.call_tool(
            "git__branch", BRANCH, input_responses=answers, allow_input_required=True
        )
    assert isinstance(waits, InputRequiredResult)
    assert "topic" not in git(work, "branch")


def test_one_clients_questions_do_not_take_the_room_of_anothers() -> None:
    waiting: dict[str, Any] = {
        f"{client}{n}": SimpleNamespace(client=client, is_over=n >= of_which)
        for client, of_which in (("many", 32), ("few", 31), ("over", 0))
        for n in range(32)
    }
    waits = Waiting()
    for state, calling in waiting.items():
        waits.put(state, calling)
    assert [waits.has_room(one) for one in ("many", "few", "over", "new")] == [
        False,
        True,
        True,
        True,
    ]
    assert waits.take("over0") is None
    assert waits.take("few0") is waiting["few0"]
    assert waits.take("few0") is None


@pytest.mark.parametrize("era", ERAS)
async def test_a_slow_call_does_not_keep_another_waiting(work: Path, era: Era) -> None:
    own_file("policy.toml", POLICY + SLOW)
    async with client_of(work, era) as client:
        slow = asyncio.create_task(client.call_tool("workspace__shell", {"command": "sleep 30"}))
        await a_call_runs()
        assert not (await client.call_tool("git__status", {})).is_error
        assert not slow.done()
        slow.cancel()
        await asyncio.wait([slow])
        assert not (await client.call_tool("git__status", {})).is_error
    (folder,) = logs()
    assert verify_session(folder).ok
    outcomes = [e.outcome for e in logged(folder) if isinstance(e, ToolFinished)]
    assert sorted(outcomes) == ["cut", "ok", "ok"]
    assert any(isinstance(e, TurnCut) for e in logged(folder))


async def test_a_server_that_ends_cuts_what_is_under_way_and_closes_the_record(work: Path) -> None:
    own_file("policy.toml", POLICY + SLOW)
    async with gateway(work) as sessions:
        calling = await sessions.start("desk", "workspace__shell", {"command": "sleep 30"})
        await a_call_runs()
    assert calling.is_over
    (folder,) = logs()
    assert verify_session(folder).ok
    assert isinstance(logged(folder)[-1], SessionEnded)
    assert [e.outcome for e in logged(folder) if isinstance(e, ToolFinished)] == ["cut"]


async def test_a_budget_of_calls_holds_for_a_client(work: Path) -> None:
    own_file("policy.toml", POLICY + "\n[budget.session]\ncalls = 1\n")
    async with client_of(work, "auto") as client:
        first = await client.call_tool("git__status", {})
        second = await client.call_tool("git__status", {})
    assert not first.is_error
    assert error(second) == "calls"
    assert "budget" in text(second)
    assert any(isinstance(e, BudgetStopped) for e in logged(logs()[0]))


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_wrong_with_a_call_is_told_and_the_next_one_runs(
    work: Path, era: Era
) -> None:
    async with client_of(work, era) as client:
        unknown = await client.call_tool("git__nope", {})
        misfit = await client.call_tool("git__log", {"limit": "many"})
        deep = await client.call_tool("git__log", {"limit": [[[[1]]]]})
        with pytest.raises(MCPError):
            await client.read_resource("file:///etc/passwd")
        good = await client.call_tool("git__log", {"limit": 1})
    assert error(unknown) == "no_such_tool"
    assert error(misfit) == error(deep) == "bad_arguments"
    assert not good.is_error
