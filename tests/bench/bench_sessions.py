"""Working with many and with long sessions: ``python -m tests.bench.bench_sessions [SESSIONS] [EVENTS]``.

Writes synthetic logs (default: 10,000 sessions of 40 events, one of 5,000 and one of 200,000, one of 10,000 messages),
indexes, searches, lists, reports, replays and goes on with them. Prints a table, judges nothing. Memory is the process's peak, of a fresh process for each row.
"""

import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate

from devagent.audit import files
from devagent.audit.layout import newest_first
from devagent.audit.writer import SessionLog
from devagent.core.events import Event
from devagent.core.events.calls import ToolCalled, ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import Prompt, TurnEnded, TurnStarted
from devagent.core.resources import Resource
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision, RuleReference
from devagent.repl.approver import Unattended
from devagent.session import Options, open_session
from tests.support.log_events import ANA, GIT, started

_open: list[Callable[[], object]] = []
START_NS = 1_700_000_000_000_000_000
RULE = RuleReference("org/acme#read", "allow", "org", "/etc/devagent/org.toml", 14, why="Reading")
ALLOWED = Decision("allow", "Reading", rules=(RULE.rule,), policy="cd" * 32, determining=(RULE,))


class Words:
    """Text of 20,000 made-up words, few of them frequent, the same each time."""

    def __init__(self) -> None:
        self._random = random.Random(4)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._known = ["".join(self._random.choices(letters, k=7)) for _ in range(20_000)]
        self._weights = list(accumulate(1 / (n + 5) for n in range(len(self._known))))

    @property
    def frequent(self) -> str:
        return self._known[0]

    @property
    def rare(self) -> str:
        return self._known[9_000]

    def text(self, count: int) -> str:
        chosen = self._random.choices(self._known, cum_weights=self._weights, k=count)
        return "\n".join(" ".join(chosen[n : n + 12]) for n in range(0, count, 12))


def session(words: Words, events: int) -> Iterator[Event]:
    """So many events: turns of five calls each."""
    yield started()
    count, turn = 2, 0
    while count < events:
        turn += 1
        yield TurnStarted(turn=turn)
        yield Prompt(turn=turn, text=words.text(12))
        content = [{"type": "text", "text": words.text(24)}]
        yield ModelReplied(
            turn=turn, model="claude", stop="tool_use", content=content, usage=Usage(900, 90)
        )
        for number in range(5):
            yield from call(words, f"c{turn}.{number}", turn)
        yield TurnEnded(turn=turn, stop="done", usage=Usage(900, 90))
        count += 24
    yield SessionEnded(stop="done", exit_code=0)


def conversation(words: Words, messages: int) -> Iterator[Event]:
    """So many messages: turns of a prompt, a reply with a call, its result and a reply."""
    yield started()
    for turn in range(1, messages // 4 + 1):
        name = f"c{turn}"
        use = {"type": "tool_use", "id": name, "name": "git__show", "input": {"path": "a.py"}}
        yield TurnStarted(turn=turn)
        yield Prompt(turn=turn, text=words.text(12))
        for content in (
            [{"type": "text", "text": words.text(24)}, use],
            [{"type": "text", "text": words.text(24)}],
        ):
            yield ModelReplied(
                turn=turn, model="claude", stop="tool_use", content=content, usage=Usage(900, 90)
            )
            if use in content:
                yield from call(words, name, turn)
        yield TurnEnded(turn=turn, stop="done", usage=Usage(900, 90))
    yield SessionEnded(stop="done", exit_code=0)


def call(words: Words, name: str, turn: int) -> Iterator[Event]:
    path = f"src/{words.text(1)}.py"
    yield ToolCalled(turn=turn, call=name, ext="git", tool="show", args={"path": path})
    yield ToolJudged(
        turn=turn, call=name, principal=ANA, agent="", ext=GIT, tool="show", tool_class="read",
        resources=(Resource(f"path:{path}", "read"),), args_digest="ef" * 32,
        decision=ALLOWED, args={"path": path},
    )  # fmt: skip
    yield ToolStarted(turn=turn, call=name, ext=GIT, tool="show", tool_class="read")
    yield ToolFinished(turn=turn, call=name, outcome="ok", bytes=300, text=words.text(36))


def write(sessions: str, number: int, events: Iterator[Event]) -> str:
    now = START_NS + number * 60_000_000_000

    def clock() -> int:
        nonlocal now
        now += 1_000_000
        return now

    with SessionLog.create(sessions, clock=clock) as log:
        for event in events:
            log.write(event)
    return log.folder


def row(what: str, act: Callable[[], object], each: int = 0) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    per = f"{each / wall:12,.0f} events/s" if each else ""
    sys.stdout.write(f"{what:<46} {wall * 1e3:10,.1f} ms {cpu * 1e3:10,.1f} ms CPU {per}\n")
    sys.stdout.flush()


def command(what: str, *arguments: str) -> None:
    """A row for a whole command in a process of its own, with its peak memory."""
    code = (
        "import resource, sys; from devagent.cli.entry import run_command_line as run\n"
        "code = run(sys.argv[1:])\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)\n"
        "raise SystemExit(code)"
    )
    wall = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - wall
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stderr}")
    *_, cpu, peak = done.stderr.split()
    sys.stdout.write(
        f"{what:<46} {wall * 1e3:10,.1f} ms {float(cpu) * 1e3:10,.1f} ms CPU"
        f" {int(peak) / 1024:6,.0f} MB at most\n"
    )
    sys.stdout.flush()


def ready(folder: str, script: str, session: str) -> Callable[[], None]:
    """Opens the session to go on with. ``_open`` closes it, and so verifies it once more."""
    options = Options(
        folder=folder,
        mode="run",
        approver=Unattended(),
        model=f"rehearsal:{script}",
        resume=session,
    )
    loop = asyncio.new_event_loop()

    def act() -> None:
        opened = loop.run_until_complete(open_session(options))
        _open.append(lambda: loop.run_until_complete(opened.close("done", 0)))

    return act


def main(count: int, long: int) -> None:
    import os

    from devagent.audit.search import search_sessions

    files.to_disk = _nothing
    words = Words()
    with tempfile.TemporaryDirectory() as home:
        os.environ["DEVAGENT_HOME"] = home
        root = os.path.join(home, "sessions")
        row(
            f"write {count:,} sessions",
            lambda: [write(root, n, session(words, 40)) for n in range(count)],
            count * 50,
        )
        row("index them", lambda: search_sessions(root, ["nothing"]), count * 50)
        for what, query in (
            ("a frequent word", [words.frequent]),
            ("a rare word", [words.rare]),
            ("two words", [words.frequent, words.rare]),
            ("the beginning of a word", [words.rare[:3] + "*"]),
            ("a word that is nowhere", ["nowhere"]),
        ):
            row(f"search for {what}", lambda query=query: search_sessions(root, query))
        size = os.path.getsize(os.path.join(root, "index.sqlite")) / 1e6
        sys.stdout.write(f"{'the index':<46} {size:10,.1f} MB\n")
        command("devagent session search", "session", "search", words.rare)
        command("devagent session list", "session", "list")
        middle = os.path.basename(write(root, count + 1, session(words, 5_000)))
        row("search after 5,000 new events", lambda: search_sessions(root, [words.rare]))
        for kind in ("html", "markdown", "json"):
            out = os.path.join(home, f"report.{kind}")
            command(
                f"report of 5,000 events, {kind}",
                *("session", "report", middle, "--format", kind, "-o", out),
            )
        script = os.path.join(home, "script.toml")
        with open(script, "w", encoding="utf-8") as file:
            file.write('name = "bench"\n[[reply]]\ntext = "Here."\n')
        going_on = ("run", "go on", "--model", f"rehearsal:{script}", "-C", home, "--resume")
        for messages in (40, 10_000):
            talk = os.path.basename(write(root, count + messages, conversation(words, messages)))
            row(f"ready to go on after {messages:,} messages", ready(home, script, talk))
            _open.pop()()
            command(f"run --resume after {messages:,} messages", *going_on, talk)
        last = os.path.basename(write(root, count + 2, session(words, long)))
        command(f"list with one of {long:,} events", "session", "list")
        command("search, indexing that one", "session", "search", words.rare)
        command("search again", "session", "search", words.rare)
        for kind in ("html", "markdown", "json"):
            out = os.path.join(home, f"long.{kind}")
            command(
                f"report of {long:,} events, {kind}",
                *("session", "report", last, "--format", kind, "-o", out),
            )
            sys.stdout.write(f"{'  its size':<46} {os.path.getsize(out) / 1e6:10,.1f} MB\n")
        command(f"run --resume of {long:,} events", *going_on, last)
        command(f"replay of {long:,} events", "session", "replay", last)
        command("review list", "review", "list")
        out = os.path.join(home, "long.jsonl")
        command(
            f"export of {long:,} events, jsonl",
            *("session", "export", last, "--format", "jsonl", "-o", out),
        )
        assert len(list(newest_first(root))) == count + 4
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{'this process':<46} {peak:24,.0f} MB at most\n")


def _nothing(descriptor: int) -> None:
    """In the place of fdatasync."""


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    main(*(given + [10_000, 200_000][len(given) :]))
