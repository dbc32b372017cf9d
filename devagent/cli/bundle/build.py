"""``devagent bundle build``: the content as an archive, the same bytes for the same content."""

import os

import click

from devagent.cli.bundle.brought import check_brought
from devagent.cli.bundle.evidence import lint_and_test, unpacked
from devagent.cli.bundle.shared import BUILD, CONTENT, Workplace, in_folder
from devagent.core.errors import DevagentError, UsageError
from devagent.org import building, release


@click.command()
@in_folder
@click.option("--as", "person", required=True, metavar="PERSON", help="The author: somebody else must approve.")  # fmt: skip
@click.option(
    "--revision", metavar="N", type=click.IntRange(min=1), help="Its number [bundle.toml's]."
)
@click.option("--check", is_flag=True, help="Lint and test alone; write nothing.")
def build(folder: str, person: str, revision: int | None, *, check: bool) -> None:
    """Lint and test the content, and make build/ORG-REVISION.tar.gz of it. Prints its digest."""
    workplace = Workplace(folder)
    files = building.content_of(workplace.path(CONTENT))
    number = revision or workplace.settings.revision
    built = building.build(files, workplace.described(person, number))
    check_brought(built)
    with unpacked(built) as place:
        linted, tested = lint_and_test(place, built, lambda line: click.echo(line, err=True))
    if linted.get("error") or tested["failed"]:
        raise DevagentError(
            f"not built: {linted.get('error', 0)} errors of lint, {tested['failed']} failed tests",
            hint="Mend the content; `devagent policy explain` says why a case comes out as it does.",
        )
    told = f"{tested['passed']} tests passed, {linted.get('warning', 0)} warnings"
    if check:
        click.echo(f"{built.manifest.org} {number} would be {built.digest} ({told})")
        return
    path = workplace.path(BUILD, built.name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path) and _differs(path, built.data) and _is_signed(workplace, built):
        raise UsageError(
            f"revision {number} is signed already, with another content",
            hint="Raise `revision` in bundle.toml: what is signed is never replaced.",
        )
    with open(path, "wb") as file:
        file.write(built.data)
    click.echo(f"{built.digest}  {os.path.relpath(path)}")
    click.echo(f"  {len(files)} files, {told}", err=True)


def _differs(path: str, data: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read() != data


def _is_signed(workplace: Workplace, built: building.Built) -> bool:
    return release.highest_revision(workplace.repository) >= built.manifest.revision
