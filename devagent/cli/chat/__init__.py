"""``devagent chat``: a conversation in the terminal."""

import os
import sys

import click

from devagent.cli.asynchronous import run_until_done
from devagent.cli.chat.asked import Asked
from devagent.cli.passphrase import asked_beforehand
from devagent.cli.workspace import workspace
from devagent.core.errors import UsageError
from devagent.models.catalogue import REHEARSAL
from devagent.repl.capabilities import capabilities
from devagent.settings.config import load_config
from devagent.settings.places import places

PICK = "?"
"""What ``--resume`` without an id stands for."""


@click.command()
@click.argument("prompt", default="")
@click.option("--model", default="", metavar="MODEL", help="A model's id; or rehearsal:FILE, a script in its place.")  # fmt: skip
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="FILE",
    help="A further policy file; it can only narrow. May be repeated.",
)
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    metavar="NAME",
    help="Only this extension. May be repeated.",
)
@click.option(
    "--resume",
    is_flag=False,
    flag_value=PICK,
    default="",
    metavar="[ID]",
    help="Go on with an earlier session: an id, a name, `last`; without one, choose.",
)
@click.option("--continue", "go_on", is_flag=True, help="Go on with the last session.")
@click.option("--ticket", default="", metavar="KEY", help="The ticket that this is about; else the branch's name says.")  # fmt: skip
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="Work in this folder.")
@click.option("--plain", is_flag=True, help="Only lines, one after the other; no colours, nothing that moves.")  # fmt: skip
@click.option("--screen-reader", is_flag=True, help="As --plain, worded for being read aloud.")
def chat(
    prompt: str = "",
    model: str = "",
    policies: tuple[str, ...] = (),
    extensions: tuple[str, ...] = (),
    resume: str = "",
    go_on: bool = False,
    ticket: str = "",
    folder: str = ".",
    plain: bool = False,
    screen_reader: bool = False,
) -> int:
    """Talk with the agent in this folder; with PROMPT, beginning with that.

    `/help` in it lists its commands, Ctrl+C twice leaves.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("chat needs a terminal", hint='In scripts say `devagent run "…"`.')
    if go_on and resume:
        raise UsageError("--continue and --resume name two sessions", hint="Give one of them.")
    place = workspace(folder)
    if resume == PICK:
        from devagent.cli.session.choosing import chosen  # noqa: PLC0415  (only to choose)

        resume = chosen()
    asked = Asked(
        folder=place,
        model=model,
        policies=policies,
        extensions=extensions,
        resume="last" if go_on else resume,
        ticket=ticket,
        prompt=prompt.strip(),
        passphrase=None if model.startswith(REHEARSAL) else asked_beforehand(),
    )
    terminal = load_config(places().config).terminal
    able = capabilities(
        os.environ,
        plain=plain or terminal.plain,
        reader=screen_reader or terminal.screen_reader,
        theme=terminal.theme,
        encoding=sys.stdout.encoding,
    )
    # prompt-toolkit takes 140 ms, and only a conversation needs it.
    from devagent.cli.chat.screen import talk  # noqa: PLC0415

    return run_until_done(talk(asked, able, terminal))
