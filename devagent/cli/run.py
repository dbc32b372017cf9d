"""``devagent run``: its command line, read and checked (design, section 8)."""

import signal
from collections.abc import Sequence
from math import isfinite
from types import FrameType
from typing import Any

import click

from devagent.cli.answer_schema import AnswerSchema
from devagent.cli.one_task import Task, not_begun, run_task
from devagent.cli.output import FORMATS, OutputFormat
from devagent.cli.prompt_source import read_prompt, recipe_prompt
from devagent.cli.workspace import workspace
from devagent.core.errors import UsageError
from devagent.core.limits import Budget, Limits
from devagent.repl.approver import Unattended
from devagent.session import Options

MAX_REPLIES = 100
"""Without ``--max-turns``: no single task needs so many, and one that does can say so."""


class FiniteAbove0(click.FloatRange):
    """A number above 0; ``nan`` and ``inf`` are none, though ``float`` takes them."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is not a number above 0.", param, ctx)
        return number


@click.command()
@click.argument("prompt", required=False)
@click.option("-f", "--file", metavar="FILE", help="Read the prompt from this file.")
@click.option("--recipe", default="", metavar="NAME", help="Your organisation's prompt of that name; PROMPT is what it is about.")  # fmt: skip
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="The answer alone, one JSON result, or each event as a line of JSON.",
)
@click.option(
    "--json-schema",
    "schema_file",
    metavar="FILE",
    help="The answer must be JSON that fits; else exit 4.",
)
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
    "--resume", default="", metavar="ID", help="Go on with an earlier session (an id, or `last`)."
)
@click.option("--continue", "go_on", is_flag=True, help="Go on with the last session.")
@click.option(
    "--max-turns",
    type=click.IntRange(min=1),
    metavar="N",
    default=MAX_REPLIES,
    show_default=True,
    help="At most so many replies of the model.",
)
@click.option(
    "--max-cost",
    type=FiniteAbove0(),
    metavar="USD",
    help="At most so many dollars.",
)
@click.option(
    "--time-limit",
    type=FiniteAbove0(),
    metavar="SECONDS",
    help="At most so long, all in all.",
)
@click.option(
    "--token-limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many tokens, read and written, cached ones too.",
)
@click.option(
    "--approvals",
    multiple=True,
    metavar="FILE",
    help="A signed file of approvals, to answer what policy asks about. May be repeated.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Judge every call and carry out none: the plan, and what policy says of it.",
)
@click.option(
    "--attach",
    "attachments",
    multiple=True,
    metavar="FILE",
    help="Send this image, PDF or text with the prompt. May be repeated.",
)
@click.option("--ticket", default="", metavar="KEY", help="The ticket that this is about; else the branch's name says.")  # fmt: skip
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="Work in this folder.")
def run(
    prompt: str | None,
    file: str | None,
    recipe: str,
    output_format: OutputFormat,
    schema_file: str | None,
    model: str,
    policies: tuple[str, ...],
    extensions: tuple[str, ...],
    resume: str,
    go_on: bool,
    max_turns: int,
    max_cost: float | None,
    time_limit: float | None,
    token_limit: int | None,
    approvals: tuple[str, ...],
    dry_run: bool,
    attachments: tuple[str, ...],
    ticket: str,
    folder: str,
) -> int:
    """Do one task and leave: PROMPT, or - for standard input; piped text is joined to it.

    stdout carries the answer, stderr everything else. Nobody is asked anything: what policy would
    ask a person about is denied, and the exit code is 3.
    """
    try:
        if go_on and resume:
            raise UsageError("--continue and --resume name two sessions", hint="Give one of them.")
        # From here on there is a result whatever comes, also where the prompt is waited for.
        signal.signal(signal.SIGTERM, _interrupt)
        place = workspace(folder)
        text = recipe_prompt(recipe, prompt, file) if recipe else read_prompt(prompt, file)
        schema = AnswerSchema(schema_file) if schema_file else None
        blocks = _attached(attachments)
        asked = schema.asked(text) if schema else text
    except (Exception, KeyboardInterrupt) as error:
        if output_format == "text":
            raise
        return not_begun(output_format, error)
    task = Task(
        prompt=asked,
        output_format=output_format,
        schema=schema,
        attachments=blocks,
        options=Options(
            folder=place,
            mode="run",
            approver=Unattended(),
            model=model,
            policies=policies,
            extensions=extensions,
            resume="last" if go_on else resume,
            approvals=approvals,
            dry_run=dry_run,
            ticket=ticket,
            limits=Limits(
                max_turns=max_turns,
                run=Budget(
                    usd_micros=round(max_cost * 1e6) if max_cost is not None else None,
                    tokens=token_limit,
                    seconds=time_limit,
                ),
            ),
        ),
    )
    return run_task(task)


def _attached(paths: tuple[str, ...]) -> Sequence[dict[str, Any]]:
    if not paths:
        return ()
    from devagent.session.attachments import attached  # noqa: PLC0415  (only where there are some)

    return attached(paths)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
