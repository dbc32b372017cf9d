"""``devagent session export``: a session written down whole, or sessions handed on to what an organisation runs."""

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
from devagent.core.errors import UsageError

ExportFormat = Literal["jsonl", "markdown", "html"]
Kind = Literal["parquet", "delta", "ocsf", "otlp", "mlflow"]


KINDS = ("parquet", "delta", "ocsf", "otlp", "mlflow")


@click.command()
@click.argument("name", metavar="[ID|DIR|last]", default="")
@click.option(
    "--format",
    "export_format",
    type=click.Choice(["jsonl", "markdown", "html"]),
    default=None,
    help="jsonl (the usual): a line per event, header and content; markdown and html: to be read.",
)
@output_option
@force_option
@click.option("--to", type=click.Choice(KINDS), default=None, help="Hand what is new on: tables and files to the folder --output, the others to --endpoint.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="With --to: all sessions.")
@click.option("--since", default="", metavar="WHEN", help="With --to: those that changed since a date, `today`, or so long ago: 12h, 7d.")  # fmt: skip
@click.option("--endpoint", default="", metavar="URL", help="The server of otlp or mlflow.")
@click.option("--header", "headers", multiple=True, metavar="NAME=HANDLE", help="A header by where its secret is: 'Authorization=Bearer env:NAME' or keyring:NAME.")  # fmt: skip
@click.option("--experiment", default="", metavar="NAME", help="MLflow's experiment (devagent).")
@click.option("--team", default="", metavar="GLOB", help="Which of a person's groups is the team: the first that this matches.")  # fmt: skip
@click.option("--content", is_flag=True, help="With --to: prompts, arguments and results too, as far as they are on record and not sealed.")  # fmt: skip
@click.option("--again", is_flag=True, help="With --to: everything anew, to a target that is empty.")  # fmt: skip
def export(
    name: str,
    export_format: ExportFormat | None,
    output: str,
    force: bool,
    to: Kind | None,
    every: bool,
    since: str,
    endpoint: str,
    headers: tuple[str, ...],
    experiment: str,
    team: str,
    content: bool,
    again: bool,
) -> None:
    """A session written down whole: JSON lines for other programs, Markdown or HTML to be read.

    With --to: what is new of a session, of all (--all) or of those that changed (--since), to Parquet or Delta
    tables, OCSF files, an OpenTelemetry endpoint or MLflow. Each event goes there once, however often this is run
    and wherever it is cut off; exit code 1 where something did not go, or does not verify.

    It is a copy for reading. What can be verified is the session's folder itself.
    """
    if to is None:
        if every or since or endpoint or headers or experiment or team or content or again:
            raise UsageError("That needs a target.", hint=f"--to {'|'.join(KINDS)}")
        _write_down(name or "last", export_format or "jsonl", output, force)
        return
    from devagent.cli.session.export_to import Options, export_to  # noqa: PLC0415  (for this alone)

    if export_format or force:
        raise UsageError("--format and --force mean nothing with --to.")
    if name and (every or since):
        raise UsageError("Name a session, or give --all or --since.")
    export_to(
        Options(
            to,
            name if every or since else name or "last",
            since=since,
            folder="" if output == "-" else output,
            endpoint=endpoint,
            headers=headers,
            experiment=experiment,
            team=team or "*",
            content=content,
            again=again,
        )
    )


def _write_down(name: str, export_format: ExportFormat, output: str, force: bool) -> None:
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
