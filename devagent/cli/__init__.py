"""Floor 6: the commands, each in a module of its name."""

from typing import Any

import click

from devagent import __version__
from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "chat": Entry("devagent.cli.chat", "chat", "Talk with the agent in this folder (the default)."),
    "run": Entry("devagent.cli.run", "run", "Do one task and leave; for scripts and CI."),
    "batch": Entry("devagent.cli.batch", "batch", "Have many prompts answered at half the price."),
    "demo": Entry("devagent.cli.demo", "demo", "Watch a governed session on a sample company."),
    "session": Entry(
        "devagent.cli.session", "session", "Find, read, verify and continue sessions."
    ),
    "review": Entry(
        "devagent.cli.review", "review", "Go through sessions that are flagged, and mark them."
    ),
    "policy": Entry("devagent.cli.policy", "policy", "Ask what policy says, and why."),
    "undo": Entry("devagent.cli.undo", "undo", "Put files back as they were before a call."),
    "usage": Entry("devagent.cli.usage", "usage", "What sessions used and cost, and by what."),
    "ext": Entry("devagent.cli.ext", "ext", "See extensions, and let MCP servers in."),
    "mcp": Entry("devagent.cli.mcp", "mcp", "Serve the extensions to any MCP client."),
    "bundle": Entry(
        "devagent.cli.bundle", "bundle", "Make, approve and roll out an organisation's policy."
    ),
    "org": Entry("devagent.cli.org", "org", "Belong to an organisation, and follow its policy."),
    "collector": Entry(
        "devagent.cli.collector", "collector", "Keep the checkpoints of a team's devices."
    ),
    "models": Entry("devagent.cli.models", "models", "List the models that you may use."),
    "docs": Entry("devagent.cli.docs", "docs", "Index documentation, and search it."),
    "tickets": Entry("devagent.cli.tickets", "tickets", "See trackers; local tickets in and out."),
    "sql": Entry("devagent.cli.sql", "sql", "Ask databases, step by step."),
    "auth": Entry("devagent.cli.auth", "auth", "Keep the model service's key, never in the open."),
    "config": Entry("devagent.cli.config", "config", "Show the configuration and where it lies."),
    "completion": Entry(
        "devagent.cli.completion", "completion", "Print the completion script for your shell."
    ),
    "doctor": Entry(
        "devagent.cli.doctor", "doctor", "Check this installation and say what is missing."
    ),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", message="devagent %(version)s")
@click.option("--resume", is_flag=False, flag_value="?", default="", metavar="[ID]", help="Chat: go on with a session; without an id, choose.")  # fmt: skip
@click.option("--continue", "go_on", is_flag=True, help="Chat: go on with the last session.")
@click.option("--model", default="", metavar="MODEL", help="Chat: with this model.")
@click.option("--plain", is_flag=True, help="Chat: only lines, one after the other.")
@click.option("--screen-reader", is_flag=True, help="Chat: worded for being read aloud.")
@click.pass_context
def cli(ctx: click.Context, **chosen: Any) -> None:
    """The developer agent that acts only as far as policy permits, and proves what it did.

    Exit codes: 0 done · 1 failed · 2 wrong usage · 3 stopped by policy · 4 answer does not fit the
    schema · 5 a limit · 6 the model service failed · 78 policy or config invalid or missing ·
    130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        from devagent.cli.chat import chat  # noqa: PLC0415  (as in the table: imported when it is run)

        ctx.exit(ctx.invoke(chat, **chosen))
    if any(chosen.values()):
        raise click.UsageError(
            f"options of a command go behind it: devagent {ctx.invoked_subcommand} --…"
        )
