"""``devagent bundle impact``: what a bundle would change, over the decisions that a fleet has recorded."""

import click

from devagent.cli.bundle.evidence import replayed_by, unpacked
from devagent.cli.bundle.shared import CONTENT, Workplace, in_folder
from devagent.org import building


@click.command()
@in_folder
@click.option("--bundle", "file", default="", metavar="FILE", help="A built archive [the content as it is].")  # fmt: skip
@click.option("--replay", "sessions", required=True, metavar="SESSIONS", help="A folder of collected sessions, an id, `last` or `all` of yours.")  # fmt: skip
@click.option("--examples", metavar="N", type=click.IntRange(0, 1_000), default=3, show_default=True, help="So many calls of each kind of change.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="End with 1 where an answer changes.")
def impact(folder: str, file: str, sessions: str, examples: int, *, exit_code: bool) -> int:
    """Judge recorded calls again by a bundle: whose answers change, and by which rule. Nothing is run."""
    workplace = Workplace(folder)
    if file:
        built = workplace.built(file)
    else:
        files = building.content_of(workplace.path(CONTENT))
        built = building.build(files, workplace.described("nobody", workplace.settings.revision))
    with unpacked(built) as place:
        report = replayed_by(place, built, sessions, click.echo, examples)
    return 1 if exit_code and report.changed else 0
