"""``devagent review marks``: who marked what, and whether it still stands."""

import os
from typing import Any

import click

from devagent.audit.layout import folder_of as place_of
from devagent.audit.layout import is_ulid
from devagent.audit.marks import Given, given, still_stands
from devagent.audit.verify import verify_session
from devagent.cli.review.shared import tell, when
from devagent.cli.session.shared import WIDTH, Format, folder_of, format_option, write
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import LogError
from devagent.core.text import one_line
from devagent.settings.places import places


@click.command()
@click.argument("name", metavar="[ID|DIR]", required=False)
@format_option
def marks(name: str | None, output_format: Format) -> None:
    """Who marked what, when and with which words, the oldest first.

    Each mark is checked: its own log is verified, and the session must begin with exactly what was marked. Exit code 1
    where one does not stand. Sessions from elsewhere are compared where their folder is given.
    """
    folder = os.path.abspath(folder_of(name)) if name else ""
    sid = os.path.basename(folder)
    found, notes = given(places().sessions)
    tell(notes)
    checked = [
        (one, *_stands(one, folder or _usual(one)))
        for one in found
        if sid in ("", one.marked.reviewed)
    ]
    if output_format == "json":
        write(canonical([_plain(*one) for one in checked]).decode())
    else:
        for one, _, said in checked:
            write(_line(one))
            write(f"  {one_line(said, WIDTH)}")
        if not checked:
            click.echo("Nothing is marked.", err=True)
    if any(stands is False for _, stands, _ in checked):
        raise click.exceptions.Exit(1)


def _usual(one: Given) -> str:
    sid = one.marked.reviewed
    return place_of(places().sessions, sid) if is_ulid(sid) else ""


def _stands(one: Given, folder: str) -> tuple[bool | None, str]:
    """Whether a mark stands (None: that cannot be said), in words too."""
    try:
        own = verify_session(one.log)
        if not own.ok:
            return False, f"DOES NOT STAND: its own log {own.sid} does not verify"
        if not os.path.isdir(folder):
            return None, "not checked: the session is not here"
        if not still_stands(one.marked, folder):
            return False, "DOES NOT STAND: the session is not what was marked"
    except LogError as error:
        return False, f"DOES NOT STAND: {error.what}"
    return True, f"stands, over {one.marked.size:,} events"


def _line(one: Given) -> str:
    marked = one.marked
    to = f" to {marked.to}" if marked.to else ""
    flags = f" ({', '.join(marked.flags)})" if marked.flags else ""
    failed = "" if marked.verified == "ok" else ", its log did not verify"
    note = f": {marked.note}" if marked.note else ""
    head = f"{when(one.at)}  {one.by}  {marked.mark}{to}  {marked.reviewed}{flags}{failed}{note}"
    return one_line(head, WIDTH)


def _plain(one: Given, stands: bool | None, said: str) -> dict[str, Any]:
    plain = {
        "at": one.at,
        "by": one.by,
        "log": os.path.basename(one.log),
        "seq": one.seq,
        "checked": said,
        **to_plain(one.marked),
    }
    return plain if stands is None else {**plain, "stands": stands}
