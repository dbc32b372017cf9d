"""``devagent bundle ring``: who gets which bundle in an environment."""

import click
from msgspec.structs import replace

from devagent.cli.bundle.shared import Workplace, in_folder, told_pending
from devagent.core.errors import UsageError
from devagent.org import release, staged_rings
from devagent.org.rollout import Ring


@click.command()
@click.argument("environment")
@click.argument("name", required=False)
@in_folder
@click.option("--as", "person", default="", metavar="PERSON", help="Who signs the change.")
@click.option(
    "--percent",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    help="Take in so many of all machines.",
)
@click.option("--allow", multiple=True, metavar="NAME", help="user:NAME or device:ID that is in it by name.")  # fmt: skip
@click.option("--everyone", is_flag=True, help="What this ring has is for all.")
@click.option("--end", is_flag=True, help="End the ring: its machines get what the others have.")
@click.option("--unshadow", is_flag=True, help="Judge nothing beside it any more.")
def ring(
    environment: str,
    name: str | None,
    folder: str,
    person: str,
    percent: float | None,
    allow: tuple[str, ...],
    *,
    everyone: bool,
    end: bool,
    unshadow: bool,
) -> None:
    """List the rings of ENVIRONMENT, or change the one that is named."""
    workplace = Workplace(folder)
    repository = workplace.repository
    rings = staged_rings.current_rings(repository, environment, "")
    if name is None:
        for one in rings.rings:
            named = f"  {' '.join(one.allow)}" if one.allow else ""
            shadow = f"  shadow {one.shadow[:12]}" if one.shadow else ""
            since = f"  since {one.since}" if one.since else ""
            click.echo(f"{one.name:12} {one.percent:5g} %  {one.bundle[:12]}{named}{shadow}{since}")
        return
    found = next((one for one in rings.rings if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in rings.rings) or "none"
        raise UsageError(
            f"there is no ring {name}", hint=f"There are {known}; `promote --ring` makes one."
        )
    if not person:
        raise UsageError("say who signs the change: --as PERSON")
    if everyone:
        changed = replace(rings, rings=(Ring(name=staged_rings.EVERYONE, percent=100, bundle=found.bundle, shadow=found.shadow),))  # fmt: skip
    elif end:
        if found.percent >= 100:
            raise UsageError(
                "the ring of everyone cannot end", hint="Promote another bundle in its place."
            )
        changed = replace(rings, rings=tuple(one for one in rings.rings if one.name != name))
    else:
        new = replace(
            found,
            percent=found.percent if percent is None else percent,
            allow=tuple(dict.fromkeys([*found.allow, *allow])),
            shadow="" if unshadow else found.shadow,
        )
        changed = staged_rings.with_ring(rings, new)
    signer = workplace.signers(person, f"env-{environment}")[0]
    role = release.set_rings(repository, changed, signer=signer)
    click.echo(f"{role}: ring {name} changed by {person}")
    told_pending(workplace, lambda line: click.echo(line, err=True))
