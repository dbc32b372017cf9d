"""``devagent bundle status``: who runs what, by the logs that a fleet has collected."""

import os
import time
from collections import Counter
from collections.abc import Iterator

import click

from devagent.audit.fleet import Machine, fleet
from devagent.cli.bundle.shared import Workplace, in_folder
from devagent.cli.formats import formats
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import UsageError
from devagent.core.text import one_line
from devagent.org import release
from devagent.org.times import days

MOST = 20
SILENT_DAYS = 7


@click.command()
@click.argument("logs", nargs=-1, required=True)
@in_folder
@click.option(
    "--all", "everything", is_flag=True, help=f"Name every machine that is not well [{MOST}]."
)
@formats("text", "json")
def status(logs: tuple[str, ...], folder: str, output_format: str, *, everything: bool) -> None:
    """By the collected sessions in the folders LOGS: which machine runs which revision, which are stale, locked or refuse
    what they are offered; ring by ring."""
    workplace = Workplace(folder)
    for one in logs:
        if not os.path.isdir(one):
            raise UsageError(f"there is no folder {one}")
    machines = list(fleet(logs))
    if output_format == "json":
        click.echo(canonical({"version": 1, "machines": to_plain(machines)}))
        return
    for line in _told(workplace, machines, None if everything else MOST):
        click.echo(line)


def _told(workplace: Workplace, machines: list[Machine], most: int | None) -> Iterator[str]:
    newest = release.highest_revision(workplace.repository)
    many = f"{len(machines)} machine{'' if len(machines) == 1 else 's'}"
    yield f"{many}; the newest revision is {newest}"
    groups = Counter((m.environment, m.ring, m.revision, m.state) for m in machines)
    for (environment, ring, revision, state), count in sorted(groups.items()):
        where = f"{environment}, ring {ring}" if ring else environment or "never had a bundle"
        yield f"  {where}: {count} on revision {revision or 'none'}, {state}"
    now = time.time()
    silent = sum(now - one.at > SILENT_DAYS * 86_400 for one in machines)
    if silent:
        yield f"  not heard of for {SILENT_DAYS} days or more: {silent}"
    unwell = [one for one in machines if one.state != "fresh" or one.refused]
    for one in unwell[:most]:
        ago = days(now - one.at)
        what = f", refuses ({one.refused})" if one.refused else ""
        why = f": {one_line(one.why, 200)}" if one.why else ""
        yield f"  {one.name}: {one.state}{what}, heard of {ago} ago{why}"
    if most is not None and len(unwell) > most:
        yield f"  and {len(unwell) - most} more: --all names them"
