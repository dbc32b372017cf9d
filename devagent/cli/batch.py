"""``devagent batch``: many prompts through the service's message batches, at half the price, within a day."""

import os

import click

from devagent.cli.asynchronous import run_until_done
from devagent.cli.run import FiniteAbove0
from devagent.core.errors import UsageError
from devagent.core.limits import Budget, Limits
from devagent.core.text import one_line
from devagent.repl.approver import Unattended
from devagent.session import Options

MOST_BYTES = 200_000_000


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("-o", "--output", default="", metavar="FILE", help="Where the answers go; without it FILE.results.jsonl.")  # fmt: skip
@click.option("--model", default="", metavar="MODEL", help="A model of the Messages API.")
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="A further policy file; it can only narrow. May be repeated.")  # fmt: skip
@click.option("--max-cost", type=FiniteAbove0(), metavar="USD", help="Send nothing where the prompts alone cost more.")  # fmt: skip
@click.option("--token-limit", type=click.IntRange(min=1), metavar="N", help="Send nothing where the prompts alone have more.")  # fmt: skip
@click.option("--time-limit", type=FiniteAbove0(), metavar="SECONDS", help="Wait no longer; the same command goes on.")  # fmt: skip
def batch(
    file: str,
    output: str,
    model: str,
    policies: tuple[str, ...],
    max_cost: float | None,
    token_limit: int | None,
    time_limit: float | None,
) -> int:
    """Have the prompts of FILE answered as one batch.

    FILE has a line of JSON for each: {"custom_id": "a", "prompt": "…"}, and "system" where wanted. The same command
    goes on where it was left, and never sends twice. No tools are offered.
    """
    from devagent.session.batch_files import read_prompts  # noqa: PLC0415  (network code: for this alone)
    from devagent.session.batching import run_batch  # noqa: PLC0415

    try:
        with open(file, "rb") as source:
            data = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    budget = Budget(
        usd_micros=None if max_cost is None else int(max_cost * 1e6), tokens=token_limit
    )
    options = Options(
        folder=os.getcwd(),
        mode="run",
        approver=Unattended(),
        model=model,
        policies=policies,
        limits=Limits(run=budget),
    )
    output = output or f"{file}.results.jsonl"
    work = run_batch(options, read_prompts(data), output, _tell, time_limit=time_limit)
    done = run_until_done(work)
    cost = "at a price that is not known" if done.unpriced else f"${done.usd_micros / 1e6:.4f}"
    failed = f", {done.failed} without an answer" if done.failed else ""
    click.echo(f"{output}: {done.prompts} prompts{failed}, {cost}")
    return 1 if done.failed else 0


def _tell(text: str) -> None:
    click.echo(one_line(text, 400), err=True)
