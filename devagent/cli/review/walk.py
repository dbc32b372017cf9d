"""``devagent review walk``: through the queue at a terminal, one session after the other."""

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import closing

import click

from devagent.audit.flags import FLAGS, FlagRules, flagged
from devagent.audit.marks import Marking, Queued
from devagent.audit.reader import Unknown, glance, read
from devagent.audit.verification import Verification
from devagent.cli.review.shared import (
    counted,
    escalated_option,
    flag_option,
    line_of,
    marked,
    reviewer,
    rules,
    tell,
    waiting,
    when,
)
from devagent.cli.session.output_file import opened
from devagent.cli.session.report import review_of
from devagent.cli.session.report_page import write_page
from devagent.cli.session.shared import WIDTH, verified, write
from devagent.core.errors import LogError, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.people import Mark
from devagent.core.events.turns import TurnStarted
from devagent.core.text import one_line
from devagent.repl.render import render
from devagent.repl.words import Signs, signs_for

MOST_SHOWN = 12
"""Flagged events that are shown at once; `v` shows the whole session."""

QUESTION = "[s]een  [n]ote  [e]scalate  [v]iew all  [r]eport  [k] skip  [q]uit: "


@click.command()
@flag_option
@escalated_option
def walk(flags: tuple[str, ...] = (), escalated: bool = False) -> None:
    """Go through the queue: each session with what it is flagged for and whether its log verifies, then your mark.

    Each mark is on record at once. A session that you skip stays in the queue.
    """
    found = waiting(flags, escalated=escalated)
    tell(found.notes)
    if not found.sessions:
        click.echo("Nothing waits for a reviewer.")
        return
    known = rules()
    with Marking(reviewer()) as marking:
        for number, one in enumerate(found.sessions, 1):
            write("")
            write(f"{number} of {len(found.sessions)}  {line_of(one, glance(one.folder).prompt)}")
            if not _one(one, known, marking):
                break


def _one(one: Queued, known: FlagRules, marking: Marking) -> bool:
    """Show a session and take its mark; whether to go on with the next."""
    signs = signs_for(sys.stdout.encoding)
    try:
        found = verified(one.folder)
        _show(one, found, known, signs)
    except LogError as error:
        click.echo(f"devagent: {error}", err=True)
        return True
    while True:
        match _asked(QUESTION).lower():
            case "s" | "seen":
                return _mark(one, found, marking, "seen")
            case "n" | "note":
                if note := _asked("Note: "):
                    return _mark(one, found, marking, "noted", note)
            case "e" | "escalate":
                to = _asked("To whom: ")
                if to and (note := _asked("Why: ")):
                    return _mark(one, found, marking, "escalated", note, to)
            case "v" | "view":
                click.echo_via_pager(f"{line}\n" for line in _whole(one, signs))
            case "r" | "report":
                _report(one)
            case "k" | "skip":
                return True
            case "q" | "quit":
                return False
            case _:
                pass


def _asked(question: str) -> str:
    """What was typed; the end of the input leaves (click.Abort)."""
    answer: str = click.prompt(question, prompt_suffix="", default="", show_default=False)
    return answer.strip()


def _mark(
    one: Queued,
    found: Verification,
    marking: Marking,
    mark: Mark,
    note: str = "",
    to: str = "",
) -> bool:
    made = marked(found, tuple(one.flags), mark, note=note, to=to)
    write(f"{mark}, on record in {marking.mark(made)}")
    return True


def _show(one: Queued, found: Verification, known: FlagRules, signs: Signs) -> None:
    write(one_line(found.headline, WIDTH))
    for note in found.notes:
        write(f"  {one_line(note, WIDTH)}")
    for mark in one.marks:
        write(f"  {mark.mark} {when(mark.at)}, over {mark.size:,} events")
    for flag in one.flags:
        write(f"  {signs.alert} {flag}: {FLAGS[flag]}")
    shown = 0
    with closing(_flagged(one, known, signs)) as texts:
        for text in texts:
            if shown == MOST_SHOWN:
                write(f"    {signs.more} more: {counted(one.flags)}; v shows all")
                break
            write(text)
            shown += 1


def _flagged(one: Queued, known: FlagRules, signs: Signs) -> Generator[str]:
    """The flagged events as they were shown, each with its number; before an answer or a result its decision."""
    judged: dict[str, tuple[int, ToolJudged]] = {}
    with closing(read(one.folder)) as records:
        for record in records:
            event = record.event
            if isinstance(event, TurnStarted):
                judged.clear()
            raised = flagged(event, known)
            if isinstance(event, ToolJudged) and not raised:
                judged[event.call] = record.seq, event
            if not raised:
                continue
            if isinstance(event, ApprovalAnswered | ToolFinished):
                earlier = judged.pop(event.call, None)
                if earlier:
                    yield _numbered(*earlier, signs, "")
            yield _numbered(record.seq, event, signs, ", ".join(raised))


def _whole(one: Queued, signs: Signs) -> Iterator[str]:
    with closing(read(one.folder)) as records:
        try:
            for record in records:
                if text := _numbered(record.seq, record.event, signs, "", full=True):
                    yield text
        except LogError as error:
            yield str(error)


def _numbered(
    seq: int, event: Event | Unknown, signs: Signs, why: str, *, full: bool = False
) -> str:
    if isinstance(event, Unknown):
        text = one_line(f"{event.type} (its content is {event.content})")
    else:
        text = render(event, signs, full=full)
    if not text and not why:
        return ""
    said = text.replace("\n", "\n        ")
    return f"{seq:>6}  {said or f'({why})'}"


def _report(one: Queued) -> None:
    path = os.path.abspath(f"{one.sid}.html")
    try:
        with opened(path, force=False) as out:
            write_page(review_of(one.folder), out)
    except UsageError as error:
        click.echo(f"devagent: {error}", err=True)
    else:
        write(f"report in {path}")
