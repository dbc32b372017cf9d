"""``devagent session verify``: whether a log is whole and unchanged."""

import os
from typing import Any

import click

from devagent.audit import layout
from devagent.audit.checkpoints import parse_key
from devagent.audit.claims import Claims, gaps, newest
from devagent.audit.device import device_key, own_key
from devagent.audit.lines import Damage
from devagent.audit.verification import Verification
from devagent.audit.verify import verify_session
from devagent.audit.witness_listing import Listing, read_listing
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.session.shared import WIDTH, Format, folder_of, format_option, verified, write
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import ConfigError, LogError, UsageError
from devagent.core.keeping import Witness
from devagent.core.text import one_line
from devagent.policy.bounds import witness
from devagent.settings.places import places


@click.command()
@click.argument("name", metavar="[ID|DIR|last]", default="last")
@click.option(
    "--all", "every", is_flag=True, help="All sessions, and that none is missing between them."
)
@click.option(
    "--key",
    default="",
    metavar="VKEY",
    help="The verifier key that checkpoints must be signed with.",
)
@click.option(
    "--witness",
    "witness_key",
    default="",
    metavar="VKEY",
    help="The verifier key of the witness; without it the one that policy names.",
)
@click.option(
    "--listing",
    default="",
    metavar="URL|FILE|policy",
    help="Hold what is here against what a witness has on record of this device: its address, a file saved from there, "
    "or the witness that policy names.",
)
@format_option
def verify(
    name: str, every: bool, key: str, witness_key: str, listing: str, output_format: Format
) -> None:
    """Check that a session's log is whole and unchanged. Exit code 1 where it is not.

    A DIR of many sessions, as a reviewer gets them, is checked session by session. What is not among them shows only
    where they were made (--all), or against a witness (--listing).
    """
    for option, given in (("--key", key), ("--witness", witness_key)):
        if given:
            try:
                parse_key(given, witness=option == "--witness")
            except Damage as e:
                raise UsageError(f"{option}: {e.what}.") from e
    named = _named_witness()
    witness_key = witness_key or (named.key if named else "")
    if listing == "policy":
        if named is None:
            raise UsageError("Policy names no witness.", hint="It is [log.witness] url.")
        listing = named.url
    if every:
        known = (
            read_listing(listing, key or device_key(places().data), witness_key=witness_key)
            if listing
            else None
        )
        good = _verify_all(key, witness_key, known, output_format)
    elif collected := _collected(name):
        if listing:
            raise UsageError(
                "--listing is for one session, or for --all.", hint="Name one session's folder."
            )
        good = _told_together(
            [verified(one, key, witness_key) for one in collected], None, output_format
        )
    else:
        folder = folder_of(name)
        anchored = ""
        if listing:
            device = key or own_key(folder, places().data)
            anchored = _anchored(read_listing(listing, device, witness_key=witness_key), folder)
        found = verified(folder, key, witness_key, anchored)
        good = found.ok
        if output_format == "json":
            write(canonical(_result(found)).decode())
        else:
            write(one_line(found.headline, WIDTH))
            for note in found.notes:
                write(f"  {one_line(note, WIDTH)}")
    if not good:
        raise click.exceptions.Exit(1)


def _anchored(known: Listing, folder: str) -> str:
    """What the witness has of that session. Raises LogError where it has nothing of it."""
    sid = os.path.basename(os.path.abspath(folder))
    if sid not in known.claims:
        raise LogError(
            f"The witness has nothing of session {sid} on record.",
            hint="`devagent session anchor --all` sends what it has not seen.",
        )
    return known.claims[sid]


def _named_witness() -> Witness | None:
    """The witness that policy names; a policy that cannot be read keeps no log from being verified."""
    try:
        return witness(policy_in_force().compiled.files)
    except ConfigError as e:
        click.echo(f"devagent: no witness is known: {one_line(e.what, WIDTH)}", err=True)
        return None


def _verify_all(key: str, witness_key: str, known: Listing | None, output_format: Format) -> bool:
    count, last = newest(places().data)
    claims = Claims(places().sessions, places().data)
    found = [
        verify_session(
            folder,
            key=key or own_key(folder, places().data),
            claimed=claims.of(folder),
            anchored=known.claims.get(os.path.basename(folder), "") if known else "",
            witness=witness_key,
        )
        for folder in layout.newest_first(places().sessions)
    ]
    missing = gaps(found, newest=(count, last.partition(" ")[0]))
    if known:
        missing += known.missing(os.path.basename(one.folder) for one in found)
    compared = _compared(known, found) if known else ""
    return _told_together(found, missing, output_format, compared)


def _collected(name: str) -> list[str]:
    """The sessions below a folder that is none itself; [] for any other name."""
    if not os.path.isdir(name) or _is_session(name):
        return []
    return [folder for folder, _, _ in sorted(os.walk(name), reverse=True) if _is_session(folder)]


def _is_session(folder: str) -> bool:
    return any(
        os.path.isfile(os.path.join(folder, file)) for file in (layout.EVENTS, layout.TOMBSTONE)
    )


def _told_together(
    found: list[Verification],
    missing: list[str] | None,
    output_format: Format,
    compared: str = "",
) -> bool:
    """Say of many sessions, and of what is missing between them (None: not known), how they stand; whether all is
    well."""
    bad = [one for one in found if not one.ok]
    good = not bad and not missing
    if output_format == "json":
        told = {"ok": good, "sessions": [_result(one) for one in found]}
        write(canonical(told if missing is None else {**told, "gaps": missing}).decode())
        return good
    if good:
        write(f"verify: ok {len(found)} sessions, {sum(one.events for one in found)} events")
        if compared:
            write(f"  {compared}")
    else:
        between = "" if missing is None else f", {len(missing)} gaps between them"
        write(f"verify: FAILED {len(bad)} of {len(found)} sessions{between}")
    for text in missing or ():
        write(f"  {one_line(text, WIDTH)}")
    for one in found:
        write(f"  {one_line(one.headline.removeprefix('verify: '), WIDTH)}")
    return good


def _compared(known: Listing, found: list[Verification]) -> str:
    """What the comparison with a witness's listing says, and what it does not."""
    unknown = sum(one.sid not in known.claims for one in found if one.checkpoints)
    text = f"the witness has {len(known.claims)} sessions of device {known.device} on record: all are here, as it has them"
    text += f"; {unknown} of these are not on record" if unknown else ""
    return (
        text if known.cosigned else f"{text} (not every line of the listing bears its cosignature)"
    )


def _result(found: Verification) -> dict[str, Any]:
    told = (name for name in found.__struct_fields__ if name not in ("tail", "count", "previous"))
    return {"ok": found.ok, **{name: to_plain(getattr(found, name)) for name in told}}
