"""``devagent policy matrix``: who may use which tool, for reviewers."""

import csv
import io
import sys
from collections.abc import Iterator

import click

from devagent.cli.formats import formats
from devagent.cli.policy.matrix_page import page
from devagent.cli.policy.shared import policy_files, policy_in_force, read_policies
from devagent.cli.policy.tool_specs import tool_files, tool_specs
from devagent.core.errors import UsageError
from devagent.core.text import cells, one_line
from devagent.policy.matrix import ANYTHING, Cell, Matrix, Row, matrix
from devagent.settings.day import today

SHOWN = 3
"""Reasons of a cell that text shows; CSV and HTML show all."""


@click.command("matrix")
@policy_files
@tool_files
@click.option("--principal", "principals", multiple=True, metavar="NAME", help="user:ana, group:eng, or several names of one: user:ana+group:eng [those that the files name].")  # fmt: skip
@click.option("--resource", "resources", multiple=True, metavar="ID", help="Judge for this resource alone, as kind:name [any resource].")  # fmt: skip
@click.option("--mode", default="", metavar="MODE", help="The session's mode: chat or run [any].")
@formats("text", "csv", "html")
def matrix_command(
    files: tuple[str, ...],
    tool_files: tuple[str, ...],
    principals: tuple[str, ...],
    resources: tuple[str, ...],
    mode: str,
    output_format: str,
) -> None:
    """Who may use which tool: principals by tools, and by resources where some are named.

    allow and ask stand only where every call gets that answer, never where every call is denied; depends names
    the rules that decide. Without --policy it is the policy in force here.
    """
    compiled = read_policies(files) if files else policy_in_force().compiled
    try:
        found = matrix(
            compiled,
            tool_specs(tool_files),
            principals=principals,
            resources=resources,
            mode=mode,
            today=today(),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    if output_format == "html":
        text = page(found)
    elif output_format == "csv":
        text = in_csv(found)
    else:
        text = "\n".join(in_text(found)) + "\n"
    sys.stdout.write(text)


def in_text(found: Matrix) -> Iterator[str]:
    """A block for each principal and resource, a line for each tool."""
    width = max((cells(column.tool) for column in found.columns), default=0)
    for row in found.rows:
        yield title(row, found)
        for column, cell in zip(found.columns, row.cells, strict=True):
            may_be = f"{', '.join(cell.possible)}: " if cell.answer == "depends" else ""
            yield f"  {column.tool:{width}}  {column.tool_class:6}  {cell.answer:7}  {may_be}{_reasons(cell)}"
        yield ""
    yield f"Policy {found.policy}"


def title(row: Row, found: Matrix) -> str:
    """Whom a row is about: ``user:ana on repo:., in mode run``."""
    on = f" on {one_line(row.resource)}" if row.resource != ANYTHING else ""
    return (
        f"{one_line(row.principal)}{on}{f', in mode {one_line(found.mode)}' if found.mode else ''}"
    )


def _reasons(cell: Cell) -> str:
    if not cell.reasons:
        return "by default"
    more = len(cell.reasons) - SHOWN
    shown = "; ".join(one_line(reason.rule) for reason in cell.reasons[:SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def in_csv(found: Matrix) -> str:
    """A line for each cell, so that a spreadsheet can filter and pivot."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["principal", "resource", "mode", "tool", "class", "answer", "possible", "reasons"]
    )
    for row in found.rows:
        for column, cell in zip(found.columns, row.cells, strict=True):
            values = [
                row.principal,
                row.resource,
                found.mode,
                column.tool,
                column.tool_class,
                cell.answer,
                " ".join(cell.possible),
                "; ".join(map(str, cell.reasons)) or "by default",
            ]
            writer.writerow([_inert(value) for value in values])
    return out.getvalue()


def _inert(value: str) -> str:
    """The value as a spreadsheet shows it: never taken for a formula."""
    flat = one_line(value, 32_000)
    return f"'{flat}" if flat.startswith(("=", "+", "-", "@")) else flat
