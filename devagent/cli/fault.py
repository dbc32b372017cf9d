"""A fault of devagent's own: told in one line and by its frames.

The text of an unforeseen exception is left out: it may hold anything, a secret too. Its class and where it was
raised are enough to find it.
"""

import traceback

import click

EXIT_CODE = 1


def in_a_sentence(error: BaseException) -> str:
    """What happened and where, without the exception's own text."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    # A module's name is the one text that an exception may give: what is missing is then plain.
    missing = f" of {error.name}" if isinstance(error, ImportError) and error.name else ""
    return f"a fault of devagent's own: {type(error).__name__}{missing}{where}"


def tell(error: BaseException) -> int:
    """Tell it on stderr, with the frames; the exit code."""
    click.echo(f"devagent: {in_a_sentence(error)}", err=True)
    click.echo("  Please report it with these lines:", err=True)
    click.echo("".join(traceback.format_tb(error.__traceback__)).rstrip(), err=True)
    return EXIT_CODE
