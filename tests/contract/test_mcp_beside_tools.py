"""What servers have beside tools, and what they ask for, through a whole session: the gate, the log, the model."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ToolCalled, ToolFinished, ToolJudged, ToolProgress
from devagent.core.events.ground import ResourceChanged
from devagent.core.events.model import ModelReplied, ModelRequested
from devagent.core.events.turns import BudgetStopped, Prompt
from devagent.session import Session
from tests.support.command_line import LIMIT_S, ROOT, logged, own_file
from tests.support.conversations import Person, of, said
from tests.support.conversations import conversation as with_servers
from tests.support.messages_server import Call, MessagesServer, Step

SERVE = """
import sys, uvicorn
from devagent.gateway.fixture import make
port = int(sys.argv[1])
uvicorn.run(make().streamable_http_app(), host="127.0.0.1", port=port, log_level="critical")
"""
CONFIG = """
[extensions.suite]
type = "http"
url = "{url}"
start_s = 120
"""
POLICY = """\
version = 1
name = "mine"
layer = "local"
[[rule]]
id = "suite"
effect = "allow"
tools = ["suite.*", "mcp.*"]
"""
LEGACY = "test_elicitation"
MODERN = "test_input_required_result_elicitation"


@asynccontextmanager
async def conversation(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: MessagesServer,
    *,
    person: Person | None = None,
) -> AsyncGenerator[Session]:
    async with with_servers(
        folder, monkeypatch, server, with_server="suite", person=person
    ) as session:
        yield session


@pytest.fixture(scope="module")
def config() -> Generator[str]:
    """The suite's fixture for all tests here, over HTTP: a start of its own would cost each of them a second."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", SERVE, str(port)]
    with subprocess.Popen(command, env=environment) as serving:
        try:
            wait_for_port(serving, port)
            yield CONFIG.format(url=f"http://127.0.0.1:{port}/mcp")
        finally:
            serving.kill()


def wait_for_port(serving: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + LIMIT_S
    while serving.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"the fixture does not listen on port {port}")


@pytest.fixture(autouse=True)
def configured(config: str) -> None:
    own_file("config.toml", config)
    own_file("policy.toml", POLICY)


def blocks(server: MessagesServer, request: int = -1) -> list[dict[str, Any]]:
    return server.requests[request].body["messages"][-1]["content"]


async def test_forms_are_filled_in_by_the_person_and_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(name="Ana", username="ana", email="a@b.example")
    steps = [
        Step(calls=[Call(f"suite__{MODERN}")]),
        Step(calls=[Call("suite__test_input_required_result_multi_round")]),
        Step(calls=[Call("suite__test_tool_with_progress")]),
        Step(text="Done."),
    ]
    async with (
        MessagesServer(steps) as server,
        conversation(tmp_path, monkeypatch, server, person=person) as session,
    ):
        events = await said(session, "Ask me")
        folder = session.folder
    assert [form.message for form in person.forms][:2] == [
        "What is your name?",
        "Step 1: What is your name?",
    ]
    assert person.forms[0].server == "suite"
    (asked, *_) = [e for e in of(events, ToolCalled) if e.asked_by == "server"]
    assert (asked.ext, asked.tool) == ("mcp", "elicit")
    answers = [e for e in of(events, ToolFinished) if e.call == asked.call]
    assert answers[0].structured == {"action": "accept", "content": {"name": "Ana"}}
    assert answers[0].taint == ("mcp.suite",)
    told = blocks(server, 1)[0]["content"]
    assert "state-ok" in told
    assert "Ana" in told
    # The second round wants a colour, which this person does not give: the answer does not fit, and is none.
    assert any(e.err == "bad_arguments" for e in of(events, ToolFinished))
    assert [(e.done, e.total) for e in of(events, ToolProgress)] == [
        (0, 100),
        (50, 100),
        (100, 100),
    ]
    assert not of(logged(folder), ToolProgress)
    assert verify_session(folder).ok


@pytest.mark.parametrize("rule", ["", '[[rule]]\nid="no"\neffect="deny"\ntools=["mcp.elicit"]\n'])
async def test_where_nobody_is_or_policy_says_no_a_form_is_declined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    own_file("policy.toml", POLICY + rule)
    person = Person(name="Ana") if rule else None
    async with (
        MessagesServer([Step(calls=[Call(f"suite__{MODERN}")]), Step(text="Done.")]) as server,
        conversation(tmp_path, monkeypatch, server, person=person) as session,
    ):
        await said(session, "Ask me")
    assert '"action": "decline"' in blocks(server)[0]["content"]
    assert person is None or not person.forms


async def test_sampling_is_refused_unless_config_and_policy_let_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Call("suite__test_input_required_result_sampling")
    async with (
        MessagesServer([Step(calls=[tool]), Step(text="Done.")]) as server,
        conversation(tmp_path, monkeypatch, server) as session,
    ):
        events = await said(session, "Let it ask")
    assert len(server.requests) == 2
    assert not [e for e in of(events, ModelRequested) if e.purpose]
    assert blocks(server)[0]["is_error"]


async def test_sampling_asks_the_model_counts_and_is_no_part_of_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    own_file("config.toml", config + "sampling = true\n")
    tool = Call("suite__test_input_required_result_sampling")
    steps = [
        Step(calls=[tool]),
        Step(
            text="Paris.", match="capital of France", usage={"input_tokens": 7, "output_tokens": 3}
        ),
        Step(text="Done."),
    ]
    async with (
        MessagesServer(steps) as server,
        conversation(tmp_path, monkeypatch, server) as session,
    ):
        events = await said(session, "Let it ask")
    (asked,) = [e for e in of(events, ToolJudged) if e.full_name == "mcp.sample"]
    assert {one.id.partition(":")[0] for one in asked.resources} == {"mcp", "model"}
    (reply,) = [e for e in of(events, ModelReplied) if e.purpose == "sampling"]
    assert reply.usage.output == 3
    sampled = server.requests[1].body
    assert "Let it ask" not in json.dumps(sampled)
    assert not sampled.get("tools")
    assert "Paris." in blocks(server)[0]["content"]
    assert "capital of France" not in json.dumps(server.requests[0].body)


async def test_a_budget_of_calls_holds_for_what_servers_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_file("policy.toml", POLICY + "\n[budget.turn]\ncalls = 1\n")
    person = Person(name="Ana")
    async with (
        MessagesServer([Step(calls=[Call(f"suite__{MODERN}")]), Step(text="Done.")]) as server,
        conversation(tmp_path, monkeypatch, server, person=person) as session,
    ):
        events = await said(session, "Ask me")
    assert not person.forms
    assert [stop.limit for stop in of(events, BudgetStopped)] == ["calls"]


async def test_resources_are_read_by_the_model_by_mention_and_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [
        Step(text="I read it."),
        Step(calls=[Call("mcp__list_resources", {"server": "suite"})]),
        Step(
            calls=[
                Call("mcp__read_resource", {"server": "suite", "uri": "test://static-binary"}),
                Call("mcp__read_resource", {"server": "suite", "uri": "test://x/%2e%2e/y"}),
                Call("mcp__read_resource", {"server": "suite", "uri": "test://none"}),
            ]
        ),
        Step(text="Done."),
    ]
    async with (
        MessagesServer(steps) as server,
        conversation(tmp_path, monkeypatch, server) as session,
    ):
        assert {"mcp.list_resources", "mcp.read_resource"} <= {t.qualified for t in session.offered}
        first = await said(session, "What is in @suite:test://static-text, say?")
        second = await said(session, "Look round")
    (called, judged) = (of(first, ToolCalled)[0], of(first, ToolJudged)[0])
    assert called.asked_by == "person"
    assert [one.id for one in judged.resources] == ["mcp:suite/resource/test://static-text"]
    assert first.index(judged) < first.index(of(first, ModelRequested)[0])
    prompt = blocks(server, 0)
    assert prompt[0]["text"].startswith("What is in")
    assert "This is the content of the static text resource." in prompt[1]["text"]
    results = blocks(server)
    assert [part["type"] for part in results[0]["content"]] == ["text", "image"]
    assert results[0]["content"][1]["source"]["media_type"] == "image/png"
    assert "not plainly the URI" in results[1]["content"]
    assert "Resource not found" in results[2]["content"]
    listed = next(e for e in of(second, ToolFinished) if e.rows)
    assert "test://template/{id}/data" in listed.text


async def test_a_prompt_of_a_server_is_the_persons_to_use_and_its_arguments_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        MessagesServer([Step(text="Done.")]) as server,
        conversation(tmp_path, monkeypatch, server) as session,
    ):
        (prompt,) = [p for p in session.prompts if p.name == "test_prompt_with_arguments"]
        assert [name for name, _, _ in prompt.arguments] == ["arg1", "arg2"]
        values = await session.complete(prompt.server, prompt.name, "arg1", "par")
        assert values == ["paris", "park", "party"]
        readings = [session.reading_of(prompt, {"arg1": "one", "arg2": "two"})]
        events = await said(session, "/suite:test_prompt_with_arguments", readings=readings)
    assert of(events, Prompt)[0].text.startswith("/suite:")
    assert "arg1='one', arg2='two'" in blocks(server)[1]["text"]


async def test_a_watched_resource_that_changes_is_told_to_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The fixture's newer era has no stream of notices: so it is spoken to in the older one.
    uri = "test://watched-resource"
    watched = Call("mcp__read_resource", {"server": "suite", "uri": uri, "watch": True})
    async with MessagesServer() as server, conversation(tmp_path, monkeypatch, server):
        pass  # let in
    lock = next(Path(os.environ["DEVAGENT_HOME"]).rglob("tools.lock"))
    before = lock.read_text()
    lock.write_text(before.replace('"legacy":false', '"legacy":true'))
    assert lock.read_text() != before
    steps = [Step(calls=[watched]), Step(text="Read."), Step(text="Indeed.", times=200)]
    async with (
        MessagesServer(steps) as server,
        conversation(tmp_path, monkeypatch, server) as session,
    ):
        first = await said(session, "Watch it")
        assert [e.text for e in of(first, ToolFinished)] == ["[test://watched-resource]\nWatched."]
        later = list(first)
        async with asyncio.timeout(LIMIT_S):
            while not of(later, ResourceChanged):
                later += await said(session, "And now?")
    (changed,) = of(later, ResourceChanged)
    assert changed.uris == (uri,)
    assert f"changed since it was read: {uri}" in json.dumps(server.requests[-1].body["messages"])
