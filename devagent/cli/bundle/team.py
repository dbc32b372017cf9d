"""``devagent bundle team``: a team's own policy file, signed with its own keys, within the org's envelopes."""

import click

from devagent.cli.bundle.shared import KEYS_FILE, KeyEntry, Workplace, in_folder, told_pending
from devagent.cli.lazy import Group
from devagent.core.errors import ConfigError, PolicyError, UsageError
from devagent.org import delegating, release
from devagent.org.keys import recipient_of
from devagent.org.libraries import Key
from devagent.org.manifest import ORG_NAME
from devagent.policy import parse


@click.group(cls=Group)
def team() -> None:
    """Let a team sign a policy file of its own, and take it in."""


@team.command()
@click.argument("name")
@in_folder
@click.option("--person", "people", multiple=True, required=True, metavar="NAME=KEY", help="Who signs for the team, with the age key to seal theirs for. May be repeated.")  # fmt: skip
@click.option("--for", "principals", multiple=True, required=True, metavar="PRINCIPAL", help="Whom the file is for: group:NAME, user:NAME. May be repeated.")  # fmt: skip
@click.option("--threshold", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="So many of them must sign.")  # fmt: skip
def add(
    name: str, folder: str, people: tuple[str, ...], principals: tuple[str, ...], threshold: int
) -> None:
    """Delegate team/NAME/ to a team. Two people of the organisation must approve that (the role `targets`)."""
    workplace = Workplace(folder)
    if not ORG_NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a team's name", hint="a-z, 0-9 and -.")
    if threshold > len(people):
        raise UsageError(f"{len(people)} people cannot make a threshold of {threshold}")
    every = workplace.keys()
    made: list[Key] = []
    for one in people:
        person, _, key = one.partition("=")
        entry = f"{name}-{person}"
        if entry in every or not key:
            raise UsageError(
                f"{one}: write PERSON=age1…, of somebody who has no key for {name} yet"
            )
        public = workplace.key_folder().new(entry, person, recipients=[recipient_of(key)])
        made.append(public)
        with open(workplace.path(KEYS_FILE), "a", encoding="utf-8") as file:
            file.write(
                f'\n["{entry}"]\nuri = "age:{entry}.age"\nowner = "{person}"\nid = "{public.keyid}"\n'
            )
        every[entry] = KeyEntry(f"age:{entry}.age", person, public.keyid)
    delegating.add_team(workplace.repository, name, made, threshold, principals)
    click.echo(
        f"targets: {name} may sign team/{name}/ for {', '.join(principals)}, once it is approved"
    )
    told_pending(workplace, lambda line: click.echo(line, err=True))


@team.command()
@click.argument("name")
@click.argument("file")
@in_folder
@click.option("--as", "person", required=True, metavar="PERSON", help="Who signs for the team.")
def put(name: str, file: str, folder: str, person: str) -> None:
    """Put a team's policy FILE up, signed by PERSON. What it says beyond the org's envelopes only narrows."""
    workplace = Workplace(folder)
    try:
        with open(file, "rb") as source:
            data = source.read()
    except OSError as e:
        raise ConfigError(f"cannot be read ({e.strerror})", file=file) from e
    if parse(data, file).layer != "team":
        raise PolicyError('a team\'s file says layer = "team"', file=file)
    signer = workplace.signers(person, f"team-{name}")[0]
    role = release.put_team_policy(workplace.repository, name, data, signer=signer)
    click.echo(f"{role}: put up by {person}")
    told_pending(workplace, lambda line: click.echo(line, err=True))
