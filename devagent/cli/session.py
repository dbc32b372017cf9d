"""``devagent session``: list, show and verify session logs."""

import os
import sys
import time
from typing import Any, Literal

import click

from devagent.audit import layout
from devagent.audit.checkpoints import parse_key
from devagent.audit.lines import Damage
from devagent.audit.reader import Record, Session, Unknown, read, sessions
from devagent.audit.verify import Verification, gaps, verify_session
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import UsageError
from devagent.core.text import one_line, visible
from devagent.repl.render import render, signs_for
from devagent.settings.places import places

Format = Literal["text", "json"]
_WIDTH = 400
_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)


@click.group()
def session() -> None:
    """List, show and verify session logs."""


@session.command("list")
@_format
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many."
)
def list_sessions(output_format: Format, limit: int) -> None:
    """The sessions, newest first."""
    found = [one for one, _ in zip(sessions(places().sessions), range(limit), strict=False)]
    if output_format == "json":
        _write(canonical([to_plain(one) for one in found]).decode())
        return
    if not found:
        click.echo("There is no session yet. Start one with `devagent`.", err=True)
    for one in found:
        _write(_row(one))


@session.command()
@click.argument("name", metavar="[ID|last]", default="last")
@_format
@click.option("--full", is_flag=True, help="Arguments and results whole, not their first line.")
def show(name: str, output_format: Format, full: bool) -> None:
    """What happened, as it was shown while it happened.

    With --format json: one line per event, its header's fields and its content in "content".
    """
    records = read(_folder(name))
    signs = signs_for(sys.stdout.encoding)
    try:
        for record in records:
            if output_format == "json":
                _write(canonical(_plain(record)).decode())
            elif (
                text := _unknown(record.event)
                if isinstance(record.event, Unknown)
                else render(record.event, signs, full=full)
            ):
                _write(text)
    finally:
        records.close()


@session.command()
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
@_format
def verify(name: str, every: bool, key: str, output_format: Format) -> None:
    """Check that a session's log is whole and unchanged. Exit code 1 where it is not."""
    if key:
        try:
            parse_key(key)
        except Damage as e:
            raise UsageError(f"--key: {e.what}.") from e
    if every:
        good = _verify_all(key, output_format)
    else:
        found = verify_session(_folder(name), key=key)
        good = found.ok
        if output_format == "json":
            _write(canonical(_result(found)).decode())
        else:
            _write(one_line(found.headline, _WIDTH))
            for note in found.notes:
                _write(f"  {one_line(note, _WIDTH)}")
    if not good:
        raise click.exceptions.Exit(1)


def _verify_all(key: str, output_format: Format) -> bool:
    found = [verify_session(folder, key=key) for folder in layout.newest_first(places().sessions)]
    missing = gaps(found)
    bad = [one for one in found if not one.ok]
    good = not bad and not missing
    if output_format == "json":
        _write(
            canonical(
                {"ok": good, "sessions": [_result(one) for one in found], "gaps": missing}
            ).decode()
        )
        return good
    if good:
        _write(f"verify: ok {len(found)} sessions, {sum(one.events for one in found)} events")
    else:
        _write(
            f"verify: FAILED {len(bad)} of {len(found)} sessions, {len(missing)} gaps between them"
        )
    for text in missing:
        _write(f"  {one_line(text, _WIDTH)}")
    for one in found:
        _write(f"  {one_line(one.headline.removeprefix('verify: '), _WIDTH)}")
    return good


def _folder(name: str) -> str:
    """The folder that a person means: a folder's path, an id or a few of its letters, or ``last``."""
    if os.path.isfile(os.path.join(name, layout.EVENTS)) or (
        os.sep in name and os.path.isdir(name)
    ):
        return name
    if os.sep in name:
        raise UsageError(
            f"There is no folder {name}.", hint="`devagent session list` shows the sessions."
        )
    return layout.find_session(places().sessions, name)


def _result(found: Verification) -> dict[str, Any]:
    result: dict[str, Any] = to_plain(found)
    for internal in ("tail", "count"):
        result.pop(internal)
    return {"ok": found.ok, **result}


def _row(one: Session) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.started / 1000))
    state = one.stop or one.state
    prompt = one_line(one.prompt, 60)
    line = f"{one.sid}  {when}  {state:<11}  {one.events:>5} events  {one.mode:<4}  {prompt}"
    return visible(line).rstrip()


def _plain(record: Record) -> dict[str, Any]:
    if record.content == "none":
        return record.header
    if record.content == "open":
        return {**record.header, "content": record.body}
    return {**record.header, "content_is": record.content}


def _unknown(event: Unknown) -> str:
    why = (
        "of a later version"
        if event.content in ("none", "open")
        else f"its content is {event.content}"
    )
    return one_line(f"{event.type} ({why})")


def _write(text: str) -> None:
    """A line of standard output; characters that its encoding lacks become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))
