"""Which command may be meant by a word that is none: a slip, a command of another group, another program's word."""

from collections.abc import Sequence
from difflib import get_close_matches

import click

TO_RUN = '`devagent run "…"` does one task and leaves; `devagent "…"` begins a conversation.'
TO_GO_ON = (
    "`devagent --continue` goes on with the last session, `devagent --resume` lets you choose one."
)
TO_KEY = "`devagent auth login` keeps a key; `devagent doctor` says what else is missing."
TO_EDIT = (
    "`devagent config edit` opens the configuration, `devagent config show` shows what is in force."
)
TO_SERVERS = "`devagent ext` is for the servers that devagent uses: `ext add`, `ext import FILE`, `ext list`, `ext remove`."
TO_EXTENSIONS = (
    "`devagent ext list` shows extensions and MCP servers, `devagent ext add` lets a server in."
)
TO_RELEASE = "A newer checkout's `./install.sh` puts its version in place of this one; `./install.sh --uninstall` removes it."
TO_ALLOW = "Your own rules are a file: `devagent policy edit`. `devagent policy approvals list` shows what you approved."
TO_ERASE = "`devagent session erase ID` takes content away and keeps the record, `devagent session prune` does what policy says of old ones."
NOTHING_SKIPS = (
    "Nothing switches policy off. `devagent policy explain TOOL` says why a call is asked about, "
    "`devagent policy edit` is where you allow it."
)

GROUPS = (
    "session",
    "policy",
    "ext",
    "org",
    "bundle",
    "review",
    "docs",
    "tickets",
    "auth",
    "config",
    "mcp",
    "collector",
)
"""Those of the program that have commands of their own."""

COMMANDS: dict[str, dict[str, str]] = {
    "devagent": {
        **dict.fromkeys(("ask", "exec", "print", "prompt", "task"), TO_RUN),
        **dict.fromkeys(("continue", "resume"), TO_GO_ON),
        **dict.fromkeys(("history", "log", "logs", "projects", "threads"), "`devagent session list` shows them."),
        **dict.fromkeys(("configure", "init", "key", "login", "logout", "setup", "setup-token", "whoami"), TO_KEY),
        **dict.fromkeys(("info", "status"), "`devagent doctor` checks this installation, `devagent session list` shows sessions."),
        **dict.fromkeys(("settings", "edit"), TO_EDIT),
        **dict.fromkeys(("plugin", "plugins", "skills", "tools"), TO_EXTENSIONS),
        **dict.fromkeys(("allow", "approvals", "permissions", "rules"), TO_ALLOW),
        **dict.fromkeys(("install", "self-update", "uninstall", "update", "upgrade"), TO_RELEASE),
        **dict.fromkeys(("cost", "stats"), "`devagent usage` says what was used and what it cost."),
        "recipe": "`devagent run --recipe NAME` takes a prompt of your organisation's, `devagent run -f FILE` one of yours.",
        "schedule": "`devagent run` is made for cron and systemd timers; docs/examples/crontab shows it.",
        "serve": "`devagent mcp serve` gives the extensions to any MCP client.",
        "version": "`devagent --version` prints it.",
    },
    "devagent config": {
        **dict.fromkeys(("get", "list", "set", "unset"), TO_EDIT),
    },
    "devagent ext": {
        **dict.fromkeys(("disable", "enable"), "`enabled = false` in the extension's table of config.toml: `devagent config edit`."),
        **dict.fromkeys(("get", "show"), "`devagent ext inspect NAME` shows what is on record of a server."),
        "install": TO_EXTENSIONS,
        "uninstall": "`devagent ext remove NAME` forgets a server.",
    },
    "devagent mcp": dict.fromkeys(("add", "approve", "get", "import", "list", "login", "logout", "remove"), TO_SERVERS),
    "devagent policy": {
        **dict.fromkeys(("add", "allow", "deny", "grant", "init", "new", "set"), TO_ALLOW),
        **dict.fromkeys(("list", "status"), "`devagent policy show` shows the policy in force, layer by layer."),
        "validate": "`devagent policy lint FILE` finds what is wrong in a file, `devagent policy test FILE` runs its examples.",
        "why": "`devagent policy explain --last-denial` says it of the last denial.",
    },
    "devagent session": {
        **dict.fromkeys(("clear", "delete", "remove", "rm"), TO_ERASE),
        **dict.fromkeys(("continue", "open"), "`devagent session resume ID` goes on with one."),
        "ls": "`devagent session list` shows them.",
        "cat": "`devagent session show ID` shows one.",
    },
    "devagent bundle": {
        "deploy": "`devagent bundle promote` puts a bundle up, `devagent bundle publish` brings it out.",
        "sign": "`devagent bundle approve` adds a signature to what is put up.",
    },
}  # fmt: skip

OPTIONS = {
    **dict.fromkeys(("-p", "-q", "--print", "--prompt", "--quiet"), TO_RUN),
    **dict.fromkeys(("-c", "-r", "--session"), TO_GO_ON),
    **dict.fromkeys(
        (
            "--allow-all-tools",
            "--allowedTools",
            "--allowed-tools",
            "--approval-mode",
            "--ask-for-approval",
            "--dangerously-bypass-approvals-and-sandbox",
            "--dangerously-skip-permissions",
            "--full-auto",
            "--permission-mode",
            "--yolo",
        ),
        NOTHING_SKIPS,
    ),
}


def command_meant(path: str, name: str, there: Sequence[str]) -> str:
    """What to say behind "No such command" of the group at ``path``, which has the commands ``there``; "" for nothing."""
    if said := COMMANDS.get(path, {}).get(name):
        return f"\n{said}"
    if near := get_close_matches(name, there, 1):
        return f" Did you mean {near[0]!r}?"
    groups = GROUPS if path == "devagent" else ()
    others = [f"`{path} {group} {name}`" for group in groups if name in _commands_of(group)]
    return f"\nDid you mean {', '.join(others)}?" if others else ""


def option_meant(name: str) -> str:
    """What to say behind "No such option" of ``devagent`` itself; "" for nothing."""
    if said := OPTIONS.get(name):
        return said
    from devagent.cli.chat import chat  # noqa: PLC0415  (both only where an option is none of the program's)
    from devagent.cli.run import run  # noqa: PLC0415

    takers = [
        f"`devagent {command.name}`"
        for command in (chat, run)
        if any(name in option.opts for option in command.params)
    ]
    return f"{' and '.join(takers)} take it, behind the command." if takers else ""


def _commands_of(group: str) -> Sequence[str]:
    from devagent.cli import cli  # noqa: PLC0415  (which imports what imports this)

    found = cli.get_command(click.Context(cli), group)
    return found.list_commands(click.Context(found)) if isinstance(found, click.Group) else ()
