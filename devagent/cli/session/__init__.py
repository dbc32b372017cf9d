"""``devagent session``: session logs."""

import click

from devagent.cli.keys import use_keys_at_hand
from devagent.cli.lazy import Entry, LazyGroup

READ = "Read"
GO_ON = "Go on"
KEEP = "Hand on and keep"

COMMANDS: dict[str, Entry] = {
    "list": Entry("devagent.cli.session.listing", "list_sessions", "The sessions, newest first.", READ),
    "show": Entry("devagent.cli.session.show", "show", "What happened, event by event, with their numbers.", READ),
    "search": Entry("devagent.cli.session.search", "search", "Where something was said or done, in all of them.", READ),
    "verify": Entry("devagent.cli.session.verify", "verify", "Check that a log is whole and unchanged.", READ),
    "replay": Entry("devagent.cli.session.replay", "replay", "A session on the screen once more, judged again.", READ),
    "diff": Entry("devagent.cli.session.diff", "diff", "What two sessions did differently.", READ),
    "report": Entry("devagent.cli.session.report", "report", "A page for reviewers: who, what, by which rules.", READ),
    "resume": Entry("devagent.cli.session.resume", "resume", "Go on with a session.", GO_ON),
    "fork": Entry("devagent.cli.session.fork", "fork", "A new session that goes on from another's history.", GO_ON),
    "rename": Entry("devagent.cli.session.rename", "rename", "Give a session a name.", GO_ON),
    "export": Entry("devagent.cli.session.export", "export", "Write a session down: JSON lines, Markdown, HTML.", KEEP),
    "erase": Entry("devagent.cli.session.erase", "erase", "Erase content; the record stays whole and says so.", KEEP),
    "prune": Entry("devagent.cli.session.prune", "prune", "Erase and remove what policy keeps no longer.", KEEP),
    "hold": Entry("devagent.cli.session.hold", "hold", "Keep a session from being erased or removed.", KEEP),
    "release": Entry("devagent.cli.session.hold", "release", "Lift a session's hold.", KEEP),
    "anchor": Entry("devagent.cli.session.anchor", "anchor", "Send what the witness has not seen yet.", KEEP),
}  # fmt: skip


@click.group(cls=LazyGroup, table=COMMANDS)
def session() -> None:
    """Find, read, verify, go on with and hand on session logs."""
    use_keys_at_hand()
