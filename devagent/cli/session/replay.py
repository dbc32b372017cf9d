"""``devagent session replay``: a session on the screen once more, its decisions judged again where that is asked."""

import os
import sys
from collections.abc import Sequence

import click

from devagent.audit.reader import Record, Unknown, read
from devagent.audit.recorded_events import as_recorded, result_as_recorded
from devagent.cli.policy.diff_text import ASIDE, set_aside
from devagent.cli.policy.shared import policy_files, read_policies
from devagent.cli.session.shared import WIDTH, folder_of, verified, write
from devagent.core.text import one_line
from devagent.core.verdicts import Decision
from devagent.policy import CompiledPolicy
from devagent.policy.changes import Recorded, Tally
from devagent.policy.replay import judge_again
from devagent.repl.replay import Replay
from devagent.repl.words import Signs, signs_for, would_be


@click.command()
@click.argument("name", metavar="[ID|DIR|last]", default="last")
@policy_files
@click.option("--exit-code", is_flag=True, help="End with 1 where an answer differs.")
def replay(name: str, files: tuple[str, ...], exit_code: bool) -> None:
    """A session on the screen once more, as it was shown while it ran. Nothing is run.

    With --policy its decisions are judged again by these files: what would be answered otherwise stands below
    each call, and how many at the end. Exit code 1 where the log does not verify.
    """
    folder = folder_of(name)
    policy = read_policies(files) if files else None
    signs = signs_for(sys.stdout.encoding)
    found = verified(folder)
    screen = Replay(signs)
    again = _Again(policy, files, found.sid, signs) if policy else None
    records = read(folder)
    try:
        for record in records:
            if isinstance(record.event, Unknown):
                write(f"{signs.more} {record.event.type}: its content is {record.content}")
            else:
                for text in screen.lines(record.event):
                    write(text)
            if again:
                again.judge(record)
    finally:
        records.close()
    if again:
        write(again.summary())
    write(one_line(found.headline, WIDTH))
    if not found.ok or (again and again.changed and exit_code):
        raise click.exceptions.Exit(1)


class _Again:
    """The decisions judged again, one after the other."""

    def __init__(
        self, policy: CompiledPolicy, files: Sequence[str], sid: str, signs: Signs
    ) -> None:
        self.changed = 0
        self._policy = policy
        self._named = " + ".join(os.path.basename(file) for file in files)
        self._sid, self._signs = sid, signs
        self._tally = Tally(0)
        self._calls: dict[str, Recorded] = {}

    def judge(self, record: Record) -> None:
        """Say below a call, or its result, what it would be, where that differs or cannot be said."""
        match record.header["type"]:
            case "tool.judged":
                one = as_recorded(self._sid, record)
                if one:
                    self._calls[record.header["call"]] = one
                self._judge(record, one)
            case "tool.finished" if call := self._calls.pop(record.header["call"], None):
                one = result_as_recorded(call, record)
                if one and (one.decision.rules or self._policy.of_results):
                    self._judge(record, one)
            case "turn.ended" | "turn.cut":
                self._calls.clear()
            case _:
                pass

    def _judge(self, record: Record, one: Recorded | None) -> None:
        now = judge_again(one, self._policy) if one else record.content
        if one is None or not isinstance(now, Decision):
            self._tally.set_aside(str(now))
            write(f"  {self._signs.then} not judged again: {ASIDE.get(str(now), now)}")
            return
        self._tally.compare(one, one.decision, now)
        if (one.decision.effect, one.decision.obligations) != (now.effect, now.obligations):
            self.changed += 1
            text = would_be(now)
            if not now.determining:
                text = now.reason if now.reason.startswith(text) else f"{text}: {now.reason}"
            text = f"by {self._named} this would be {text}"
            write(f"  {self._signs.then} {one_line(text, WIDTH)}")

    def summary(self) -> str:
        report = self._tally.report(self._policy.digest, "")
        told = [f"{report.same:,} the same", f"{report.changed:,} otherwise"]
        if report.other_rules:
            told[0] += f" ({report.other_rules:,} by other rules)"
        if aside := set_aside(report):
            told.append(f"not judged again: {'; '.join(aside)}")
        return one_line(
            f"{report.judged:,} decisions judged again by {self._named}: {', '.join(told)}", WIDTH
        )
