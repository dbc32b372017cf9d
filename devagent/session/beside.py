"""What servers have beside tools, for the person: mentions of resources, prompts, completion.

Each is a call of a tool of the house (``host.mcp.house``), so it passes the gate and the log like the model's. What a
mention or a prompt brings is told to the model with the person's words, as what it is: read from that server.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from devagent.agent.turn import Reading
from devagent.core.errors import UsageError
from devagent.core.tools import ToolCall, ToolSpec
from devagent.host.toolbox import Extensions

MAX_MENTIONS = 10
_MENTION = re.compile(r"(?<!\S)[(\[\"']?@([a-z][a-z0-9_-]*):(\S+)")
_TRAILING = ".,;:!?)]\"'"


class ServerPrompt(Struct, frozen=True):
    """A prompt of a server, as it was let in; ``/server:name`` is its command. ``arguments``: (name, what it is,
    whether it must be given)."""

    server: str
    name: str
    description: str
    arguments: tuple[tuple[str, str, bool], ...]

    @property
    def command(self) -> str:
        return f"/{self.server}:{self.name}"


def prompts_of(toolbox: Extensions) -> list[ServerPrompt]:
    """The prompts of all servers, as recorded: none of them is started for this."""
    return [
        ServerPrompt(server.settings.name, one.name, one.description, one.arguments)
        for server in toolbox.servers
        for one in server.prompts.values()
    ]


def mentioned(toolbox: Extensions, text: str) -> list[Reading]:
    """The resources that a prompt mentions as ``@server:uri``, each once."""
    if "@" not in text or toolbox.house is None:
        return []
    having = {server.settings.name for server in toolbox.servers if server.has("resources")}
    found: dict[tuple[str, str], Reading] = {}
    for server, uri in _MENTION.findall(text):
        uri = uri.rstrip(_TRAILING)
        if server in having and uri:
            args = {"server": server, "uri": uri}
            found.setdefault((server, uri), Reading(tool_of(toolbox, "READ_RESOURCE"), args))
    return list(found.values())[:MAX_MENTIONS]


def reading_of(toolbox: Extensions, prompt: ServerPrompt, args: Mapping[str, str]) -> Reading:
    """The prompt with these arguments, to be read before a turn. Raises UsageError where one is missing."""
    missing = [name for name, _, needed in prompt.arguments if needed and not args.get(name)]
    if missing:
        raise UsageError(f"{prompt.command} needs {', '.join(missing)}")
    given = {"server": prompt.server, "prompt": prompt.name, "arguments": dict(args)}
    return Reading(tool_of(toolbox, "GET_PROMPT"), given)


def completion_of(
    toolbox: Extensions, server: str, ref: Mapping[str, str], argument: str, value: str
) -> tuple[ToolCall, ToolSpec]:
    """The call that completes an argument of a prompt (``ref`` has its name) or a template (its uri)."""
    tool = tool_of(toolbox, "COMPLETE")
    args: dict[str, Any] = {
        "server": server,
        "ref": dict(ref),
        "argument": argument,
        "value": value,
    }
    return ToolCall(f"complete_{secrets.token_hex(6)}", tool.api_name, args), tool


def tool_of(toolbox: Extensions, name: str) -> ToolSpec:
    """A tool of the house. Raises UsageError where the session has no servers."""
    if toolbox.house is None:
        raise UsageError("this session has no MCP servers")
    from devagent.host.mcp import house_tools  # noqa: PLC0415  (only where there are servers)

    return toolbox.house.classed(getattr(house_tools, name))


__all__ = ["Reading", "ServerPrompt", "completion_of", "mentioned", "prompts_of", "reading_of"]
