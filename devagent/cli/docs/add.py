"""``devagent docs add``: look at a folder, a file, an archive or a package; print what to write in the config."""

import click

from devagent.cli.docs.shared import commands, failures, surroundings
from devagent.core.errors import UsageError
from devagent.settings.config import load_config
from devagent.settings.places import places


@click.command()
@click.argument("name")
@click.argument("place", metavar="PATH|PACKAGE")
@click.option("--package", is_flag=True, help="It is an installed package: take its docstrings.")
@click.option("--version", default="", metavar="V", help="Else it is found out.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take these paths only.")
def add(name: str, place: str, package: bool, version: str, include: tuple[str, ...]) -> None:
    """Look at what a collection NAME would hold, and print its lines for config.toml.

    The config stays yours alone to write: devagent docs add NAME PATH >> config.toml
    """
    file = places().config
    known = load_config(file).extensions.get("docs", {}).get("collections", {})
    if name in known:
        raise UsageError(f"{file} has a collection {name!r} already")
    with failures():
        found = commands().plan(
            surroundings(required=False),
            name,
            place,
            package=package,
            version=version,
            include=include,
        )
    formats = ", ".join(f"{count} {kind}" for kind, count in sorted(found.formats.items()))
    click.echo(f"{name}@{found.version or '?'}: {formats}", err=True)
    click.echo(f"Add these lines to {file}, then run `devagent docs index {name}`:", err=True)
    click.echo(f"\n{found.toml}")
