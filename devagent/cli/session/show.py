"""``devagent session show``: what happened, event by event, each with its number."""

import sys
from typing import Any

import click

from devagent.audit.reader import Record, Unknown, read
from devagent.cli.session.shared import Format, folder_of, format_option, write
from devagent.core.codec import canonical
from devagent.core.text import one_line
from devagent.repl.render import render
from devagent.repl.words import signs_for


@click.command()
@click.argument("name", metavar="[ID|last]", default="last")
@format_option
@click.option("--full", is_flag=True, help="Arguments and results whole, not their first line.")
@click.option(
    "--numbers/--no-numbers",
    default=True,
    show_default=True,
    help="Each event with its number, as `policy explain --event` and `session fork --at` take it.",
)
def show(name: str, output_format: Format, full: bool, numbers: bool) -> None:
    """What happened, event by event, with the words in which it was shown.

    With --format json: one line per event, its header's fields and its content in "content".
    """
    records = read(folder_of(name))
    signs = signs_for(sys.stdout.encoding)
    try:
        for record in records:
            if output_format == "json":
                write(canonical(plain_record(record)).decode())
            elif (
                text := _unknown(record.event)
                if isinstance(record.event, Unknown)
                else render(record.event, signs, full=full)
            ):
                write(_numbered(record.seq, text) if numbers else text)
    finally:
        records.close()


def _numbered(seq: int, text: str) -> str:
    return f"{seq:>6}  " + text.replace("\n", "\n        ")


def plain_record(record: Record) -> dict[str, Any]:
    """A record as one object: its header's fields, and its content in ``content``."""
    if record.content == "none":
        return record.header
    if record.content == "open":
        return {**record.header, "content": record.body}
    return {**record.header, "content_is": record.content}


def _unknown(event: Unknown) -> str:
    why = (
        "of a later version"
        if event.content in ("none", "open")
        else f"its content is {event.content}"
    )
    return one_line(f"{event.type} ({why})")
