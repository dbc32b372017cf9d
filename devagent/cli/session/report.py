"""``devagent session report``: what a reviewer wants to know of a session, in one file."""

import shutil
import tempfile
from typing import BinaryIO, Literal

import click

from devagent.audit.checkpoints import parse_key
from devagent.audit.lines import Damage
from devagent.audit.review import MOST_TEXT
from devagent.cli.session.output_file import force_option, opened, output_option
from devagent.cli.session.report_markdown import write_report
from devagent.cli.session.report_page import entry_line, write_page
from devagent.cli.session.reviewing import Review
from devagent.cli.session.shared import folder_of, known_names
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import UsageError
from devagent.settings.places import places

ReportFormat = Literal["html", "markdown", "json"]
_SPOOL_BYTES = 4_000_000


@click.command()
@click.argument("name", metavar="[ID|DIR|last]", default="last")
@click.option(
    "--format",
    "report_format",
    type=click.Choice(["html", "markdown", "json"]),
    default="html",
    show_default=True,
    help="How to write it.",
)
@click.option(
    "--key",
    default="",
    metavar="VKEY",
    help="The verifier key that checkpoints must be signed with.",
)
@click.option("--full", is_flag=True, help="Long texts whole (else 20,000 characters of each).")
@output_option
@force_option
def report(
    name: str, report_format: ReportFormat, key: str, full: bool, output: str, force: bool
) -> None:
    """A page for reviewers: who, on whose behalf, what was done, by which rules, who approved.

    The log is verified first, and the report says what came of it. HTML is one file that loads nothing.
    """
    review = review_of(name, key=key, most_text=0 if full else MOST_TEXT)
    with opened(output, force=force) as out:
        match report_format:
            case "html":
                write_page(review, out)
            case "markdown":
                write_report(review, out)
            case "json":
                _write_json(review, out)


def review_of(name: str, *, key: str = "", most_text: int = MOST_TEXT) -> Review:
    """The session that is meant, verified. Raises UsageError for a key that is none."""
    if key:
        try:
            parse_key(key)
        except Damage as e:
            raise UsageError(f"--key: {e.what}.") from e
    review = Review(folder_of(name), name="", key=key, data=places().data, most_text=most_text)
    review.name = known_names().get(review.sid, "")
    return review


def _write_json(review: Review, out: BinaryIO) -> None:
    """One object: the integrity verdict, the summary, and the timeline, an entry a line."""
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as timeline:
        between = b"\n"
        for entry in review.entries():
            timeline.write(between + entry_line(entry))
            between = b",\n"
        found = review.verified
        head = {
            "v": 1,
            "session": review.sid,
            "name": review.name,
            "integrity": {
                "ok": found.ok,
                "verdict": review.verdict,
                "headline": found.headline,
                "problem": str(found.problem or ""),
                "events": found.events,
                "checkpoints": found.checkpoints,
                "signed": found.tail.signed,
                "key": review.key,
                "key_is": review.key_is if review.key else "",
                "root": review.root,
                "notes": review.integrity,
            },
            "summary": to_plain(review.summary),
        }
        out.write(canonical(head)[:-1] + b',"timeline":[')
        timeline.seek(0)
        shutil.copyfileobj(timeline, out, 1 << 18)
        out.write(b"\n]}\n")
