"""``devagent session export``: a session written down whole, for other programs or to be read."""

from typing import BinaryIO, Literal

import click

from devagent.audit.reader import read
from devagent.cli.session.output_file import force_option, opened, output_option
from devagent.cli.session.report import review_of
from devagent.cli.session.report_markdown import write_transcript
from devagent.cli.session.report_page import write_page
from devagent.cli.session.shared import folder_of
from devagent.cli.session.show import plain_record
from devagent.core.codec import canonical

ExportFormat = Literal["jsonl", "markdown", "html"]


@click.command()
@click.argument("name", metavar="[ID|DIR|last]", default="last")
@click.option(
    "--format",
    "export_format",
    type=click.Choice(["jsonl", "markdown", "html"]),
    default="jsonl",
    show_default=True,
    help="jsonl: a line per event, header and content; markdown and html: to be read.",
)
@output_option
@force_option
def export(name: str, export_format: ExportFormat, output: str, force: bool) -> None:
    """A session written down whole: JSON lines for other programs, Markdown or HTML to be read.

    It is a copy for reading. What can be verified is the session's folder itself.
    """
    with opened(output, force=force) as out:
        match export_format:
            case "jsonl":
                _write_lines(folder_of(name), out)
            case "markdown":
                write_transcript(review_of(name, most_text=0), out)
            case "html":
                write_page(review_of(name, most_text=0), out)


def _write_lines(folder: str, out: BinaryIO) -> None:
    records = read(folder)
    try:
        for record in records:
            out.write(canonical(plain_record(record)) + b"\n")
    finally:
        records.close()
