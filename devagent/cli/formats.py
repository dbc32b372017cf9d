"""The option ``--format``, the same wherever a command can print its answer in several ways."""

from collections.abc import Callable
from typing import Any

import click


def formats(*names: str) -> Callable[[Any], Any]:
    """Adds the option, given to the command as ``output_format``; the first name is the usual one."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How to print it.",
    )
