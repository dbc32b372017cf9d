"""``devagent session``: session logs."""

import click

from devagent.cli.keys import use_keys_at_hand
from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "list": Entry("devagent.cli.session.listing", "list_sessions", "The sessions, newest first."),
    "show": Entry(
        "devagent.cli.session.show", "show", "What happened, event by event, with their numbers."
    ),
    "verify": Entry(
        "devagent.cli.session.verify", "verify", "Check that a log is whole and unchanged."
    ),
    "search": Entry(
        "devagent.cli.session.search", "search", "Where something was said or done, in all of them."
    ),
    "resume": Entry("devagent.cli.session.resume", "resume", "Go on with a session."),
    "fork": Entry(
        "devagent.cli.session.fork", "fork", "A new session that goes on from another's history."
    ),
    "rename": Entry("devagent.cli.session.rename", "rename", "Give a session a name."),
    "export": Entry(
        "devagent.cli.session.export", "export", "Write a session down: JSON lines, Markdown, HTML."
    ),
    "replay": Entry(
        "devagent.cli.session.replay", "replay", "A session on the screen once more, judged again."
    ),
    "diff": Entry("devagent.cli.session.diff", "diff", "What two sessions did differently."),
    "report": Entry(
        "devagent.cli.session.report", "report", "A page for reviewers: who, what, by which rules."
    ),
    "erase": Entry(
        "devagent.cli.session.erase", "erase", "Erase content; the record stays whole and says so."
    ),
    "prune": Entry(
        "devagent.cli.session.prune", "prune", "Erase and remove what policy keeps no longer."
    ),
    "anchor": Entry(
        "devagent.cli.session.anchor", "anchor", "Send what the witness has not seen yet."
    ),
    "hold": Entry(
        "devagent.cli.session.hold", "hold", "Keep a session from being erased or removed."
    ),
    "release": Entry("devagent.cli.session.hold", "release", "Lift a session's hold."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def session() -> None:
    """Find, read, verify, go on with and hand on session logs."""
    use_keys_at_hand()
