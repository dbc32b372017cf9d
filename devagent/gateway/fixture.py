"""The server that the official conformance suite wants behind a gateway: ``python -m devagent.gateway.fixture``.

Its tools, resources and prompts are those that the suite's scenarios name, and do what these say. It speaks both eras over
standard input and output, and runs only behind ``devagent mcp serve --profile conformance`` (and in tests).
"""

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import MCPDeprecationWarning
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from pydantic import BaseModel

from devagent.gateway.fixture_content import (
    NO_ARGUMENTS,
    PLAIN,
    PROMPTS,
    RESOURCES,
    SCHEMA_2020_12,
    Table,
    embedded_block,
    image_block,
    result_of,
    text_block,
)
from devagent.gateway.fixture_rounds import ASKING, CONTEXT_FORM, ROUNDS, round_of

Context = ServerRequestContext[dict[str, Any]]
MODERN = "2026-07-28"
PAUSE_S = 0.05


async def _logging(context: Context, args: Table) -> CallToolResult:
    del args
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message(  # pyright: ignore[reportDeprecated]
            level="info", data=text, related_request_id=context.request_id
        )
        await asyncio.sleep(PAUSE_S)
    return result_of(text_block("Logged three times"))


async def _progress(context: Context, args: Table) -> CallToolResult:
    del args
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100)
        await asyncio.sleep(PAUSE_S)
    return result_of(text_block("Done"))


Tool = Callable[[Context, Table], Awaitable[CallToolResult]]
DOING: dict[str, tuple[Tool, Table]] = {
    "test_tool_with_logging": (_logging, NO_ARGUMENTS),
    "test_logging_tool": (_logging, NO_ARGUMENTS),
    "test_tool_with_progress": (_progress, NO_ARGUMENTS),
}


def _argument_schema(name: str) -> Table:
    if not name:
        return NO_ARGUMENTS
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


async def _asked(
    context: Context, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult:
    argument, request_of = ASKING[params.name]
    request = request_of(str((params.arguments or {}).get(argument, "")))
    if context.protocol_version >= MODERN:
        step = round_of(
            params.name, [{"asked": request}], params.request_state, params.input_responses
        )
        if isinstance(step, InputRequiredResult):
            return step
        said = step["asked"]
    else:
        said = await _pushed(context, request["params"])
    told = json.dumps(said.model_dump(mode="json", exclude_none=True))
    return result_of(text_block(f"The answer was: {told}"))


async def _pushed(context: Context, asked: Table) -> BaseModel:
    session, number = context.session, context.request_id
    if "messages" in asked:
        messages = [SamplingMessage.model_validate(one) for one in asked["messages"]]
        return await session.create_message(  # pyright: ignore[reportDeprecated]
            messages, max_tokens=asked["maxTokens"], related_request_id=number
        )
    if "url" in asked:
        return await session.elicit_url(asked["message"], asked["url"], "page-1", number)
    return await session.elicit_form(asked["message"], asked["requestedSchema"], number)


async def list_tools(context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
    del context, params
    schemas: dict[str, Table] = dict.fromkeys([*PLAIN, *ROUNDS], NO_ARGUMENTS)
    schemas |= {name: schema for name, (_, schema) in DOING.items()}
    schemas |= {name: _argument_schema(argument) for name, (argument, _) in ASKING.items()}
    schemas["json_schema_2020_12_tool"] = SCHEMA_2020_12
    tools = [
        {"name": name, "description": f"Of the conformance suite: {name}.", "inputSchema": schema}
        for name, schema in sorted(schemas.items())
    ]
    return ListToolsResult.model_validate({"tools": tools})


async def call_tool(
    context: Context, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult:
    if found := PLAIN.get(params.name):
        return found
    if doing := DOING.get(params.name):
        return await doing[0](context, params.arguments or {})
    if params.name in ASKING:
        return await _asked(context, params)
    if rounds := ROUNDS.get(params.name):
        step = round_of(params.name, rounds, params.request_state, params.input_responses)
        if isinstance(step, InputRequiredResult):
            return step
        said = {
            key: answer.model_dump(mode="json", exclude_none=True) for key, answer in step.items()
        }
        return result_of(text_block(f"state-ok: {json.dumps(said)}"))
    raise MCPError(INVALID_PARAMS, f"there is no tool {params.name!r}")


_BEFORE, _AFTER = "test://template/", "/data"


async def list_resources(
    context: Context, params: PaginatedRequestParams | None
) -> ListResourcesResult:
    del context, params
    found = [
        {"uri": uri, "name": uri.removeprefix("test://"), "mimeType": content["mimeType"]}
        for uri, content in RESOURCES.items()
    ]
    return ListResourcesResult.model_validate({"resources": found})


async def list_templates(
    context: Context, params: PaginatedRequestParams | None
) -> ListResourceTemplatesResult:
    del context, params
    template = {
        "uriTemplate": f"{_BEFORE}{{id}}{_AFTER}",
        "name": "template",
        "mimeType": "application/json",
    }
    return ListResourceTemplatesResult.model_validate({"resourceTemplates": [template]})


async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    del context
    uri = str(params.uri)
    content = RESOURCES.get(uri)
    if content is None and uri.startswith(_BEFORE) and uri.endswith(_AFTER):
        number = uri.removeprefix(_BEFORE).removesuffix(_AFTER)
        data = {"id": number, "templateTest": True, "data": f"Data for ID: {number}"}
        content = {"mimeType": "application/json", "text": json.dumps(data)}
    if content is None:
        raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
    return ReadResourceResult.model_validate({"contents": [{"uri": uri, **content}]})


async def subscribe(context: Context, params: SubscribeRequestParams) -> EmptyResult:
    await context.session.send_resource_updated(params.uri)  # at once: it never rests
    return EmptyResult()


async def unsubscribe(context: Context, params: UnsubscribeRequestParams) -> EmptyResult:
    del context, params
    return EmptyResult()


async def list_prompts(
    context: Context, params: PaginatedRequestParams | None
) -> ListPromptsResult:
    del context, params
    found = [
        {"name": name, "description": f"Of the conformance suite: {name}.", "arguments": arguments}
        for name, arguments in PROMPTS.items()
    ]
    return ListPromptsResult.model_validate({"prompts": found})


async def get_prompt(
    context: Context, params: GetPromptRequestParams
) -> GetPromptResult | InputRequiredResult:
    del context
    args = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            blocks = [text_block("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            said = f"arg1='{args.get('arg1', '')}', arg2='{args.get('arg2', '')}'"
            blocks = [text_block(f"Prompt with arguments: {said}")]
        case "test_prompt_with_embedded_resource":
            text = "Embedded resource content for testing."
            blocks = [
                embedded_block(args.get("resourceUri", ""), "text/plain", text),
                text_block("Please process the embedded resource above."),
            ]
        case "test_prompt_with_image":
            blocks = [image_block(), text_block("Please analyze the image above.")]
        case "test_input_required_result_prompt":
            rounds: list[Table] = [{"user_context": CONTEXT_FORM}]
            step = round_of(params.name, rounds, params.request_state, params.input_responses)
            if isinstance(step, InputRequiredResult):
                return step
            blocks = [text_block("This prompt has its context.")]
        case name:
            raise MCPError(INVALID_PARAMS, f"there is no prompt {name!r}")
    messages = [{"role": "user", "content": block} for block in blocks]
    return GetPromptResult.model_validate({"messages": messages})


async def complete(context: Context, params: CompleteRequestParams) -> CompleteResult:
    del context
    known = ("paris", "park", "party", "test", "testing")
    values = [one for one in known if one.startswith(params.argument.value)]
    return CompleteResult.model_validate({"completion": {"values": values, "hasMore": False}})


async def set_level(context: Context, params: SetLevelRequestParams) -> EmptyResult:
    del context, params
    return EmptyResult()


def make() -> Server[dict[str, Any]]:
    """The server."""
    return Server(  # pyright: ignore[reportDeprecated]
        "devagent-conformance-fixture",
        version="1",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=set_level,
    )


async def main() -> None:
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    server = make()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
