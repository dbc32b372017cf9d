"""Recorded calls judged again by a candidate policy: calls a second, and the memory it takes. Prints a table.

python tests/bench/bench_replay.py [CALLS]
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from devagent.audit.requests import recorded, session_folders
from devagent.audit.writer import SessionLog
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.session import SessionStarted
from devagent.core.events.turns import TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolClass
from devagent.core.verdicts import Request
from devagent.policy import CompiledPolicy, compile_policy, parse
from devagent.policy.changes import Recorded
from devagent.policy.replay import replay
from devagent.policy.suggest import suggest

CALLS_A_SESSION = 1_000
ACME = """
version = 1
name = "acme"
layer = "org"
default = "ask"
[[rule]]
id = "secrets"
effect = "deny"
resources = ["path:**/.env", "path:**.pem"]
[[rule]]
id = "read"
effect = "allow"
classes = ["read"]
resources = ["path:src/**", "path:docs/**"]
[[rule]]
id = "small-queries"
effect = "allow"
tools = ["sql.query"]
resources = ["table:dev.**"]
when = { "args.limit" = { max = 100 } }
obligations = { limit_rows = 500 }
[[rule]]
id = "branches"
effect = "allow"
tools = ["git.push"]
resources = ["branch:origin/feature-*"]
"""
DELEGATING = ACME.replace("[[rule]]", '[[delegate]]\nto = ["local"]\neffect = "allow"\n[[rule]]', 1)
CANDIDATE = ACME.replace("max = 100", "max = 50").replace('["path:src/**", ', '["path:src/a/**", ')


def call_of(n: int) -> tuple[str, str, ToolClass, dict[str, Any], Resource]:
    """Extension, tool, class, arguments and resource of one of five kinds of call."""
    match n % 5:
        case 0 | 2:
            path = f"src/{n % 7}/file{n}.py" if n % 5 else f"docs/{n}.md"
            read = {"path": path, "limit": 2000}
            return "workspace", "read", "read", read, Resource(f"path:{path}", "read")
        case 1:
            query = {"sql": f"SELECT a, b FROM orders WHERE c = {n}", "limit": n % 100}
            return "sql", "query", "read", query, Resource("table:dev.shop.orders", "read")
        case 3:
            push = {"remote": "origin", "ref": f"feature-{n}", "force": "no"}
            return "git", "push", "net", push, Resource(f"branch:origin/feature-{n}", "write")
        case _:
            write = {"path": f"src/{n}.py", "text": "x = 1\n" * 50}
            return "workspace", "write", "write", write, Resource(f"path:src/{n}.py", "write")


def calls(policy: CompiledPolicy) -> Iterator[Event]:
    """A long session: every fifth call is not simply allowed."""
    ana = Principal(user="ana", groups=("eng", "data"), agent="main")
    yield SessionStarted(
        principal=ana, agent="main", mode="chat", model="m", versions={}, policy=policy.digest
    )
    yield TurnStarted(turn=1)
    for n in range(CALLS_A_SESSION):
        name, tool, tool_class, args, touched = call_of(n)
        request = Request(
            principal=ana,
            extension=name,
            tool=tool,
            tool_class=tool_class,
            args=args,
            resources=(touched,),
            context={"mode": "chat", "interactive": True, "today": "2026-11-20"},
            can=("limit_rows",),
        )
        decision = policy.decide(request)
        ext = ExtensionReference(name, "1.0", "ab" * 32)
        call = f"toolu_{n:024}"
        yield ToolCalled(turn=1, call=call, ext=name, tool=tool, args=args)
        yield ToolJudged(
            turn=1,
            call=call,
            principal=ana,
            agent="main",
            ext=ext,
            tool=tool,
            tool_class=tool_class,
            resources=(touched,),
            args_digest="ab" * 32,
            decision=decision,
            args=args,
            context=request.context,
            can=request.can,
        )
        if decision.effect == "ask":
            answer = Approval("yes", "ana", "terminal")
            yield ApprovalAsked(turn=1, call=call, shown=f"write src/{n}.py?")
            yield ApprovalAnswered(turn=1, call=call, principal=ana, agent="main", approval=answer)
        # Started as a read whatever it is: what writes is synced to the disk, which is not measured here.
        yield ToolStarted(turn=1, call=call, ext=ext, tool=tool, tool_class="read")
        yield ToolFinished(turn=1, call=call, outcome="ok", bytes=400, text="some result\n" * 30)
    yield TurnEnded(turn=1, stop="done")


def build(folder: str, sessions: int) -> None:
    """One session written for real, and copies of it."""
    policy = compile_policy([parse(ACME, "acme.toml", org=True)])
    with SessionLog.create(folder) as log:
        for event in calls(policy):
            log.write(event)
    for _ in range(sessions - 1):
        shutil.copytree(log.folder, f"{log.folder[:-6]}{os.urandom(3).hex().upper()}")


def all_recorded(folder: str) -> Iterator[Recorded]:
    for session in session_folders(folder):
        yield from recorded(session)


class _Again:
    """All calls, anew with each iteration."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Recorded]:
        return all_recorded(self._folder)


def main() -> None:
    """Print the table."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        build(folder, max(1, wanted // CALLS_A_SESSION))
        size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{wanted:,} recorded calls, {size / 1e6:.0f} MB of logs")
        print("  what                     seconds   calls/s  changed")
        began = time.process_time()
        count = sum(1 for _ in all_recorded(folder))
        seconds = time.process_time() - began
        print(f"  reading alone         {seconds:10.2f} {count / seconds:9,.0f}")
        for what, text in (("the same policy", ACME), ("another policy", CANDIDATE)):
            policy = compile_policy([parse(text, "candidate.toml", org=True)])
            began = time.process_time()
            report = replay(all_recorded(folder), policy)
            seconds = time.process_time() - began
            print(
                f"  {what:<21} {seconds:10.2f} {report.judged / seconds:9,.0f} {report.changed:8,}"
            )
        base = compile_policy([parse(DELEGATING, "candidate.toml", org=True)])
        began = time.process_time()
        found = suggest(_Again(folder), base, today=date(2026, 11, 21))
        seconds = time.process_time() - began
        print(
            f"  suggest               {seconds:10.2f} {count / seconds:9,.0f} {found.saved:8,} asks saved"
        )
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"  memory grown by {grown / 1024:.1f} MB")


if __name__ == "__main__":
    main()
