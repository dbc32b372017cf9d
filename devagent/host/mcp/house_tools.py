"""The tools of ``mcp``, the house's own: what the model and the person may ask of MCP servers, and servers of them.

``house`` carries them out.
"""

from typing import Any

from msgspec.structs import replace

from devagent.core.tools import ToolSpec

NAME = "mcp"
_KEY = "What the server calls its question."
_SERVER = {"type": "string", "description": "The server's name."}


def _spec(name: str, description: str, **properties: Any) -> ToolSpec:
    required = [key for key, value in properties.items() if not value.pop("optional", False)]
    return ToolSpec(
        extension=NAME,
        name=name,
        tool_class="read",
        description=description,
        input_schema={
            "type": "object",
            "properties": {"server": _SERVER, **properties},
            "required": ["server", *required],
            "additionalProperties": False,
        },
        can=("limit_bytes", "timeout_s"),
    )


def _text(description: str, *, optional: bool = False) -> dict[str, Any]:
    return {"type": "string", "description": description, "optional": optional}


def _table(description: str, *, optional: bool = False) -> dict[str, Any]:
    return {"type": "object", "description": description, "optional": optional}


LIST_RESOURCES = _spec(
    "list_resources",
    "List what an MCP server has to read: resources by URI, and templates of such URIs.",
)
READ_RESOURCE = _spec(
    "read_resource",
    "Read a resource of an MCP server by its URI.",
    uri=_text("As it was listed, or a template with its braces filled in."),
    watch={
        "type": "boolean",
        "description": "Say so when it changes later.",
        "default": False,
        "optional": True,
    },
)
GET_PROMPT = _spec(
    "get_prompt",
    "Get a prompt of an MCP server.",
    prompt=_text("The prompt's name."),
    arguments=_table("Its arguments, texts by name.", optional=True),
)
COMPLETE = _spec(
    "complete",
    "Ask an MCP server how an argument of a prompt or of a resource template may go on.",
    ref=_table("The prompt's name or the template's uri."),
    argument=_text("The argument's name."),
    value=_text("What is typed so far."),
    arguments=_table("The other arguments, texts by name.", optional=True),
)
ELICIT = replace(
    _spec(
        "elicit",
        "An MCP server asks the person: a form to fill in, or a page to open.",
        message=_text("What the server says."),
        schema=_table("The form's fields.", optional=True),
        url=_text("The page's address.", optional=True),
        key=_text(_KEY, optional=True),
    ),
    asks_itself=True,
)
SAMPLE = replace(
    _spec(
        "sample",
        "An MCP server asks for a reply of the model.",
        request=_table("The request, in the protocol's names."),
        key=_text(_KEY, optional=True),
    ),
    tool_class="net",
)
ROOTS = _spec(
    "roots", "An MCP server asks which folders it may work in.", key=_text(_KEY, optional=True)
)
OFFERED = (LIST_RESOURCES, READ_RESOURCE)
