"""Floor 6: the commands. ``COMMANDS`` is the one place with deferred imports: a name, a module, a line.

``--help`` prints from this table alone, so that it imports no command.
"""

import importlib
from typing import NamedTuple

import click

from devagent import __version__


class Entry(NamedTuple):
    module: str
    attribute: str
    help: str


COMMANDS: dict[str, Entry] = {
    "chat": Entry("devagent.cli.chat", "chat", "Talk with the agent in this folder (the default)."),
    "run": Entry("devagent.cli.run", "run", "Do one task and leave; for scripts and CI."),
    "demo": Entry("devagent.cli.demo", "demo", "Watch a governed session on a sample company."),
    "session": Entry("devagent.cli.session", "session", "List, show and verify session logs."),
    "policy": Entry("devagent.cli.policy", "policy", "Ask what policy says, and why."),
    "auth": Entry("devagent.cli.auth", "auth", "Keep the model service's key in the keyring."),
    "config": Entry("devagent.cli.config", "config", "Show the configuration and where it lies."),
    "doctor": Entry(
        "devagent.cli.doctor", "doctor", "Check this installation and say what is missing."
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", message="devagent %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The developer agent that acts only as far as policy permits, and proves what it did.

    Exit codes: 0 done · 1 failed · 2 wrong usage · 3 stopped by policy · 4 answer does not fit the
    schema · 5 a limit · 6 the model service failed · 78 policy or config invalid or missing ·
    130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        from devagent.cli.chat import chat  # noqa: PLC0415  (as in the table: imported when it is run)

        ctx.exit(ctx.invoke(chat))
