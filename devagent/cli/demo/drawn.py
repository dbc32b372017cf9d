"""The demo's lines on a terminal: broken between words, and with the colour of what was answered."""

import os
import shutil
import sys
from textwrap import wrap

import click

from devagent.repl.capabilities import capabilities
from devagent.repl.words import Signs

LEAST = 40


def drawn(text: str, signs: Signs, columns: int, *, coloured: bool) -> str:
    """The lines of the text, each in rows of at most so many columns that go on below where its words began."""
    colours = {signs.yes: "green", signs.no: "red", "?": "yellow", signs.prompt: "cyan"}
    rows: list[str] = []
    for line in text.split("\n"):
        words = line.lstrip(" ")
        indent = " " * (len(line) - len(words))
        sign, space, _ = words.partition(" ")
        below = indent + ("  " if space and len(sign) == 1 else "")
        found = wrap(
            words,
            max(columns, LEAST),
            initial_indent=indent,
            subsequent_indent=below,
            break_long_words=False,
            break_on_hyphens=False,
        )
        colour = colours.get(sign) if coloured else None
        rows += [click.style(row, fg=colour) for row in found] if colour else found or [""]
    return "\n".join(rows)


def say(text: str, signs: Signs) -> None:
    """Print it; as it is where nobody looks."""
    if sys.stdout.isatty():
        able = capabilities(os.environ, encoding=sys.stdout.encoding)
        columns = shutil.get_terminal_size().columns - 1
        text = drawn(text, signs, columns, coloured=bool(able.colours))
    click.echo(text)
