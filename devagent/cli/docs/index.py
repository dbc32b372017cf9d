"""``devagent docs index``: bring the index up to date."""

import sys
import time

import click

from devagent.cli.docs.shared import commands, failures, surroundings
from devagent.core.errors import DevagentError
from devagent.core.text import one_line

EACH_S = 0.1
"""How often the progress line is drawn."""
FAILED = 1


@click.command()
@click.argument("names", nargs=-1, metavar="[COLLECTION]...")
@click.option("--rebuild", is_flag=True, help="Read everything anew, beside the index that holds.")
def index(names: tuple[str, ...], rebuild: bool) -> int:
    """Index what is new or changed in the collections (all, unless some are named).

    Until a run is done the index is as it was, also when the run is killed.
    """
    with failures():
        here = surroundings()
        chosen = commands().chosen(here, names)
    code = 0
    for collection in chosen:
        began = time.monotonic()
        bar = _Bar(collection.name)
        try:
            with failures():
                done = commands().index(here, collection, rebuild=rebuild, progress=bar.show)
        except DevagentError as error:
            bar.clear()
            click.echo(f"{collection.name}: {error}", err=True)
            code = FAILED
            continue
        bar.clear()
        click.echo(
            f"{collection.name}@{one_line(done.version, 80)}: {done.documents} documents, {done.chunks} chunks "
            f"({done.added} new, {done.changed} changed, {done.removed} gone, {done.unchanged} as before) "
            f"in {time.monotonic() - began:.1f} s"
        )
        for path, why in list(done.skipped.items())[:10]:
            click.echo(f"  not read: {one_line(path, 200)}: {one_line(why, 200)}", err=True)
        if len(done.skipped) > 10:
            click.echo(f"  and {len(done.skipped) - 10} more", err=True)
    return code


class _Bar:
    """One line on a terminal's stderr, drawn a few times a second; nothing elsewhere."""

    def __init__(self, name: str) -> None:
        self._name, self._drawn = name, 0.0
        self._on = sys.stderr.isatty()

    def show(self, done: int, whole: int, path: str) -> None:
        """How far it is."""
        now = time.monotonic()
        if not self._on or now - self._drawn < EACH_S:
            return
        self._drawn = now
        filled = 24 * done // max(1, whole)
        line = f"{self._name} [{'#' * filled}{'.' * (24 - filled)}] {done}/{whole} {one_line(path, 30)}"
        click.echo(f"\r\x1b[K{line}", nl=False, err=True)

    def clear(self) -> None:
        """Leave no trace of it."""
        if self._on and self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)
