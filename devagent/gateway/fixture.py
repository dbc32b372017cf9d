"""The server that the official conformance suite wants behind a gateway: ``python -m devagent.gateway.fixture``.

Its tools, resources and prompts are those that the suite's scenarios name, and do what these say. It speaks both eras over
standard input and output, and runs only behind ``devagent mcp serve --profile conformance`` (and in tests).
"""

import asyncio
import hashlib
import hmac
import json
import secrets
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

Context = ServerRequestContext[dict[str, Any]]
Table = dict[str, Any]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
MODERN = "2026-07-28"
PAUSE_S = 0.05
_KEY = secrets.token_bytes(32)

NO_ARGUMENTS: Table = {"type": "object", "properties": {}}
NAMED: Table = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
CONFIRMED: Table = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
}
USER: Table = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "required": ["username", "email"],
}
DEFAULTS: Table = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
}
_PLAIN = ["option1", "option2", "option3"]
_TITLED = [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]
CHOICES: Table = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _PLAIN},
        "titledSingle": {"type": "string", "oneOf": _TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _PLAIN}},
        "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    },
}
SCHEMA_2020_12: Table = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def _text(text: str) -> Table:
    return {"type": "text", "text": text}


def _image() -> Table:
    return {"type": "image", "data": PNG, "mimeType": "image/png"}


def _embedded(uri: str, mime: str, text: str) -> Table:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime, "text": text}}


def _result(*blocks: Table, failed: bool = False) -> CallToolResult:
    return CallToolResult.model_validate({"content": list(blocks), "isError": failed})


PLAIN: dict[str, CallToolResult] = {
    "test_simple_text": _result(_text("This is a simple text response for testing.")),
    "test_image_content": _result(_image()),
    "test_audio_content": _result({"type": "audio", "data": WAV, "mimeType": "audio/wav"}),
    "test_embedded_resource": _result(
        _embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ),
    "test_multiple_content_types": _result(
        _text("Multiple content types test:"),
        _image(),
        _embedded(
            "test://mixed-content-resource", "application/json", '{"test":"data","value":123}'
        ),
    ),
    "test_error_handling": _result(
        _text("This tool intentionally returns an error for testing"), failed=True
    ),
    "json_schema_2020_12_tool": _result(_text("ok")),
}
"""The tools that always give the same."""


async def _logging(context: Context, args: Table) -> CallToolResult:
    del args
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message(  # pyright: ignore[reportDeprecated]
            level="info", data=text, related_request_id=context.request_id
        )
        await asyncio.sleep(PAUSE_S)
    return _result(_text("Logged three times"))


async def _progress(context: Context, args: Table) -> CallToolResult:
    del args
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100)
        await asyncio.sleep(PAUSE_S)
    return _result(_text("Done"))


Tool = Callable[[Context, Table], Awaitable[CallToolResult]]
DOING: dict[str, tuple[Tool, Table]] = {
    "test_tool_with_logging": (_logging, NO_ARGUMENTS),
    "test_logging_tool": (_logging, NO_ARGUMENTS),
    "test_tool_with_progress": (_progress, NO_ARGUMENTS),
}


def _form(message: str, schema: Table) -> Table:
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema},
    }


def _sample(text: str, most: int = 100) -> Table:
    asked = [{"role": "user", "content": _text(text)}]
    return {"method": "sampling/createMessage", "params": {"messages": asked, "maxTokens": most}}


def _page(url: str) -> Table:
    params = {"mode": "url", "message": "Sign in there", "url": url, "elicitationId": "page-1"}
    return {"method": "elicitation/create", "params": params}


ASKING: dict[str, tuple[str, Callable[[str], Table]]] = {
    "test_sampling": ("prompt", _sample),
    "test_elicitation": ("message", lambda said: _form(said, USER)),
    "test_elicitation_sep1034_defaults": (
        "",
        lambda _: _form("Please check these values", DEFAULTS),
    ),
    "test_elicitation_sep1330_enums": ("", lambda _: _form("Please choose", CHOICES)),
    "test_page": ("url", _page),
}
"""Tools of both eras: their one argument, and what they ask for."""


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
        step = _round(
            params.name, [{"asked": request}], params.request_state, params.input_responses
        )
        if isinstance(step, InputRequiredResult):
            return step
        said = step["asked"]
    else:
        said = await _pushed(context, request["params"])
    told = json.dumps(said.model_dump(mode="json", exclude_none=True))
    return _result(_text(f"The answer was: {told}"))


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


_ROOTS: Table = {"method": "roots/list", "params": {}}
_NAME = _form("What is your name?", NAMED)
ROUNDS: dict[str, list[Table]] = {
    "test_input_required_result_elicitation": [{"user_name": _NAME}],
    "test_streaming_elicitation": [{"user_name": _NAME}],
    "test_input_required_result_sampling": [
        {"capital_question": _sample("What is the capital of France?")}
    ],
    "test_missing_capability": [{"capital_question": _sample("What is the capital of France?")}],
    "test_input_required_result_list_roots": [{"client_roots": _ROOTS}],
    "test_input_required_result_request_state": [{"confirm": _form("Please confirm", CONFIRMED)}],
    "test_input_required_result_tampered_state": [{"confirm": _form("Please confirm", CONFIRMED)}],
    "test_input_required_result_multiple_inputs": [
        {"user_name": _NAME, "greeting": _sample("Generate a greeting", 50), "client_roots": _ROOTS}
    ],
    "test_input_required_result_multi_round": [
        {"step1": _form("Step 1: What is your name?", NAMED)},
        {
            "step2": _form(
                "Step 2: What is your favorite color?",
                {
                    "type": "object",
                    "properties": {"color": {"type": "string"}},
                    "required": ["color"],
                },
            )
        },
    ],
    "test_input_required_result_capabilities": [
        {"capital_question": _sample("What is the capital of France?"), "user_name": _NAME}
    ],
}
"""Tools of the newer era: what each asks for, round by round."""
CONTEXT_FORM = _form(
    "What context should the prompt use?",
    {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]},
)


def _sealed(step: int, name: str) -> str:
    mark = hmac.new(_KEY, f"{step}:{name}".encode(), hashlib.sha256).hexdigest()
    return f"{step}:{mark}"


def _step(state: str | None, name: str) -> int:
    if state is None:
        return 0
    step = state.partition(":")[0]
    if not step.isdecimal() or not hmac.compare_digest(state, _sealed(int(step), name)):
        raise MCPError(INVALID_PARAMS, "the request state is not the one that was given")
    return int(step)


def _round(
    name: str, rounds: list[Table], state: str | None, given: dict[str, Any] | None
) -> InputRequiredResult | Table:
    """What to ask for now; or, when all was answered, the last answers."""
    step = _step(state, name)
    wanted = rounds[step]
    if state is None or not wanted.keys() <= (given or {}).keys():
        return _asking(name, wanted, step)
    if step + 1 < len(rounds):
        return _asking(name, rounds[step + 1], step + 1)
    return {key: given[key] for key in wanted} if given else {}


def _asking(name: str, wanted: Table, step: int) -> InputRequiredResult:
    return InputRequiredResult.model_validate(
        {"inputRequests": wanted, "requestState": _sealed(step, name)}
    )


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
        step = _round(params.name, rounds, params.request_state, params.input_responses)
        if isinstance(step, InputRequiredResult):
            return step
        said = {
            key: answer.model_dump(mode="json", exclude_none=True) for key, answer in step.items()
        }
        return _result(_text(f"state-ok: {json.dumps(said)}"))
    raise MCPError(INVALID_PARAMS, f"there is no tool {params.name!r}")


RESOURCES: dict[str, Table] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": PNG},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Watched."},
}
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


def _argument(name: str) -> Table:
    return {"name": name, "description": f"The argument {name}", "required": True}


PROMPTS: dict[str, list[Table]] = {
    "test_simple_prompt": [],
    "test_prompt_with_arguments": [_argument("arg1"), _argument("arg2")],
    "test_prompt_with_embedded_resource": [_argument("resourceUri")],
    "test_prompt_with_image": [],
    "test_input_required_result_prompt": [],
}


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
            blocks = [_text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            said = f"arg1='{args.get('arg1', '')}', arg2='{args.get('arg2', '')}'"
            blocks = [_text(f"Prompt with arguments: {said}")]
        case "test_prompt_with_embedded_resource":
            text = "Embedded resource content for testing."
            blocks = [
                _embedded(args.get("resourceUri", ""), "text/plain", text),
                _text("Please process the embedded resource above."),
            ]
        case "test_prompt_with_image":
            blocks = [_image(), _text("Please analyze the image above.")]
        case "test_input_required_result_prompt":
            rounds: list[Table] = [{"user_context": CONTEXT_FORM}]
            step = _round(params.name, rounds, params.request_state, params.input_responses)
            if isinstance(step, InputRequiredResult):
                return step
            blocks = [_text("This prompt has its context.")]
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
