"""What the client asks for beside plain replies, held against the types of the service's own SDK."""

import base64
from pathlib import Path
from typing import Any, get_args

import pytest
from anthropic.types import (
    AnthropicBetaParam,
    MessageCountTokensParams,
    WebFetchTool20250910Param,
    WebSearchTool20250305Param,
)
from anthropic.types.beta import BetaCompactionBlockParam
from anthropic.types.beta.message_create_params import MessageCreateParamsStreaming as BetaParams
from anthropic.types.code_execution_tool_20250825_param import CodeExecutionTool20250825Param
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from msgspec.structs import replace

from devagent.core.citations import citations, sources
from devagent.core.tools import ServiceTool
from devagent.core.usage import Usage
from devagent.models.configured import SERVICE_TOOLS
from devagent.models.sampling import BETAS, FEATURES, Sampling
from devagent.session.attachments import attached
from tests.contract.test_models_oracle import accepted
from tests.support.messages_server import MessagesServer, Recorded, Step
from tests.support.model_client import ask, client, events, replied, tool

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}},
    "required": ["ok", "why"],
    "additionalProperties": False,
}
TINY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def sent(
    step: Step | None = None, sampling: Sampling | None = None, **asked: Any
) -> tuple[Recorded, Any]:
    """The request as it came over the wire, and the reply."""
    async with MessagesServer([step or Step(text="Done.")]) as server:
        model = client(server.base_url, sampling=sampling or Sampling())
        try:
            reply = replied(await events(model, ask(**asked)))
        finally:
            await model.aclose()
        return server.requests[-1], reply


def known(kind: Any, body: dict[str, Any]) -> None:
    """Every field of the body is one that the SDK's type has."""
    assert accepted(kind, body) == body


def betas(request: Recorded) -> list[str]:
    return [one for one in request.headers.get("anthropic-beta", "").split(",") if one]


async def test_strict_tools_are_what_the_sdk_calls_strict() -> None:
    strict = tool("git.log")
    schema = {**strict.input_schema, "additionalProperties": False}

    request, _ = await sent(
        sampling=Sampling(features=("strict_tools",)), tools=(replace(strict, input_schema=schema),)
    )
    known(MessageCreateParamsStreaming, request.body)
    assert [one["strict"] for one in request.body["tools"]] == [True]
    assert betas(request) == []  # no beta any more


async def test_context_editing_is_the_sdks_with_its_header_and_what_was_left_out_is_told() -> None:
    request, _ = await sent(sampling=Sampling(features=("context_editing",)))
    known(BetaParams, request.body)
    assert request.body["context_management"]["edits"][0]["type"] == "clear_tool_uses_20250919"
    assert betas(request) == [BETAS["context_editing"]]


async def test_an_answers_schema_is_sent_as_the_sdks_output_format() -> None:
    request, _ = await sent(answer_schema=SCHEMA, sampling=Sampling(effort="low"))
    known(MessageCreateParamsStreaming, request.body)
    assert request.body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": SCHEMA},
    }


async def test_a_schema_that_the_service_cannot_hold_is_left_to_the_prompt() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    request, _ = await sent(answer_schema=loose)
    assert "output_config" not in request.body


async def test_images_and_pdfs_and_texts_are_blocks_of_the_sdks_and_no_schema_goes_beside_citations(
    tmp_path: Path,
) -> None:
    files = {"a.png": TINY_PNG, "b.pdf": b"%PDF-1.7\n1 0 obj\n", "c.txt": "grün".encode()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    blocks = attached([str(tmp_path / name) for name in files])
    content = [*blocks, {"type": "text", "text": "What is it?"}]
    request, _ = await sent(messages=[{"role": "user", "content": content}], answer_schema=SCHEMA)
    known(MessageCreateParamsStreaming, request.body)
    taken = request.body["messages"][0]["content"]
    assert [one["type"] for one in taken] == ["image", "document", "document", "text"]
    assert [one.get("title") for one in taken] == [None, "b.pdf", "c.txt", None]
    assert "output_config" not in request.body


async def test_citations_come_whole_and_are_told_with_their_places() -> None:
    _, reply = await sent(Step(stream="citations.sse"))
    found = citations(reply.content)
    assert [one.text for one in found] == [
        "the grass is green",
        "the sky is blue",
        "the sky is blue",
    ]
    assert [one.cited for one in found][:2] == ["The grass is green.", "The sky is blue."]
    assert sources(reply.content)[1].startswith("Sky, page")
    assert sources(reply.content)[2] == "https://sky.example/"


def test_the_services_tools_are_the_sdks() -> None:
    known(
        WebSearchTool20250305Param,
        _offered("web_search", allowed_domains=["a.example"], max_uses=3),
    )
    known(WebFetchTool20250910Param, _offered("web_fetch", citations={"enabled": True}))
    known(CodeExecutionTool20250825Param, _offered("code_execution"))


def _offered(name: str, **settings: Any) -> dict[str, Any]:
    return {"type": SERVICE_TOOLS[name], "name": name, **settings}


async def test_the_services_tools_stand_after_ours_and_bear_the_cache_point_and_their_use_is_counted() -> (
    None
):
    offered = (ServiceTool("web_search", SERVICE_TOOLS["web_search"], {"max_uses": 2}),)
    request, reply = await sent(
        Step(stream="server_tools.sse"), tools=(tool("git.log"),), service_tools=offered
    )
    known(MessageCreateParamsStreaming, request.body)
    assert [one["name"] for one in request.body["tools"]] == ["git__log", "web_search"]
    assert [one.get("cache_control") for one in request.body["tools"]] == [
        None,
        {"type": "ephemeral"},
    ]
    assert (reply.usage.web_searches, reply.usage.code_runs) == (1, 1)
    assert (reply.stop, reply.container) == ("pause_turn", "container_01")
    # $0.01 for the search, the least of a container for the code, and the tokens
    assert reply.cost.usd_micros > 14_000


async def test_a_paused_turn_goes_on_in_its_container() -> None:
    request, _ = await sent(container="container_01")
    known(MessageCreateParamsStreaming, request.body)
    assert request.body["container"] == "container_01"


async def test_a_summary_of_the_services_is_asked_for_and_sent_back_as_the_sdk_does() -> None:
    both = Sampling(features=("compaction", "context_editing"))
    request, reply = await sent(Step(stream="beta/compaction.sse"), both, compacts=True)
    known(BetaParams, request.body)
    assert request.body["compaction"] == {"type": "summarize"}
    assert "context_management" not in request.body  # the two do not go together
    assert BETAS["compaction"] in betas(request)
    (block,) = reply.content
    known(BetaCompactionBlockParam, block)
    assert block["content"] == "The tests were read; one fails."
    assert (block["signature"], block["encrypted_content"]) == ("c2lnbmVkLXN1bW1hcnk=", "b3BhcXVl")
    assert (reply.stop, reply.usage) == ("compaction", Usage(9000, 120, 500))
    again, _ = await sent(
        sampling=Sampling(features=("compaction",)),
        messages=[{"role": "assistant", "content": [block]}, {"role": "user", "content": "Go on."}],
    )
    known(BetaParams, again.body)
    assert again.body["messages"][0] == {"role": "assistant", "content": [block]}
    assert betas(again) == [BETAS["compaction"]]


async def test_a_service_without_summaries_of_its_own_reads_one_in_words() -> None:
    block = {"type": "compaction", "content": "One test fails.", "signature": "s"}
    request, _ = await sent(
        messages=[{"role": "assistant", "content": [block]}, {"role": "user", "content": "Go on."}]
    )
    first = request.body["messages"][0]
    assert first["role"] == "user"
    assert first["content"][0]["text"] == "<summary>\nOne test fails.\n</summary>"


@pytest.mark.parametrize("feature", FEATURES)
async def test_a_feature_brings_its_header_and_no_other(feature: str) -> None:
    request, _ = await sent(sampling=Sampling(features=(feature,)))
    assert betas(request) == ([BETAS[feature]] if feature in BETAS else [])


def test_every_beta_is_one_that_the_sdk_knows() -> None:

    literal = {name for part in get_args(AnthropicBetaParam) for name in get_args(part)}
    assert set(BETAS.values()) <= literal


async def test_tokens_are_counted_of_what_would_be_sent() -> None:
    async with MessagesServer() as server:
        model = client(server.base_url)
        counted = await model.count(ask(tools=(tool("git.log"),), answer_schema=SCHEMA))
        await model.aclose()
        request = server.requests[-1]
    assert counted
    assert request.path == "/v1/messages/count_tokens"
    known(MessageCountTokensParams, request.body)
    assert request.body["output_config"]["format"]["schema"] == SCHEMA
