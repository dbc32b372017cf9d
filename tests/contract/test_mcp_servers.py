"""Real servers of third parties, let in by ``devagent ext add``, through whole sessions: the gate, the log, the model.

npm's are where ``DEVAGENT_TEST_MCP_SERVERS`` says (``npm install --prefix`` there); PyPI's are among the packages of the
test environment. One that is not installed is skipped, but where that variable is set.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from devagent.cli.ext.add import add
from devagent.cli.ext.approve import approve
from devagent.cli.ext.listing import list_extensions
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged, ToolProgress, ToolStarted
from devagent.session import Session
from tests.support.command_line import LIMIT_S, own_file
from tests.support.conversations import Following, Person, conversation, of
from tests.support.mcp_servers import server
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git, small

SDK_SERVER = """
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
app = MCPServer("sdk", version="7.1")
@app.tool()
def add(a: int, b: int = 2) -> int:
    "Add two numbers."
    return a + b
@app.tool(structured_output=False)
def fail(why: str) -> str:
    raise ToolError(why)
app.run("stdio")
"""
POLICY = 'version = 1\nname = "mine"\nlayer = "local"\n'
INSTALLED = os.environ.get("DEVAGENT_TEST_MCP_SERVERS", "")


def node(package: str, *args: str) -> list[str]:
    """The command of a server from npm."""
    program = shutil.which("node")
    if not INSTALLED or program is None:
        pytest.skip("DEVAGENT_TEST_MCP_SERVERS is not set")
    script = Path(INSTALLED, "node_modules/@modelcontextprotocol", package, "dist/index.js")
    assert script.exists(), f"{package} is not installed in {INSTALLED}"
    return [program, str(script), *args]


def module(name: str, *args: str) -> list[str]:
    """The command of a server from PyPI."""
    if importlib.util.find_spec(name) is None:
        assert not INSTALLED, f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    return [sys.executable, "-m", name, *args]


def let_in(name: str, command: list[str], *, tools: int, more: str = "", rules: str = "") -> None:
    """Let the server in, see it listed, and have the lines that were printed (and ``more``) as the config."""
    run = CliRunner()
    added = run.invoke(add, [name, "--yes", "--", *command], catch_exceptions=False)
    assert added.exit_code == 0, added.output
    _, _, lines = added.output.partition("\n[extensions.")
    own_file("config.toml", f"[extensions.{lines}start_s = 120\n{more}")
    own_file("policy.toml", POLICY + rules)
    listed = run.invoke(list_extensions, catch_exceptions=False).output
    (line,) = [line for line in listed.splitlines() if line.startswith(f"{name} ")]
    assert f"{tools} tools" in line, listed


def rule(effect: str, tools: Sequence[str], more: str = "") -> str:
    return f'[[rule]]\nid = "r{abs(hash((effect, *tools, more)))}"\neffect = "{effect}"\ntools = {list(tools)}\n{more}\n'


class Talk:
    """A session whose model calls what the test says."""

    def __init__(self, session: Session, model: MessagesServer, name: str) -> None:
        self.session = session
        self._model = model
        self._name = name
        self.under_way = asyncio.Event()
        """Set when a call says how far it is."""

    async def call(self, tool: str, args: dict[str, Any] | None = None) -> ToolFinished:
        """One call of the model's, and how it ended."""
        events = await self.turn(tool, args)
        (finished,) = [e for e in of(events, ToolFinished) if "." not in e.call]
        return finished

    async def after_a_kill(self, pid: int, tool: str, args: dict[str, Any]) -> ToolFinished:
        """A call of a server that was just killed: it may still meet that end, but the one after it does not."""
        os.kill(pid, signal.SIGKILL)
        first = await self.call(tool, args)
        return await self.call(tool, args) if first.err == "server_gone" else first

    async def turn(
        self, tool: str, args: dict[str, Any] | None = None, *, then: str = "Done."
    ) -> list[Event]:
        """A turn with one call; ``then`` is what the model says after it."""
        self._model.add(Step(calls=[Call(f"{self._name}__{tool}", args or {})]))
        if then:
            self._model.add(Step(text=then))
        found: list[Event] = []
        async with aclosing(self.session.turn("Go on")) as events:
            async for event in events:
                found.append(event)
                if isinstance(event, ToolProgress) and event.total:
                    self.under_way.set()
        return found

    async def denied(self, tool: str, args: dict[str, Any]) -> str:
        """Why policy denied the call, which did not run."""
        events = await self.turn(tool, args)
        judged = of(events, ToolJudged)[-1]
        assert judged.decision.effect == "deny", judged
        assert not of(events, ToolStarted)
        return " ".join(resource.id for resource in judged.resources)

    async def begun(
        self, tool: str, args: dict[str, Any], under_way: asyncio.Event, then: str
    ) -> "asyncio.Task[list[Event]]":
        """A call that is under way."""
        under_way.clear()
        turn = asyncio.get_running_loop().create_task(self.turn(tool, args, then=then))
        async with asyncio.timeout(LIMIT_S):
            await under_way.wait()
        return turn

    async def cut(self, tool: str, args: dict[str, Any], under_way: asyncio.Event) -> None:
        """A call that the person cuts once it is under way."""
        turn = await self.begun(tool, args, under_way, "")
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn

    async def crashes(
        self, tool: str, args: dict[str, Any], under_way: asyncio.Event, pid: int
    ) -> None:
        """A call in whose middle the server is killed: a typed error, long before the call's own limit."""
        turn = await self.begun(tool, args, under_way, "Done.")
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(LIMIT_S):
            (finished,) = of(await turn, ToolFinished)
        assert finished.err == "server_gone", finished


@asynccontextmanager
async def talk(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, person: Person | None = None
) -> AsyncGenerator[Talk]:
    async with (
        MessagesServer() as model,
        conversation(folder, monkeypatch, model, with_server=name, person=person) as session,
    ):
        yield Talk(session, model, name)


def children() -> set[int]:
    """The servers that this process started; not the one that waits beside them (``host.mcp.orphans``)."""
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            stat = (folder / "stat").read_text() if folder.name.isdigit() else ""
            fields = stat.rpartition(")")[2].split()
            if not fields or int(fields[1]) != os.getpid() or fields[0] == "Z":
                continue
            if b"\0-I\0-S\0-c\0" not in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


async def test_server_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rule("allow", ["every.*", "mcp.*"])
    rules += rule("deny", ["every.get-sum"], 'when = { "args.a" = { min = 1000 } }')
    await asyncio.to_thread(let_in, "every", node("server-everything"), tools=15, rules=rules)
    person = Person(name="Ana", interpretation="technical")
    before = children()
    async with talk(tmp_path, monkeypatch, "every", person) as one:
        assert (await one.call("get-sum", {"a": 2, "b": 3})).text == "The sum of 2 and 3 is 5."
        await one.denied("get-sum", {"a": 2000, "b": 3})
        weather = await one.call("get-structured-content", {"location": "Chicago"})
        assert set(weather.structured) == {"temperature", "conditions", "humidity"}
        image = await one.call("get-tiny-image")
        assert [block["type"] for block in image.content] == ["text", "image", "text"]
        asked = await one.call("trigger-elicitation-request")
        assert (person.forms[-1].server, "Ana" in asked.text) == ("every", True)
        events = await one.turn("trigger-long-running-operation", {"duration": 0.1, "steps": 2})
        assert [(e.done, e.total) for e in of(events, ToolProgress) if e.total] == [(1, 2), (2, 2)]
        prompts = {prompt.name: prompt for prompt in one.session.prompts}
        assert [name for name, _, _ in prompts["args-prompt"].arguments] == ["city", "state"]
        values = await one.session.complete("every", "completable-prompt", "department", "E")
        assert values == ["Engineering"]
        long = {"duration": LIMIT_S, "steps": LIMIT_S * 20}
        await one.cut("trigger-long-running-operation", long, one.under_way)
        assert (await one.call("echo", {"message": "there?"})).text == "Echo: there?"
        (pid,) = children() - before
        await one.crashes("trigger-long-running-operation", long, one.under_way, pid)
        assert (await one.call("echo", {"message": "again"})).text == "Echo: again"


async def test_a_task_of_server_everything_is_followed_and_ends_with_its_call(
    tmp_path: Path,
) -> None:
    """Of the revision of 2025, in which a tool may run as a task alone. This one takes five seconds."""
    program, *args = node("server-everything")
    table = {"type": "stdio", "command": program, "args": args}
    following = Following()
    async with server(tmp_path, table) as extension:
        extension.pin(await extension.look(), how="approved", on="2026-11-20")
        call = asyncio.get_running_loop().create_task(
            extension.run("simulate-research-query", {"topic": "x"}, {}, meanwhile=following)
        )
        await following.until_told(1)
        assert following.told == [{"text": "Gathering sources..."}]
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await extension.run("echo", {"message": "hi"}, {})).text == "Echo: hi"


FILES = (
    'classes = { read_text_file = "read", list_directory = "read" }\n'
    'resources = { read_text_file = ["path:{args.path}"], list_directory = ["path:{args.path}"], '
    'write_file = ["path:{args.path}"], read_multiple_files = ["path:{args.paths}"] }\n'
)


async def test_server_filesystem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.path.realpath(tmp_path), "shop")
    (folder / "private").mkdir(parents=True)
    (folder / "a.txt").write_text("apples")
    (folder / "private/b.txt").write_text("bank")
    rules = rule("allow", ["files.*"], 'resources = ["path:**"]')
    rules += rule("deny", ["files.*"], 'resources = ["path:private/**"]')
    await asyncio.to_thread(
        let_in, "files", node("server-filesystem", str(folder)), tools=14, more=FILES, rules=rules
    )
    before = children()
    async with talk(folder, monkeypatch, "files") as one:
        assert (await one.call("read_text_file", {"path": str(folder / "a.txt")})).text == "apples"
        spelled = f"{folder}/private/../private/b.txt"
        assert await one.denied("read_text_file", {"path": spelled}) == "path:private/b.txt"
        many = {"paths": [str(folder / "a.txt"), str(folder / "private/b.txt")]}
        assert await one.denied("read_multiple_files", many) == "path:a.txt path:private/b.txt"
        outside = await one.call("read_text_file", {"path": "/etc/hostname"})
        assert (outside.outcome, outside.err) == ("failed", "tool_error")
        await one.call("write_file", {"path": str(folder / "c.txt"), "content": "cherries"})
        assert (folder / "c.txt").read_text() == "cherries"
        (pid,) = children() - before
        listed = await one.after_a_kill(pid, "list_directory", {"path": str(folder)})
        assert "[FILE] c.txt" in listed.text


async def test_server_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = 'resources = { open_nodes = ["doc:{args.names}"], delete_entities = ["doc:{args.entityNames}"] }\n'
    more += f'env = {{ MEMORY_FILE_PATH = "{tmp_path}/memory.jsonl" }}\n'
    rules = rule("allow", ["memory.*"]) + rule("deny", ["memory.*"], 'resources = ["doc:payroll"]')
    command = node("server-memory")
    # Its file is named by a variable, which is part of what is let in: so it is approved with the whole config.
    own_file(
        "config.toml",
        f'[extensions.memory]\ntype = "stdio"\ncommand = "{command[0]}"\nargs = ["{command[1]}"]\n{more}',
    )
    own_file("policy.toml", POLICY + rules)
    run = CliRunner()
    approved = await asyncio.to_thread(run.invoke, approve, ["memory", "--yes"])
    assert "has 9 tools" in approved.output
    before = children()
    async with talk(tmp_path, monkeypatch, "memory") as one:
        whale = {"name": "whale", "entityType": "animal", "observations": ["sings"]}
        created = await one.call("create_entities", {"entities": [whale]})
        assert created.structured["entities"] == [whale]
        assert (
            await one.denied("open_nodes", {"names": ["whale", "payroll"]})
            == "doc:whale doc:payroll"
        )
        (pid,) = children() - before
        assert "sings" in (await one.after_a_kill(pid, "open_nodes", {"names": ["whale"]})).text


async def test_mcp_server_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = small(tmp_path / "shop"), small(tmp_path / "payroll")
    more = 'resources = { git_log = ["path:{args.repo_path}"], git_status = ["path:{args.repo_path}"] }\n'
    rules = rule("allow", ["vcs.*"], 'resources = ["path:shop"]')
    rules += rule("deny", ["vcs.*"], 'resources = ["path:payroll"]')
    await asyncio.to_thread(
        let_in, "vcs", module("mcp_server_git"), tools=12, more=more, rules=rules
    )
    before = children()
    async with talk(tmp_path, monkeypatch, "vcs") as one:
        head = git(ours, "rev-parse", "HEAD").strip()[:7]
        assert head in (await one.call("git_log", {"repo_path": str(ours)})).text
        assert await one.denied("git_log", {"repo_path": str(theirs)}) == "path:payroll"
        (pid,) = children() - before
        assert not (await one.after_a_kill(pid, "git_status", {"repo_path": str(ours)})).err


async def test_mcp_server_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rule("allow", ["clock.*"])
    rules += rule(
        "deny", ["clock.convert_time"], 'when = { "args.target_timezone" = "Asia/Tokyo" }'
    )
    await asyncio.to_thread(
        let_in, "clock", module("mcp_server_time", "--local-timezone", "UTC"), tools=2, rules=rules
    )
    args = {"source_timezone": "Europe/Oslo", "time": "12:00", "target_timezone": "Asia/Seoul"}
    async with talk(tmp_path, monkeypatch, "clock") as one:
        converted = await one.call("convert_time", args)
        assert converted.structured["target"]["timezone"] == "Asia/Seoul"
        await one.denied("convert_time", {**args, "target_timezone": "Asia/Tokyo"})
        wrong = await one.call("convert_time", {**args, "time": "noon"})
        assert (wrong.outcome, wrong.err) == ("failed", "tool_error")
        assert not (await one.call("get_current_time", {"timezone": "Europe/Oslo"})).err


async def test_mcp_server_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/never" in head:
                asked.set()
                await reader.read()  # until the other side has gone
                return
            body = b"<html><body><p>Sold out.</p></body></html>"
            found = b"404 Not Found" if b"robots.txt" in head else b"200 OK"
            kind = b"content-type: text/html\r\nconnection: close\r\n"
            writer.write(
                b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (found, kind, len(body), body)
            )
            await writer.drain()

    more = 'classes = { fetch = "net" }\nresources = { fetch = ["host:{args.url}"] }\n'
    rules = rule("allow", ["web.fetch"], 'resources = ["host:127.0.0.1"]')
    rules += rule("deny", ["web.fetch"], 'resources = ["host:localhost"]')
    await asyncio.to_thread(
        let_in,
        "web",
        module("mcp_server_fetch", "--allow-private-ips"),
        tools=1,
        more=more,
        rules=rules,
    )
    before = children()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as pages:
        address = f"http://127.0.0.1:{pages.sockets[0].getsockname()[1]}"
        async with talk(tmp_path, monkeypatch, "web") as one:
            assert "Sold out." in (await one.call("fetch", {"url": f"{address}/stock"})).text
            assert await one.denied("fetch", {"url": "http://localhost:1/x"}) == "host:localhost"
            await one.cut("fetch", {"url": f"{address}/never"}, asked)
            assert "Sold out." in (await one.call("fetch", {"url": f"{address}/stock"})).text
            (pid,) = children() - before
            await one.crashes("fetch", {"url": f"{address}/never"}, asked, pid)


async def test_a_server_on_the_sdk_in_both_directions(tmp_path: Path) -> None:
    table = {"type": "stdio", "command": sys.executable, "args": ["-c", SDK_SERVER], "start_s": 120}
    async with server(tmp_path, table) as extension:
        seen = await extension.look()
        extension.pin(seen, how="approved", on="2026-11-20")
        assert (seen.calls_itself, seen.legacy, seen.left_out) == ("sdk 7.1", False, ())
        assert [tool.description for tool in extension.tools] == ["Add two numbers.", ""]
        result = await extension.run("add", {"a": 40, "b": 2}, {})
        assert (result.text, result.structured, result.failed) == ("42", {"result": 42}, False)
        result = await extension.run("fail", {"why": "because"}, {})
        assert (result.failed, result.error) == (True, "tool_error")
        assert "because" in result.text
