"""``devagent bundle promote``: a bundle put up for an environment, with what lint, tests and replay found of it."""

import click

from devagent.cli.bundle.evidence import evidence
from devagent.cli.bundle.shared import Workplace, in_folder, signing_as, told_pending
from devagent.core.errors import DevagentError, UsageError
from devagent.org import building, release
from devagent.org.rollout import Ring
from devagent.org.times import moment

LAST_NEEDS_REPLAY = "the last environment takes nothing that was not replayed"


@click.command()
@click.argument("environment")
@in_folder
@signing_as
@click.option("--bundle", "file", default="", metavar="FILE", help="The archive [that of bundle.toml's revision].")  # fmt: skip
@click.option("--ring", "ring", default="", metavar="NAME", help="For this ring alone.")
@click.option("--percent", metavar="PERCENT", type=click.FloatRange(0, 100), default=0.0, help="How many of all machines the ring takes in.")  # fmt: skip
@click.option("--allow", multiple=True, metavar="NAME", help="user:NAME or device:ID that is in the ring by name. May be repeated.")  # fmt: skip
@click.option("--since", default="", metavar="TIME", help="Holds from then on: 2026-12-01T06:00:00Z.")  # fmt: skip
@click.option("--shadow", is_flag=True, help="Judged and logged beside what holds, and not enforced.")  # fmt: skip
@click.option("--replay", "sessions", default="", metavar="SESSIONS", help="Recorded sessions to judge again.")  # fmt: skip
@click.option("--changes", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="So many changed answers you have looked at, and want.")  # fmt: skip
@click.option(
    "--ticket",
    metavar="KEY",
    default="",
    help="The ticket that says why; it stands in the approval.",
)
def promote(
    environment: str,
    folder: str,
    person: str,
    file: str,
    ring: str,
    percent: float,
    allow: tuple[str, ...],
    since: str,
    sessions: str,
    changes: int,
    ticket: str,
    *,
    shadow: bool,
) -> None:
    """Put a bundle up for ENVIRONMENT and sign it. The digest is the one that the environment before has.

    The last environment wants a replay: recorded calls, judged again. Where more (or fewer) answers change than --changes
    says, nothing is signed.
    """
    _check_ring(ring, since, narrowed=bool(percent or allow or since), shadow=shadow)
    workplace = Workplace(folder)
    built = workplace.built(file)
    _after_the_one_before(workplace, environment, built)
    found = evidence(built, sessions, lambda line: click.echo(line, err=True))
    if found.lint.get("error") or found.tests.get("failed"):
        raise DevagentError("not promoted: lint or tests fail")
    order = workplace.settings.order
    if environment == order[-1] and not sessions:
        raise UsageError(
            LAST_NEEDS_REPLAY, hint="Name recorded sessions: --replay FOLDER (or `all` of yours)."
        )
    changed = found.replay.get("changed", 0)
    if changed != changes:
        raise DevagentError(
            f"not promoted: {changed} recorded calls would be answered otherwise, and --changes says {changes}",
            hint="Look at each of them above. Where all are meant, say so with --changes.",
        )
    signers = workplace.signers(person, f"env-{environment}")
    wanted = Ring(name=ring, bundle="", percent=percent, allow=allow, since=since) if ring else None
    if shadow:
        role = release.shadow(
            workplace.repository,
            environment,
            built,
            found,
            ring=ring,
            signer=signers[0],
            ticket=ticket,
        )
    else:
        role = release.promote(
            workplace.repository,
            environment,
            built,
            found,
            signer=signers[0],
            ring=wanted,
            ticket=ticket,
        )
    click.echo(
        f"{role}: {built.manifest.org} {built.manifest.revision} {built.digest[:12]} put up by {person}"
    )
    told_pending(workplace, lambda line: click.echo(line, err=True))


def _check_ring(ring: str, since: str, *, narrowed: bool, shadow: bool) -> None:
    """Raises UsageError where it would reach others than was meant, or be signed in a form that every machine refuses."""
    if narrowed and (not ring or shadow):
        why = (
            "a shadow takes in whoever is in the ring"
            if shadow
            else "without a ring it is for everybody"
        )
        raise UsageError(f"--percent, --allow and --since make a ring, and {why}", hint="Name a new ring: --ring canary.")  # fmt: skip
    if since:
        try:
            moment(since)
        except ValueError as e:
            raise UsageError(f"--since {since!r}: write 2026-12-01T06:00:00Z, in UTC") from e


def _after_the_one_before(workplace: Workplace, environment: str, built: building.Built) -> None:
    order = workplace.settings.order
    if environment not in order:
        raise UsageError(
            f"there is no environment {environment}", hint=f"There are {', '.join(order)}."
        )
    at = order.index(environment)
    if at and not release.is_current(workplace.repository, order[at - 1], built.digest):
        raise DevagentError(
            f"{built.digest[:12]} is not published in {order[at - 1]}, so it cannot be promoted to {environment}",
            hint=f"`devagent bundle promote {order[at - 1]}` first, and publish.",
        )
