"""``devagent policy diff``: which recorded calls another policy would answer otherwise."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import click

from devagent.cli.formats import formats
from devagent.cli.policy.diff_page import page
from devagent.cli.policy.diff_text import in_text
from devagent.cli.policy.recorded import ALL, HELP, METAVAR, RecordedSessions
from devagent.cli.policy.shared import first_party, policy_files, policy_in_force, read_policies
from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line
from devagent.policy import CompiledPolicy
from devagent.policy.changes import Recorded, Report
from devagent.policy.examples_recorded import examples_as_recorded
from devagent.policy.replay import replay, results_for, shadowed
from devagent.settings.day import today


@click.command()
@click.option("--replay", "sessions", metavar=METAVAR, help=f"Judge these again: {HELP}.")
@policy_files
@click.option("--from", "old", multiple=True, metavar="FILE", help="Compare two sets of files: a file of the first, the org's first.")  # fmt: skip
@click.option("--to", "new", multiple=True, metavar="FILE", help="A file of the second set.")
@click.option("--shadow", metavar=METAVAR, help="What rules in shadow mode would have changed, as recorded.")  # fmt: skip
@formats("text", "json", "html")
@click.option("--examples", metavar="N", type=click.IntRange(0, 1_000), default=3, show_default=True, help="So many calls of each kind of change.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="End with 1 where an answer changes.")
def diff(
    sessions: str | None,
    files: tuple[str, ...],
    old: tuple[str, ...],
    new: tuple[str, ...],
    shadow: str | None,
    output_format: str,
    examples: int,
    exit_code: bool,
) -> int:
    """Which recorded calls another policy would answer otherwise; nothing is run.

    With --replay alone, the recorded answers are compared with those of --policy (or of the policy in force
    here). With --from and --to, two sets of files are compared on those sessions, or without --replay on all
    of yours and on the examples in the files' rules.
    """
    _check(sessions, files, old, new, shadow)
    read: RecordedSessions | None
    if shadow is not None:
        read = RecordedSessions(shadow)
        report = shadowed(read, examples=examples)
        heading = "Rules in shadow mode"
    elif sessions is not None and not new:
        policy = read_policies(files) if files else policy_in_force().compiled
        read = RecordedSessions(sessions, results_for(policy))
        report = replay(read, policy, examples=examples)
        heading = f"Recorded answers → {_names(files) or 'the policy in force'}"
    else:
        before, after = read_policies(old), read_policies(new)
        read = RecordedSessions(sessions or ALL, results_for(before, after))
        asked: Iterable[Recorded] = read
        if sessions is None:
            asked = chain(read, _examples([before, after]))
        report = replay(asked, after, before=before, examples=examples)
        heading = f"{_names(old)} → {_names(new)}"
    _print(report, read, heading, output_format, shadow=shadow is not None)
    return 1 if exit_code and report.changed else 0


def _check(
    sessions: str | None,
    files: Sequence[str],
    old: Sequence[str],
    new: Sequence[str],
    shadow: str | None,
) -> None:
    if bool(old) != bool(new):
        raise click.UsageError("--from and --to go together: name both sets of files")
    if new and files:
        raise click.UsageError("--policy stands beside --replay alone; with --from write --to")
    if shadow is not None and (sessions is not None or files or new):
        raise click.UsageError("--shadow reads what is recorded: no other policy goes with it")
    if shadow is None and sessions is None and not new:
        raise click.UsageError("say what to compare: --replay SESSIONS, --from and --to, or --shadow SESSIONS")  # fmt: skip


def _examples(policies: Iterable[CompiledPolicy]) -> Iterable[Recorded]:
    files = [layer.file for policy in policies for layer in policy.layers]
    return examples_as_recorded(files, today=today(), known=first_party())


def _names(files: Sequence[str]) -> str:
    return " + ".join(files)


def _print(
    report: Report, read: RecordedSessions, heading: str, output_format: str, *, shadow: bool
) -> None:
    of = f"{read.count:,} session" + ("" if read.count == 1 else "s")
    if output_format == "json":
        plain: dict[str, Any] = to_plain(report)
        plain |= {"compared": heading, "sessions": read.count, "unreadable": read.unreadable}
        click.echo(canonical(plain))
        return
    title = f"{heading}: {of}"
    if output_format == "html":
        click.echo(page(report, title, shadow=shadow), nl=False)
    else:
        for line in in_text(report, title, shadow=shadow):
            click.echo(line)
    for unreadable in read.unreadable:
        click.echo(f"devagent: not read to its end: {one_line(unreadable, 400)}", err=True)
