"""``devagent mcp serve`` as a program: over standard input and output, and over HTTP."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters

from devagent.audit.verify import verify_session
from devagent.cli.entry import run_command_line
from devagent.core.events.calls import ToolJudged
from devagent.core.events.session import SessionEnded
from tests.support.command_line import (
    LIMIT_S,
    Running,
    devagent,
    environment,
    logged,
    logs,
    own_file,
    running,
)
from tests.support.workplace import workplace

HELLO: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def request(number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


async def test_a_client_on_standard_input_is_served_until_it_ends(work: Path) -> None:
    lines = [
        request(1, "initialize", HELLO),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        request(2, "tools/call", {"name": "git__status", "arguments": {}}),
    ]
    arguments = ("mcp", "serve", "--extension", "git")
    async with running(*arguments, cwd=work, stdin=asyncio.subprocess.PIPE) as process:
        process.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        answer = await process.lines_until(lambda line: line.get("id") == 2)
        done = await process.finished(b"")
    assert answer["result"]["isError"] is False
    assert (done.code, done.stderr) == (0, "")
    (folder,) = logs()
    assert verify_session(folder).ok
    last = logged(folder)[-1]
    assert isinstance(last, SessionEnded)
    assert last.stop == "done"


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_the_sdks_client_starts_it_and_calls(work: Path, era: Any) -> None:
    arguments = ["-m", "devagent", "mcp", "serve", "--extension", "git", "-C", str(work)]
    started = StdioServerParameters(
        command=sys.executable, args=arguments, env=environment(None, {}), cwd=work
    )
    async with asyncio.timeout(3 * LIMIT_S), Client(started, mode=era) as client:
        version = client.session.protocol_version
        names = {tool.name for tool in (await client.list_tools()).tools}
        log = await client.call_tool("git__log", {"limit": 1})
        denied = await client.call_tool("git__push", {"remote": "origin", "branch": "main"})
    assert version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[era]
    assert "git__log" in names
    assert not log.is_error
    assert denied.is_error  # this client cannot be asked, or policy denies it
    (folder,) = logs()
    assert verify_session(folder).ok
    assert [e.tool for e in logged(folder) if isinstance(e, ToolJudged)] == ["log", "push"]


async def test_terminated_it_closes_its_record(work: Path) -> None:
    async with running("mcp", "serve", cwd=work, stdin=asyncio.subprocess.PIPE) as process:
        process.write(json.dumps(request(1, "initialize", HELLO)).encode() + b"\n")
        await process.lines_until(lambda line: line.get("id") == 1)
        process.send(signal.SIGTERM)
        done = await process.finished()
    assert (done.code, done.stderr) == (130, "")
    last = logged(logs()[0])[-1]
    assert isinstance(last, SessionEnded)
    assert last.stop == "interrupted"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--http", "127.0.0.1"), 2, "HOST:PORT"),
        (("--http", "0.0.0.0:8080"), 2, "loopback"),
        (("--http", "127.0.0.1:0"), 78, "devagent mcp token add"),
        (("--extension", "nope"), 2, "nope"),
        (("--policy", "missing.toml"), 78, "missing.toml"),
        (("-C", "nowhere"), 2, "nowhere"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(work)
    assert run_command_line(["mcp", "serve", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_broken_policy_serves_nothing(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_file("policy.toml", "version = 1\n[[rule]\n")
    monkeypatch.chdir(work)
    assert run_command_line(["mcp", "serve"]) == 78
    assert "policy.toml:2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", "needs [extensions.docs] collections"),
        ('[extensions.docs]\ncollections = { a = { path = "/nowhere" } }\n[extensions.odd]\ntype = "stdio"\ncommand = "no-such-program"\n', "no-such-program"),
    ],
)  # fmt: skip
def test_what_every_client_would_be_refused_for_is_said_at_the_start(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    config: str,
    said: str,
) -> None:
    own_file("config.toml", config)
    monkeypatch.chdir(work)
    assert run_command_line(["mcp", "token", "add", "ide"]) == 0
    capsys.readouterr()
    names = ("--extension", "docs", *(("--extension", "odd") if "odd" in config else ()))
    assert run_command_line(["mcp", "serve", "--http", "127.0.0.1:0", *names]) == 78
    out, err = capsys.readouterr()
    assert (out, said in err, "serving" in err) == ("", True, False), err
    assert not logs()


@asynccontextmanager
async def serving(work: Path) -> AsyncGenerator[tuple[Running, str]]:
    arguments = ("mcp", "serve", "--http", "127.0.0.1:0", "--extension", "git")
    async with running(*arguments, cwd=work) as process:
        line = await process.error_line()
        assert "serving http://127.0.0.1:" in line
        yield process, line.split()[-1]


async def post(url: str, token: str, message: dict[str, Any], **headers: str) -> httpx2.Response:
    given = {**ACCEPT, **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
    async with httpx2.AsyncClient(timeout=LIMIT_S) as client:
        return await client.post(url, json=message, headers=given)


async def test_over_http_each_client_has_a_token_and_a_session_of_its_own(work: Path) -> None:
    tokens = [
        (await devagent("mcp", "token", "add", name)).stdout.strip() for name in ("ide", "ci")
    ]
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    call = request(1, "tools/call", {"name": "git__status", "arguments": {}, "_meta": meta})
    wire = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "git__status"}  # fmt: skip
    async with serving(work) as (process, url):
        for wrong in ("", "dvg_made_up", tokens[0][:-1]):
            refused = await post(url, wrong, call, **wire)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
        foreign = await post(url, tokens[0], call, Host="evil.example", **wire)
        assert foreign.status_code in (403, 421)
        foreign = await post(url, tokens[0], call, Origin="http://evil.example", **wire)
        assert foreign.status_code == 403
        for token in tokens:
            answer = await post(url, token, call, **wire)
            assert answer.status_code == 200
            assert '"isError":false' in answer.text
        assert (await devagent("mcp", "token", "remove", "ci")).code == 0
        assert (await post(url, tokens[1], call, **wire)).status_code == 401
        process.send(signal.SIGTERM)
        done = await process.finished()
    assert done.code == 130
    assert all(verify_session(folder).ok for folder in logs())
    judged = [e for folder in logs() for e in logged(folder) if isinstance(e, ToolJudged)]
    assert sorted(e.principal.agent for e in judged) == ["mcp-ci", "mcp-ide"]
    assert all(isinstance(logged(folder)[-1], SessionEnded) for folder in logs())


async def test_tokens_are_kept_as_digests_and_listed_by_name(work: Path, home: Path) -> None:
    token = (await devagent("mcp", "token", "add", "ide", cwd=work)).stdout.strip()
    assert (await devagent("mcp", "token", "list", cwd=work)).stdout == "ide\n"
    kept = [
        path for path in home.rglob("*") if path.is_file() and token in path.read_text("latin-1")
    ]
    assert kept == []
    (file,) = home.rglob("gateway-tokens.json")
    assert file.stat().st_mode & 0o077 == 0
    assert (await devagent("mcp", "token", "remove", "nobody", cwd=work)).code == 2
    assert (await devagent("mcp", "token", "add", "a b", cwd=work)).code == 2
