"""What the service's prompt cache needs: each request begins with the very bytes of the one before, over
turns and resumes; and the first one is small."""

import asyncio
import itertools
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devagent.agent.finding import MOST_OWN
from devagent.repl.approver import Unattended
from devagent.session import Options, Session, open_session
from tests.support.command_line import KEY, own_file
from tests.support.messages_server import Call, MessagesServer, Recorded, Step
from tests.support.repositories import small

MOST_BYTES = 6_500
MOST_BYTES_A_TOOL = 650
POINTS = (b',"cache_control":{"type":"ephemeral"}', b'"cache_control":{"type":"ephemeral"},')
CONFIG = '[extensions.sql.sources.shop]\ntype = "sqlite"\npath = "shop.db"\n'


def sent(request: Recorded) -> bytes:
    """The body as it was sent: the client writes compact JSON, and parsing keeps the order."""
    return msgspec.json.encode(request.body)


def bare(request: Recorded) -> bytes:
    body = sent(request)
    for point in POINTS:
        body = body.replace(point, b"")
    return body


def options(folder: Path, resume: str = "") -> Options:
    return Options(folder=str(folder), mode="run", approver=Unattended(), resume=resume)


async def said(session: Session, text: str) -> None:
    async with aclosing(session.turn(text)) as events:
        async for _ in events:
            pass


async def test_each_request_begins_with_the_bytes_of_the_one_before_over_turns_and_resumes(
    tmp_path: Path,
) -> None:
    folder = small(tmp_path / "repository")
    calls = [Call("git__log", {"limit": 2}), Call("workspace__list", {})]
    again = [Step(thinking="Hm.", text="Look.", calls=calls), Step(text="So.")]
    async with MessagesServer([*again, *again, *again]) as server, asyncio.timeout(60):
        environment = {
            **os.environ,
            "ANTHROPIC_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEY,
        }
        session = await open_session(options(folder), environment)
        await said(session, "What is new?")
        await said(session, "And é?")
        await session.close("done", 0)
        session = await open_session(options(folder, session.id), environment)
        await said(session, "Once more.")
        await session.close("done", 0)
        requests = server.requests
    assert len(requests) == 6
    for before, after in itertools.pairwise(requests):
        assert bare(after).startswith(bare(before).removesuffix(b'],"stream":true}'))
    for number, request in enumerate(requests):
        points = [place for place, block in enumerate(blocks(request.body)) if "cache_control" in block]  # fmt: skip
        assert len(points) == (3 if number == 0 else 4)
        if number:  # where the request before ended, the next one may be read from
            earlier = len(blocks(requests[number - 1].body)) - 1
            assert earlier in points


def blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that may bear a cache point, in the order of the prompt."""
    spoken = [block for message in body["messages"] for block in message["content"]]
    return [*body["tools"], *body["system"], *spoken]


@pytest.mark.parametrize("databases", [False, True])
async def test_the_first_request_is_small_and_so_is_each_tool_in_it(
    databases: bool, tmp_path: Path
) -> None:
    if databases:
        own_file("config.toml", CONFIG)
    folder = small(tmp_path / "repository")
    async with MessagesServer([Step(text="Hello.")]) as server, asyncio.timeout(60):
        environment = {
            **os.environ,
            "ANTHROPIC_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEY,
        }
        session = await open_session(options(folder), environment)
        await said(session, "Hello")
        await session.close("done", 0)
        request = server.requests[0]
    tools = {tool["name"]: len(msgspec.json.encode(tool)) for tool in request.body["tools"]}
    assert ("sql__query" in tools) == databases
    assert tools.pop("devagent__find_tools") < 2 * MOST_BYTES_A_TOOL  # it names all the others
    assert {name: size for name, size in tools.items() if size > MOST_BYTES_A_TOOL} == {}
    assert len(tools) == MOST_OWN - 1
    assert {"workspace__read", "workspace__edit", "workspace__shell", "git__diff"} < set(tools)
    assert len(sent(request)) < MOST_BYTES
