"""The gateway's own front: what it answers is what the SDK would, and nothing gets past it that should not."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitRequestParams, ElicitResult

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolStarted
from devagent.core.events.session import SessionStarted
from devagent.gateway import entrance, front
from devagent.gateway import sessions as gateway_sessions
from devagent.gateway.entrance import Entrance
from devagent.gateway.exchange import Exchange
from devagent.session import Options, served
from devagent.session.ground import Ground
from tests.support.command_line import LIMIT_S, ROOT, logged, logs, own_file
from tests.support.gateways import (
    META,
    Serving,
    bearer,
    call,
    hello,
    serving,
    stateless,
    web,
)
from tests.support.mcp_servers import hostile
from tests.support.repositories import git
from tests.support.workplace import workplace

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
READ, PATH = "workspace__read", {"path": "a.txt"}
SLEEP = 'version = 1\nname = "mine"\nlayer = "local"\n[[rule]]\nid = "slow"\neffect = "allow"\ntools = ["workspace.shell"]\n'
OTHERWISE = {"Content-Type": "application/json;charset=utf-8"}
"""A writing that the short way leaves to the SDK."""


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    del home
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    return folder


@pytest.fixture
def shop(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():
            await asyncio.sleep(0.01)


def has_started() -> bool:
    return any(isinstance(e, ToolStarted) for folder in logs() for e in logged(folder))


def said(answer: httpx2.Response) -> dict[str, Any]:
    """The message of an answer, as JSON or as one event."""
    if answer.headers["content-type"] == "application/json":
        return answer.json()
    (line,) = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    return json.loads(line.removeprefix("data: "))


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("git__log", {"limit": 1}),
    ("git__show", {"ref": "nope"}),
    ("git__fetch", {}),
    ("git__nope", {}),
    ("git__log", {"limit": "many"}),
    ("sql__query", {"source": "shop", "sql": "SELECT email FROM customers"}),
]


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
async def test_the_short_way_answers_as_the_sdk_does(shop: Path, era: str) -> None:
    async with serving(shop) as server, web() as client:
        within = await hello(client, server.url) if era == "2025-11-25" else None
        for tool, args in CALLS:
            message = call(tool, args)
            if within:
                del message["params"]["_meta"]
            headers = within or stateless(tool)
            short = await client.post(server.url, json=message, headers=headers)
            whole = await client.post(
                server.url, content=json.dumps(message), headers={**headers, **OTHERWISE}
            )
            assert short.headers["content-type"] == "application/json"
            assert said(short) == said(whole), tool


BODY = call(READ, PATH)
NOT_PLAIN: list[tuple[dict[str, Any], dict[str, str], int]] = [
    (BODY, {"Mcp-Name": "git__log"}, 400),
    (BODY, {"Mcp-Method": "tools/list"}, 400),
    (BODY, {"Accept": "application/json"}, 406),
    (BODY, {"Accept": "text/plain"}, 406),
    (BODY, {"Content-Type": "text/plain"}, 400),
    ({**BODY, "id": None}, {}, 400),
    ({**BODY, "params": {"name": READ, "arguments": PATH}}, {}, 400),
    ({**BODY, "params": {"name": READ, "arguments": PATH, "_meta": {**META, "io.modelcontextprotocol/protocolVersion": "1999-01-01"}}}, {}, 400),
    ({**BODY, "method": "tools/nope"}, {"Mcp-Method": "tools/nope"}, 404),
]  # fmt: skip


async def test_what_is_not_plain_is_judged_by_the_sdk(work: Path) -> None:
    async with serving(work) as server, web() as client:
        for message, headers, status in NOT_PLAIN:
            wire = {**stateless(READ), **headers}
            answer = await client.post(server.url, json=message, headers=wire)
            assert answer.status_code == status, (message, headers, answer.text)
        deep = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + b"[" * 100_000
        answer = await client.post(server.url, content=deep, headers=stateless(READ))
        assert answer.status_code == 400
        good = await client.post(server.url, json=BODY, headers=stateless(READ))
    assert good.json()["result"]["isError"] is False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "127.0.0.1:80@evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Authorization": "Bearer nope"}, 401),
        ({"Authorization": "Basic token-a"}, 401),
        ({"Authorization": ""}, 401),
    ],
)
async def test_a_strangers_page_and_a_stranger_get_nothing(
    work: Path, headers: dict[str, str], status: int
) -> None:
    async with serving(work) as server, web() as client:
        answer = await client.post(server.url, json=BODY, headers={**stateless(READ), **headers})
    assert answer.status_code == status
    assert (status == 200) is bool(logs())
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer realm=")


async def test_a_session_is_its_callers_and_ends_when_they_say_so(work: Path) -> None:
    async with serving(work) as server, web("token-a") as client:
        within = await hello(client, server.url)
        assert len(within["Mcp-Session-Id"]) >= 32
        again = await hello(client, server.url)
        assert again["Mcp-Session-Id"] != within["Mcp-Session-Id"]
        message = call(READ, PATH)
        del message["params"]["_meta"]
        mine = await client.post(server.url, json=message, headers=within)
        theirs = await client.post(
            server.url, json=message, headers={**within, **bearer("token-b")}
        )
        ended = await client.delete(server.url, headers=within)
        after = await client.post(server.url, json=message, headers=within)
    assert [one.status_code for one in (mine, theirs, ended, after)] == [200, 404, 200, 404]


async def test_sessions_that_nobody_uses_end(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()
    end = Entrance.end

    async def watched(self: Entrance, number: str) -> None:
        await end(self, number)
        ended.set()

    monkeypatch.setattr(Entrance, "end", watched)
    monkeypatch.setattr(entrance, "IDLE_S", 0.3)
    async with serving(work) as server, web() as client:
        within = await hello(client, server.url)
        await asyncio.wait_for(ended.wait(), LIMIT_S)
        answer = await client.post(server.url, json=LISTING, headers=within)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Session not found")


async def test_who_opens_sessions_without_end_loses_their_own(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "SESSIONS", 4)
    async with serving(work, extensions=("workspace",)) as server, web() as client, web("token-b") as other:  # fmt: skip
        theirs = await hello(other, server.url)
        mine = [await hello(client, server.url) for _ in range(8)]
        again = await hello(other, server.url)
        for who, within, status in [
            (other, theirs, 200),
            (other, again, 200),
            (client, mine[-1], 200),
            (client, mine[0], 404),
            (client, mine[-3], 404),
        ]:
            answer = await who.post(server.url, json=LISTING, headers=within)
            assert answer.status_code == status


async def test_a_client_too_many_takes_the_place_of_the_one_that_was_idle_for_longest(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_sessions, "MOST_OPEN", 1)
    async with serving(work, extensions=("workspace",)) as server, web() as client:
        for token in ("token-a", "token-b", "token-a"):
            headers = {**stateless(READ), **bearer(token)}
            answer = await client.post(server.url, json=BODY, headers=headers)
            assert answer.json()["result"]["isError"] is False
    started = [e for folder in logs() for e in logged(folder) if isinstance(e, SessionStarted)]
    assert sorted(e.principal.agent for e in started) == ["mcp-a", "mcp-a", "mcp-b"]
    assert all(verify_session(folder).ok for folder in logs())


# -- limits


async def raw(server: Serving, *pieces: bytes) -> bytes:
    """What comes back for these bytes, to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for piece in pieces:
            writer.write(piece)
            try:
                await writer.drain()
            except ConnectionError:
                break
        async with asyncio.timeout(LIMIT_S):
            try:
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.close()


HEAD = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
LISTING: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
SHELL = "workspace__shell"


def plain_request(tool: str, args: dict[str, Any]) -> bytes:
    body = json.dumps(call(tool, args)).encode()
    headers = {**stateless(tool), **bearer("token-a"), "Content-Type": "application/json"}
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    return HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",), 431),
        ((HEAD + b"X: " + b"a" * 40_000 + b"\r\n\r\n",), 431),
        ((HEAD + b"X: a\r\n" * 200 + b"\r\n",), 431),
        ((HEAD + b"X: " + b"a" * 30_000, b"a" * 30_000), 431),
        ((HEAD + b"Content-Length: 5000000\r\n\r\n",), 413),
        ((HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",), 400),
        ((HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\naa",), 400),
        ((b"nonsense\r\n\r\n",), 400),
        ((b"\r\n" * 20_000,), 431),
        ((HEAD + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",), 400),
        ((b"GET /mcp HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n",), 403),
        ((b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n",), 404),
    ],
)
async def test_what_is_beyond_the_limits_is_refused_and_the_connection_closed(
    work: Path, pieces: tuple[bytes, ...], status: int
) -> None:
    async with serving(work) as server:
        answer = await raw(server, *pieces)
    # Where more was on its way than was read, the system may drop the answer with the connection.
    assert answer.startswith(b"HTTP/1.1 %d " % status) or (answer == b"" and status in (413, 431))
    assert not logs()


async def test_a_chunked_body_ends_at_its_limit(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "BODY_BYTES", 1_000)
    chunk = b"190\r\n" + b"a" * 400 + b"\r\n"
    async with serving(work) as server:
        answer = await raw(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 3)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_bodies_are_held_up_to_a_limit_for_all_together_and_let_go_of(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "HELD_BYTES", 1_000)
    head = HEAD + b"Content-Length: 900\r\n\r\n"
    async with serving(work) as server, web() as client:
        _, first = await asyncio.open_connection("127.0.0.1", server.port)
        first.write(head + b"a" * 800)
        await first.drain()
        async with asyncio.timeout(LIMIT_S):  # until what the first has sent was read
            while not (await raw(server, head, b"a" * 899, b"a")).startswith(b"HTTP/1.1 503 "):
                pass
        first.close()
        await first.wait_closed()
        async with asyncio.timeout(LIMIT_S):
            while True:
                answer = await client.post(server.url, json=BODY, headers=stateless(READ))
                if answer.status_code == 200:
                    break
        for _ in range(5):
            answer = await client.post(server.url, json=BODY, headers=stateless(READ))
            assert answer.status_code == 200


@pytest.mark.parametrize(
    ("piece", "begins"),
    [(b"", b""), (b"POST /mcp HT", b"HTTP/1.1 408 "), (HEAD, b"HTTP/1.1 408 "),
     (HEAD + b"Content-Length: 9\r\n\r\na", b"HTTP/1.1 408 ")],
)  # fmt: skip
async def test_who_dribbles_or_says_nothing_is_let_go_of(
    work: Path, monkeypatch: pytest.MonkeyPatch, piece: bytes, begins: bytes
) -> None:
    for name in ("REQUEST_S", "IDLE_S", "_LOOK_S"):
        monkeypatch.setattr(front, name, 0.05)
    async with serving(work) as server:
        answer = await raw(server, piece)
    assert answer.startswith(begins)
    assert bool(answer) is bool(begins)


async def test_a_connection_too_many_takes_the_place_of_one_that_waits_for_nothing(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "CONNECTIONS", 1)
    own_file("policy.toml", SLEEP)
    async with serving(shop) as server:
        idle, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD)
        assert (await raw(server, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        async with asyncio.timeout(LIMIT_S):
            with contextlib.suppress(ConnectionError):
                assert await idle.read() == b""
        writer.close()
        async with web() as client:
            slow = asyncio.create_task(
                client.post(
                    server.url, json=call(SHELL, {"command": "sleep 30"}), headers=stateless(SHELL)
                )
            )
            await until(has_started)
            assert (await raw(server, b"")).startswith(b"HTTP/1.1 503 ")
            slow.cancel()
            await asyncio.wait([slow])


async def test_who_reads_nothing_is_not_served_on_and_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("IDLE_S", "_LOOK_S"):
        monkeypatch.setattr(front, name, 0.2)
    handled, stopped = 0, asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        nonlocal handled
        handled += 1
        exchange.answer(200, [], b"x" * 4_000_000)

    listening, url = front.listen("127.0.0.1", 0)
    served = front.Front(handle)
    running = asyncio.create_task(served.serve(listening, stopped))
    with socket.socket() as deaf:
        deaf.connect(("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0])))
        deaf.sendall(b"GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n" * 15)
        await until(lambda: handled > 0)
        await until(lambda: not served.connections)
    stopped.set()
    await asyncio.wait_for(running, LIMIT_S)
    assert 0 < handled < 8


async def test_a_stranger_is_told_so_before_a_large_body_is_read(work: Path) -> None:
    head = HEAD + b"Content-Length: 3000000\r\n"
    async with serving(work) as server:
        for token, status in ((b"", 401), (b"Authorization: Bearer nobodys\r\n", 401)):
            answer = await raw(server, head + token + b"\r\n", b"a" * 100_000)
            assert answer.startswith(b"HTTP/1.1 %d " % status) or answer == b""
            assert b"www-authenticate: Bearer" in answer or answer == b""
        known = b"Authorization: Bearer token-a\r\nConnection: close\r\n\r\n"
        answer = await raw(server, head + known, b" " * 3_000_000)
        assert answer.startswith(b"HTTP/1.1 400 ")  # all of it was read, and is no message


async def test_what_follows_a_body_is_no_header(work: Path) -> None:
    whole = plain_request(READ, PATH)
    head, _, body = whole.partition(b"\r\n\r\n")
    lines = [one for one in head.split(b"\r\n") if not one.startswith(b"Content-Length")]
    chunked = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"Connection: close", b"", b""])
    trailers = b"Origin: https://elsewhere.example\r\nMcp-Name: git__log\r\n\r\n"
    async with serving(work, extensions=("workspace",)) as server:
        answer = await raw(server, chunked + b"%x\r\n%b\r\n0\r\n%b" % (len(body), body, trailers))
        assert answer.startswith(b"HTTP/1.1 200 ")
        without = chunked.replace(b"Authorization: Bearer token-a\r\n", b"")
        trailers = b"Authorization: Bearer token-a\r\n\r\n"
        answer = await raw(server, without + b"%x\r\n%b\r\n0\r\n%b" % (len(body), body, trailers))
        assert answer.startswith(b"HTTP/1.1 401 ")


async def test_requests_that_were_sent_ahead_are_answered_in_their_order(work: Path) -> None:
    requests = b""
    for number, last in ((1, False), (2, False), (3, True)):
        body = json.dumps(call(READ, PATH, number)).encode()
        lines = {**stateless(READ), **bearer("token-a"), "Content-Type": "application/json"}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        close = "Connection: close\r\n" if last else ""
        requests += HEAD + f"{head}{close}Content-Length: {len(body)}\r\n\r\n".encode() + body
    async with serving(work) as server:
        answers = await raw(server, requests)
    numbers = [json.loads(part.partition(b"\r\n\r\n")[2])["id"] for part in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]  # fmt: skip
    assert numbers == [1, 2, 3]


# -- calls under way


async def test_a_slow_server_keeps_nobody_else_waiting(work: Path) -> None:
    own_file("policy.toml", SLEEP)
    slow = call("workspace__shell", {"command": "sleep 60"})
    async with serving(work) as server, web("token-a") as one, web("token-b") as other:
        waiting = asyncio.create_task(
            one.post(server.url, json=slow, headers=stateless("workspace__shell"))
        )
        await until(has_started)
        for client in (other, one):
            answer = await client.post(server.url, json=BODY, headers=stateless(READ))
            assert answer.json()["result"]["isError"] is False
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_third_partys_server_that_never_answers_keeps_nobody_else_waiting(
    work: Path,
) -> None:
    """Neither another client, nor the same one's other calls; the call ends with its client."""
    table = hostile("silent")
    args = json.dumps(table["args"])
    own_file("config.toml", f'[extensions.odd]\ntype = "stdio"\ncommand = {json.dumps(table["command"])}\nargs = {args}\n')  # fmt: skip
    own_file("policy.toml", SLEEP.replace("workspace.shell", "odd.*"))
    body = call("odd__echo", {"text": "x"})
    async with serving(work) as server, web("token-a") as one, web("token-b") as other:
        asked = one.post(server.url, json=body, headers=stateless("odd__echo"))
        waiting = asyncio.create_task(asked)
        await until(has_started)
        for client in (other, one):
            answer = await client.post(server.url, json=BODY, headers=stateless(READ))
            assert answer.json()["result"]["isError"] is False
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        await cut()


async def test_a_session_that_is_long_in_opening_keeps_nobody_elses_calls_waiting(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An organisation's server that does not answer, say: policy is settled beside the calls of those who are there."""
    begun, go_on = threading.Event(), threading.Event()
    stand = served.stand

    def slow(options: Options, environment: Mapping[str, str] | None) -> Ground:
        begun.set()
        assert go_on.wait(LIMIT_S)
        return stand(options, environment)

    async with serving(work) as server, web("token-a") as one, web("token-b") as other:
        assert (await one.post(server.url, json=BODY, headers=stateless(READ))).status_code == 200
        monkeypatch.setattr(served, "stand", slow)
        asked = other.post(server.url, json=BODY, headers=stateless(READ))
        waiting = asyncio.create_task(asked)
        await until(begun.is_set)
        answer = await one.post(server.url, json=BODY, headers=stateless(READ))
        assert answer.json()["result"]["isError"] is False
        assert not waiting.done()
        go_on.set()
        assert (await waiting).json()["result"]["isError"] is False


async def cut() -> None:
    """Until the record says that a call was cut."""
    await until(
        lambda: any(
            isinstance(e, ToolFinished) and e.outcome == "cut"
            for folder in logs()
            for e in logged(folder)
        )
    )


async def test_a_client_that_goes_away_ends_its_call(work: Path) -> None:
    own_file("policy.toml", SLEEP)
    slow = call("workspace__shell", {"command": "sleep 60"})
    async with serving(work) as server:
        async with web() as client:
            waiting = asyncio.create_task(
                client.post(server.url, json=slow, headers=stateless("workspace__shell"))
            )
            await until(has_started)
            waiting.cancel()
            await asyncio.wait([waiting])
        await cut()
    assert all(verify_session(folder).ok for folder in logs())


async def test_a_cancelled_call_of_the_older_era_is_cut_and_answered(work: Path) -> None:
    own_file("policy.toml", SLEEP)
    slow = call("workspace__shell", {"command": "sleep 60"}, "slow")
    del slow["params"]["_meta"]
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}  # fmt: skip
    async with serving(work) as server, web() as client, web() as beside:
        within = await hello(client, server.url)
        waiting = asyncio.create_task(client.post(server.url, json=slow, headers=within))
        await until(has_started)
        other = await hello(beside, server.url)
        assert (await beside.post(server.url, json=cancelled, headers=other)).status_code == 202
        assert not waiting.done()
        assert (await beside.post(server.url, json=cancelled, headers=within)).status_code == 202
        answer = await asyncio.wait_for(waiting, LIMIT_S)
    assert "error" in said(answer)
    await cut()


# -- the SDK's client


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_the_sdks_client_lists_calls_and_answers_what_is_asked(shop: Path, era: Any) -> None:
    async def yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context, params
        return ElicitResult(action="accept", content={"allow": "once"})

    async with serving(shop) as server, web() as wire:
        transport = streamable_http_client(server.url, http_client=wire)
        async with Client(transport, mode=era, elicitation_callback=yes) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            log = await client.call_tool("git__log", {"limit": 1})
            made = await client.call_tool("git__branch", {"name": "topic"})
        async with Client(streamable_http_client(server.url, http_client=wire), mode=era) as mute:
            refused = await mute.call_tool("git__branch", {"name": "other"})
    assert "git__log" in names
    assert "git__fetch" not in names
    assert not log.is_error
    assert not made.is_error
    assert refused.is_error
    assert "topic" in git(shop, "branch")
    assert "other" not in git(shop, "branch")
    answered = [e for e in logged(logs()[0]) if isinstance(e, ApprovalAnswered)]
    assert (answered[0].approval.by, answered[0].approval.answer) == ("client:a", "yes")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_call_that_the_documentation_shows_is_answered(work: Path) -> None:
    (work / "README.md").write_text("# Hello there\n")
    text = (ROOT / "docs/gateway.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"```bash\n(curl .*?)```", text, re.DOTALL)
    async with serving(work) as server:
        process = await asyncio.create_subprocess_exec(
            "bash", "-euc", line.replace(":8808", f":{server.port}"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "TOKEN": "token-a", "NO_PROXY": "*"},
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 0
    result = json.loads(said)["result"]
    assert result["isError"] is False
    assert "Hello there" in result["content"][0]["text"]
