"""The commands of the chat: a table of names. Each is a function of a module in ``commands``, loaded when it is used."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from devagent.cli.chat.shown import Shown

Command = Callable[["Shown", str], Any]
"""Takes the chat and what follows the name; an async function."""


class Slash(NamedTuple):
    """Where a command is, and its line in the help. ``idle``: it waits until nothing is under way."""

    module: str
    about: str
    usage: str = ""
    idle: bool = False


TABLE: dict[str, Slash] = {
    "help": Slash("about", "what there is, and the keys", "[COMMAND]"),
    "status": Slash("about", "who, model, policy, log"),
    "model": Slash("models", "which model; or go on with another", "[MODEL]", idle=True),
    "cost": Slash("about", "what this session used and cost"),
    "usage": Slash("cli", "what all sessions used and cost", "[--since 7d] [--by model]"),
    "context": Slash("context", "how full the model's window is"),
    "compact": Slash("context", "put the older part of the conversation in short", "[undo]", idle=True),
    "clear": Slash("context", "begin a new conversation", idle=True),
    "policy": Slash("policies", "which policy holds; try a call without running it", "[try TOOL NAME=VALUE …|show|explain …]"),
    "why": Slash("policies", "why the last call was allowed, asked about or denied", "[N calls back]"),
    "permissions": Slash("policies", "what you approved; take it back", "[revoke ID]"),
    "plan": Slash("policies", "only reading, until it is turned off", "[on|off]", idle=True),
    "ext": Slash("cli", "the extensions and their tools", "[list|…]"),
    "mcp": Slash("cli", "the MCP servers of third parties", "[inspect NAME|…]"),
    "ticket": Slash("own", "a ticket, through the gate", "KEY", idle=True),
    "docs": Slash("cli", "search the indexed documentation", "WORDS"),
    "diff": Slash("work", "what is different in the workspace from its last commit"),
    "undo": Slash("work", "take the last change back", "[list|preview [ID]|ID]", idle=True),
    "rewind": Slash("work", "as /undo list: to before an earlier call", "[ID]", idle=True),
    "expand": Slash("work", "a folded call in full (Ctrl+O: the last)", "[N calls back]"),
    "jobs": Slash("own", "commands that run in the background", idle=True),
    "todo": Slash("todo", "what is to be done: the agent's list, and what you put on it", "[add TEXT|done N|drop N]"),
    "resume": Slash("sessions", "go on with an earlier session; words find one", "[ID|WORDS|last week]", idle=True),
    "fork": Slash("sessions", "a new session that goes on from here", idle=True),
    "rename": Slash("sessions", "give this session a name", "NAME"),
    "sessions": Slash("cli", "find an earlier session", "[WORDS]"),
    "export": Slash("sessions", "write this session to a file", "[FILE]", idle=True),
    "report": Slash("sessions", "the page for reviewers, as a file", "[FILE]", idle=True),
    "good": Slash("feedback", "the last answer was good", "[NOTE]", idle=True),
    "bad": Slash("feedback", "the last answer was not, and why", "[WHY]", idle=True),
    "edit": Slash("feedback", "correct the last answer in your editor", idle=True),
    "init": Slash("own", "have the agent write AGENTS.md for this folder", idle=True),
    "doctor": Slash("cli", "check this installation"),
    "config": Slash("cli", "the configuration and where it lies", "[show|path]"),
    "theme": Slash("about", "colours for a light or a dark background", "[auto|light|dark]"),
    "quit": Slash("about", "leave (Ctrl+D)"),
}  # fmt: skip
ALIASES = {"exit": "quit", "?": "help", "new": "clear", "models": "model"}
MEANT = {
    "approvals": "permissions",
    "checkpoints": "rewind",
    "compress": "compact",
    "extensions": "ext",
    "history": "sessions",
    "info": "status",
    "policies": "policy",
    "q": "quit",
    "restore": "rewind",
    "session": "sessions",
    "settings": "config",
    "stats": "cost",
    "summarize": "compact",
    "tasks": "todo",
    "todos": "todo",
    "tools": "ext",
}
"""Other programs' words, where nothing here (a folder's own command, a recipe, a server's prompt) has that name."""


def command(name: str) -> Command:
    """The function of a command in the table."""
    module = import_module(f"devagent.cli.chat.commands.{TABLE[name].module}")
    found: Command = getattr(module, name)
    return found


def named(text: str) -> tuple[str, str]:
    """A command's name, whatever it is called by, and what follows it."""
    name, _, rest = text[1:].partition(" ")
    return ALIASES.get(name.lower(), name.lower()), rest.strip()
