"""``devagent policy lint``: slips, dead rules and traps in policy files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import click

from devagent import __version__
from devagent.cli.formats import formats
from devagent.cli.policy.shared import files_in_force, read_policy
from devagent.cli.policy.tool_specs import tool_files, tool_specs
from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line, visible
from devagent.policy.lint import SEVERITIES, Finding, lint
from devagent.policy.lint.sarif import sarif
from devagent.settings.day import today


@click.command("lint")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@formats("text", "json", "sarif")
@tool_files
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.pass_context
def lint_command(
    context: click.Context,
    files: tuple[str, ...],
    output_format: Literal["text", "json", "sarif"],
    tool_files: tuple[str, ...],
    *,
    strict: bool,
) -> None:
    """Find slips, dead rules and traps in policy files; without FILE, in those in force here.

    Exit code 1 where there are errors.
    """
    org = None
    if not files:
        files = files_in_force()
        org = files[0]
    sources = [(file, read_policy(file)) for file in dict.fromkeys(files)]
    findings = lint(sources, tool_specs(tool_files), today(), org=org)
    if output_format == "sarif":
        click.echo(canonical(sarif(findings, __version__)))
    elif output_format == "json":
        click.echo(canonical({"version": 1, "findings": to_plain(findings), "counts": _counts(findings)}))  # fmt: skip
    else:
        for line in in_text(findings):
            click.echo(visible(line))
        click.echo(_summary(findings, len(sources)), err=True)
    failing = ("error", "warning") if strict else ("error",)
    if any(finding.severity in failing for finding in findings):
        context.exit(1)


def in_text(findings: Sequence[Finding]) -> Iterator[str]:
    """Each finding with its place, and below it what to do."""
    for one in findings:
        place = f"{one.file}:{one.line}:{one.column}"
        yield f"{one_line(place, 400)}: {one.severity}: {one_line(one.message, 600)} [{one.code}]"
        if one.suggestion:
            yield f"    {one_line(one.suggestion, 600)}"


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counted = Counter(finding.severity for finding in findings)
    return {severity: counted[severity] for severity in SEVERITIES}


def _summary(findings: Sequence[Finding], files: int) -> str:
    looked_at = f"{files} file{'' if files == 1 else 's'}"
    counts = [f"{n} {s}{'' if n == 1 else 's'}" for s, n in _counts(findings).items() if n]
    return f"{looked_at}: {', '.join(counts) or 'nothing to find fault with'}."
