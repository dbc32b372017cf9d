"""``devagent session search``: the sessions in which something was said or done, newest first."""

import os
import time

import click

from devagent.audit.layout import started_at
from devagent.audit.query import Found, Hit
from devagent.audit.search import search_sessions
from devagent.cli.session.shared import Format, folder_of, format_option, known_names, write
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import UsageError
from devagent.core.text import one_line
from devagent.settings.places import places

HITS, ALL_HITS = 3, 1_000


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--in", "name", default="", metavar="ID", help="All hits in this session only.")
@format_option
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="At most so many sessions.",
)
def search(words: tuple[str, ...], name: str, output_format: Format, limit: int) -> None:
    """Where something was said or done: events that have all the WORDS.

    Looks through prompts, replies, calls with their arguments, decisions, approvals and results. Case and
    accents make no difference; word* finds all that begin so; "several words" in one stand in that order.
    """
    root = places().sessions
    folder = folder_of(name) if name else ""
    if folder and not os.path.abspath(folder).startswith(os.path.join(root, "")):
        raise UsageError(f"{folder} does not lie among your sessions, so it is not in the index.")
    answer = search_sessions(
        root, words, limit=limit, hits=ALL_HITS if folder else HITS, folder=folder
    )
    for note in answer.notes:
        click.echo(f"devagent: {one_line(note, 400)}", err=True)
    known = known_names()
    if output_format == "json":
        plain = [{**to_plain(one), "name": known.get(one.sid, "")} for one in answer.found]
        write(canonical(plain).decode())
        return
    if not answer.found:
        click.echo("Nothing was found.", err=True)
    for one in answer.found:
        _show(one, known.get(one.sid, ""))


def _show(found: Found, name: str) -> None:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(started_at(found.sid) / 1000))
    write(f"{found.sid}  {when}  {one_line(name)}".rstrip())
    for hit in found.hits:
        write(f"  {hit.seq:>6}  {hit.what:<9}  {_line(hit)}".rstrip())
    if found.more:
        write(f"          … more: add --in {found.sid}")


def _line(hit: Hit) -> str:
    """The line with its words in bold (which ``click`` leaves out where the output is no terminal)."""
    pieces: list[str] = []
    end = 0
    for start, stop in hit.marks:
        pieces += [hit.line[end:start], click.style(hit.line[start:stop], bold=True)]
        end = stop
    return "".join([*pieces, hit.line[end:]])
