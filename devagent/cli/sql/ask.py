"""``devagent sql ask``: a question, one governed query, an answer, in an ordinary session."""

import time

import click

from devagent.cli.one_task import Task, run_task, take_turn
from devagent.cli.output import FORMATS, Output, OutputFormat
from devagent.cli.result import Result
from devagent.cli.run import FiniteAbove0
from devagent.cli.sql.steps import Seen, Step, first_prompt, next_step
from devagent.cli.workspace import workspace
from devagent.core.limits import Budget, Limits
from devagent.repl.approver import Unattended
from devagent.session import Options, Session

MAX_REPLIES = 40


@click.command()
@click.argument("question")
@click.option(
    "--source", required=True, metavar="NAME", help="The database, as sql.sources names it."
)
@click.option("--output-format", type=click.Choice(FORMATS), default="text", show_default=True, help="The answer alone, one JSON result, or each event as a line of JSON.")  # fmt: skip
@click.option("--model", default="", metavar="MODEL", help="A model's id; or rehearsal:FILE, a script in its place.")  # fmt: skip
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="A further policy file; it can only narrow. May be repeated.")  # fmt: skip
@click.option("--approvals", multiple=True, metavar="FILE", help="A signed file of approvals, to answer what policy asks about. May be repeated.")  # fmt: skip
@click.option("--max-cost", type=FiniteAbove0(), metavar="USD", help="At most so many dollars.")
@click.option("--time-limit", type=FiniteAbove0(), metavar="SECONDS", help="At most so long, all in all.")  # fmt: skip
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="Work in this folder.")
def ask(
    question: str,
    source: str,
    output_format: OutputFormat,
    model: str,
    policies: tuple[str, ...],
    approvals: tuple[str, ...],
    max_cost: float | None,
    time_limit: float | None,
    folder: str,
) -> int:
    """Answer QUESTION from one database, step by step: schema, draft, check by parser, policy and plan, run, at
    most one repair, answer.

    Each step is a turn of a logged session. Nobody is asked anything: what policy would ask a person about is
    denied. stdout carries the answer, stderr the steps and their times.
    """
    seconds = Budget(
        usd_micros=round(max_cost * 1e6) if max_cost is not None else None, seconds=time_limit
    )
    task = Task(
        prompt=first_prompt(question, source),
        output_format=output_format,
        schema=None,
        options=Options(
            folder=workspace(folder),
            mode="run",
            approver=Unattended(),
            model=model,
            policies=policies,
            extensions=("sql",),
            approvals=approvals,
            limits=Limits(max_turns=MAX_REPLIES, run=seconds),
        ),
    )
    return run_task(task, walk)


async def walk(session: Session, task: Task, result: Result, output: Output) -> None:
    """All steps, until one ends the session."""
    step: Step = "link"
    prompt, repaired, of_the_house = task.prompt, False, False
    while True:
        began, seen = time.monotonic(), Seen()
        await take_turn(session, prompt, result, output, of_the_house=of_the_house, also=seen.apply)
        if output.is_text:
            click.echo(f"{step}: {_outcome(seen)} in {time.monotonic() - began:.1f} s", err=True)
        repaired |= step == "repair"
        following = next_step(step, seen, repaired=repaired)
        if following is None or result.stop != "done":
            break
        (step, prompt), of_the_house = following, True


def _outcome(seen: Seen) -> str:
    if seen.refused:
        return "refused by policy"
    return f"error {seen.error}" if seen.error else "done"
