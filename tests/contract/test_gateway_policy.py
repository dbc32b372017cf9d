"""Policy at each entrance of the gateway: what is listed, called, read, prompted, sampled, after a crash, after a change."""

import json
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CreateMessageRequestParams, CreateMessageResult, TextContent

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ToolFinished, ToolJudged
from tests.support.command_line import ROOT, logged, logs, own_file
from tests.support.gateways import call, serving, stateless, web
from tests.support.mcp_servers import HOSTILE

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
SUITE = f"""
[extensions.suite]
type = "stdio"
command = {json.dumps(sys.executable)}
args = ["-m", "devagent.gateway.fixture"]
env = {{ PYTHONPATH = {json.dumps(str(ROOT))} }}
start_s = 120
sampling = true
"""
POLICY = """\
version = 1
name = "mine"
layer = "local"
[[rule]]
id = "servers"
effect = "allow"
tools = ["suite.*", "odd.*", "mcp.*"]
[[rule]]
id = "no-pictures"
effect = "deny"
tools = ["suite.test_image_content"]
[[rule]]
id = "neither-these"
effect = "deny"
resources = ["mcp:suite/resource/test://static-binary", "mcp:suite/prompt/test_simple_prompt", "mcp:suite/sampling"]
[[rule]]
id = "no-secret"
effect = "deny"
tools = ["odd.echo"]
when = { "args.text" = "secret" }
"""
ECHO = "odd__echo"
ERAS: list[Literal["legacy", "auto"]] = ["legacy", "auto"]


def odd(mode: str) -> str:
    args = json.dumps(["-S", HOSTILE, mode])
    return (
        f'[extensions.odd]\ntype = "stdio"\ncommand = {json.dumps(sys.executable)}\nargs = {args}\n'
    )


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    del home
    own_file("policy.toml", POLICY)
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def rules(error: MCPError) -> list[str]:
    return error.error.data["devagent/rules"]


async def test_what_is_denied_is_neither_listed_nor_called_read_prompted_or_sampled(
    work: Path,
) -> None:
    own_file("config.toml", SUITE)
    sampled: list[str] = []

    async def sample(
        context: ClientRequestContext, params: CreateMessageRequestParams
    ) -> CreateMessageResult:
        del context, params
        sampled.append("")
        return CreateMessageResult(role="assistant", content=TextContent(text="Paris"), model="m")

    async with serving(work, extensions=("suite",)) as server, web() as wire:
        for era in ERAS:
            transport = streamable_http_client(server.url, http_client=wire)
            async with Client(transport, mode=era, sampling_callback=sample) as client:
                tools = {tool.name for tool in (await client.list_tools()).tools}
                assert "suite__test_simple_text" in tools
                assert "suite__test_image_content" not in tools
                refused = await client.call_tool("suite__test_image_content", {})
                assert "local/mine#no-pictures" in (refused.meta or {})["devagent/rules"]

                uris = {str(one.uri) for one in (await client.list_resources()).resources}
                assert "suite+test://static-text" in uris
                assert "suite+test://static-binary" not in uris
                assert (await client.read_resource("suite+test://static-text")).contents
                with pytest.raises(MCPError) as denied:
                    await client.read_resource("suite+test://static-binary")
                assert "local/mine#neither-these" in rules(denied.value)

                prompts = {one.name for one in (await client.list_prompts()).prompts}
                assert "suite__test_prompt_with_image" in prompts
                assert "suite__test_simple_prompt" not in prompts
                assert (await client.get_prompt("suite__test_prompt_with_image")).messages
                with pytest.raises(MCPError) as denied:
                    await client.get_prompt("suite__test_simple_prompt")
                assert "local/mine#neither-these" in rules(denied.value)

                name = "test_sampling" if era == "legacy" else "test_input_required_result_sampling"
                asked = await client.call_tool(f"suite__{name}", {"prompt": "Which?"} if era == "legacy" else {})  # fmt: skip
                assert asked.is_error
    assert sampled == []
    judged = [e for e in logged(logs()[0]) if isinstance(e, ToolJudged)]
    assert {e.tool for e in judged if e.decision.effect == "deny"} >= {
        "test_image_content", "read_resource", "get_prompt", "sample",
    }  # fmt: skip
    assert verify_session(logs()[0]).ok


async def answers(work: Path, *texts: str) -> list[dict[str, Any]]:
    """The results of these calls of the odd server's tool, one after the other."""
    found: list[dict[str, Any]] = []
    async with serving(work, extensions=("odd",)) as server, web() as client:
        for text in texts:
            answer = await client.post(
                server.url, json=call(ECHO, {"text": text}), headers=stateless(ECHO)
            )
            found.append(answer.json()["result"])
    return found


async def test_a_server_that_crashed_and_came_back_is_governed_as_before(work: Path) -> None:
    own_file("config.toml", odd("exits"))
    crashed, denied, again = await answers(work, "one", "secret", "two")
    assert crashed["isError"] is again["isError"] is True
    assert "local/mine#no-secret" in denied["_meta"]["devagent/rules"]
    ended = [e for e in logged(logs()[0]) if isinstance(e, ToolFinished)]
    assert len(ended) == 2  # the denied one never reached the server
    assert {e.outcome for e in ended} == {"failed"}


async def test_a_tool_that_changed_is_withheld_from_clients_too(work: Path) -> None:
    own_file("config.toml", odd("changes-later"))
    first, second = await answers(work, "one", "two")
    assert first["isError"] is False
    assert second["_meta"]["devagent/error"] == "definition_changed"
    (other,) = await answers(work, "three")
    assert other["_meta"]["devagent/error"] != ""
    assert other["isError"] is True
