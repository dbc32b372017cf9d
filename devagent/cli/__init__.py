"""Floor 6: the commands, each in a module of its name."""

from collections.abc import Mapping
from typing import Any

import click

from devagent import __version__
from devagent.cli.lazy import Entry, LazyGroup

WORK = "Work"
RECORD = "The record"
POLICY = "Policy"
TOOLS = "Tools and models"
INSTALLATION = "This installation"

COMMANDS: dict[str, Entry] = {
    "chat": Entry("devagent.cli.chat", "chat", "Talk with the agent in this folder (the default).", WORK),
    "run": Entry("devagent.cli.run", "run", "Do one task and leave; for scripts and CI.", WORK),
    "batch": Entry("devagent.cli.batch", "batch", "Have many prompts answered at half the price.", WORK),
    "sql": Entry("devagent.cli.sql", "sql", "Ask a database a question, step by step.", WORK),
    "undo": Entry("devagent.cli.undo", "undo", "Put files back as they were before a call.", WORK),
    "session": Entry("devagent.cli.session", "session", "Find, read, verify and continue sessions.", RECORD),
    "review": Entry("devagent.cli.review", "review", "Go through flagged sessions, and mark them.", RECORD),
    "usage": Entry("devagent.cli.usage", "usage", "What sessions used and cost, and by what.", RECORD),
    "policy": Entry("devagent.cli.policy", "policy", "Ask what policy says, and why; test and compare it.", POLICY),
    "org": Entry("devagent.cli.org", "org", "Belong to an organisation, and follow its policy.", POLICY),
    "bundle": Entry("devagent.cli.bundle", "bundle", "Make, approve and roll out an organisation's policy.", POLICY),
    "collector": Entry("devagent.cli.collector", "collector", "Keep the checkpoints of a team's devices.", POLICY),
    "ext": Entry("devagent.cli.ext", "ext", "See extensions, and let MCP servers in.", TOOLS),
    "mcp": Entry("devagent.cli.mcp", "mcp", "Serve the extensions to any MCP client.", TOOLS),
    "docs": Entry("devagent.cli.docs", "docs", "Index documentation, and search it.", TOOLS),
    "tickets": Entry("devagent.cli.tickets", "tickets", "See trackers; take local tickets in and out.", TOOLS),
    "models": Entry("devagent.cli.models", "models", "List the models that you may use.", TOOLS),
    "auth": Entry("devagent.cli.auth", "auth", "Keep the model service's key, never in the open.", INSTALLATION),
    "config": Entry("devagent.cli.config", "config", "Show and edit the configuration; say where it lies.", INSTALLATION),
    "doctor": Entry("devagent.cli.doctor", "doctor", "Check this installation and say what is missing.", INSTALLATION),
    "demo": Entry("devagent.cli.demo", "demo", "Watch a governed session on a sample company.", INSTALLATION),
    "completion": Entry("devagent.cli.completion", "completion", "Print the completion script for your shell.", INSTALLATION),
    "help": Entry("devagent.cli.helping", "help_of", "Say what a command takes.", INSTALLATION),
}  # fmt: skip


WAYS_IN = (
    ("devagent", "talk with it in this folder"),
    ('devagent "Why does CI fail?"', "the same, beginning with that"),
    ('devagent run "Review my change"', "one answer, for scripts and CI"),
    ("devagent demo", "see it at work: no key, no account"),
)


class Program(LazyGroup):
    """``devagent`` itself: several words in one argument are what the chat begins with."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from devagent.cli.signposts import option_meant  # noqa: PLC0415  (for a slip only)

            if meant := option_meant(error.option_name):
                ctx.fail(f"{error.format_message()}\n{meant}")
            raise

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_dl(WAYS_IN, col_max=min(34, formatter.width // 2))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and len(args[0].split()) > 1:
            ctx.meta[SENTENCE] = True
            args = ["chat", *_said_again(ctx.params), "--", *args]
        return super().resolve_command(ctx, args)


SENTENCE = "devagent.cli.sentence"


def _said_again(chosen: Mapping[str, Any]) -> list[str]:
    """The options that stood before the sentence, as the chat takes them."""
    words = [f"--{name}={chosen[name]}" for name in ("resume", "model") if chosen[name]]
    flags = {"go_on": "--continue", "plain": "--plain", "screen_reader": "--screen-reader"}
    return words + [flag for name, flag in flags.items() if chosen[name]]


@click.group(
    cls=Program,
    table=COMMANDS,
    invoke_without_command=True,
    subcommand_metavar='["PROMPT" | COMMAND ...]',
    epilog="Exit codes: 0 done · 1 failed · 2 wrong usage · 3 stopped by policy · 4 answer does not fit the schema · "
    "5 a limit · 6 the model service failed · 78 policy or config invalid or missing · 130 interrupted.",
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
    """The developer agent that acts only as far as policy permits, and proves what it did."""
    if ctx.invoked_subcommand is None:
        from devagent.cli.chat import chat  # noqa: PLC0415  (as in the table: imported when it is run)

        ctx.exit(ctx.invoke(chat, **chosen))
    if any(chosen.values()) and SENTENCE not in ctx.meta:
        raise click.UsageError(
            f"options of a command go behind it: devagent {ctx.invoked_subcommand} --…"
        )
