"""``devagent demo``: the governed path on a sample company, from the first read to the verified log."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import aclosing

import click

from devagent.audit.layout import EVENTS
from devagent.audit.verify import verify_session
from devagent.cli.asynchronous import run_until_done
from devagent.cli.demo.company import Company, build
from devagent.cli.demo.drawn import say
from devagent.core.errors import ConfigError, Stop
from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.turns import Prompt, TurnEnded
from devagent.core.text import one_line, visible
from devagent.core.verdicts import RuleReference
from devagent.repl.approver import AtTerminal, Unattended
from devagent.repl.render import render
from devagent.repl.words import Signs, signs_for
from devagent.session import Options, Session, open_session
from devagent.settings.config import load_config
from devagent.settings.identity import principal
from devagent.settings.places import places
from devagent.settings.policies import is_enrolled

PROMPT = (
    "My change to src/delivery.py is ready. See how many orders it would have touched, get me the names and "
    "addresses of those customers, commit it on a branch, push that, and then put it on main by force."
)


@click.command()
@click.option(
    "--model",
    "which",
    type=click.Choice(["rehearsal", "claude"]),
    default="rehearsal",
    show_default=True,
    help="A script in the model's part, or Claude (needs a key).",
)
@click.option("--keep", is_flag=True, help="Leave the sample company's folder there.")
def demo(which: str, keep: bool) -> int:
    """Watch a governed session on a sample company; nothing of yours is touched.

    A repository, a database and two policies are made in a temporary folder. The model's part is played by a
    script; the tools, the policies, the decisions and the log are real.
    """
    if which == "claude" and is_enrolled():
        raise ConfigError(
            "this computer is governed by an organisation; its policy holds for every model, also in a demo",
            hint="`devagent demo` without --model plays a script instead.",
        )
    attended = sys.stdin.isatty() and sys.stdout.isatty()
    folder = os.path.realpath(tempfile.mkdtemp(prefix="devagent-demo-"))
    try:
        company = build(folder, load_config(places().config))
        options = Options(
            folder=company.repository,
            mode="chat" if attended else "run",
            interactive=attended,
            approver=AtTerminal(principal().user) if attended else Unattended(),
            extensions=("git", "sql"),
            model="" if which == "claude" else f"rehearsal:{company.rehearsal}",
            org_policy=company.org_policy,
            local_policy=company.local_policy,
            config=company.config,
        )
        return run_until_done(_play(options, company, attended, folder))
    finally:
        if keep:
            click.echo(f"The sample company is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _play(options: Options, company: Company, attended: bool, folder: str) -> int:
    signs = signs_for(sys.stdout.encoding)
    session = await open_session(options)
    seen: list[Event] = []
    stop: Stop = "failed"
    exit_code = 1
    say(_opening(session, company, attended), signs)
    try:
        async with aclosing(session.turn(PROMPT)) as events:
            async for event in events:
                seen.append(event)
                if text := render(event, signs):
                    say(f"\n{text}" if _begins_a_step(event) else text, signs)
        last = seen[-1]
        if isinstance(last, TurnEnded) and last.stop == "done":
            stop, exit_code = "done", 0
    except asyncio.CancelledError:
        stop, exit_code = "interrupted", 130
        say(f"\ninterrupted; `devagent session show {session.id}` has what was done", signs)
        raise
    finally:
        await session.close(stop, exit_code)
    for line in _closing(session, seen, signs, folder):
        say(line, signs)
    found = verify_session(session.folder)
    say(
        f"{signs.yes if found.ok else signs.no} {found.headline}"
        if sys.stdout.isatty()
        else found.headline,
        signs,
    )
    if attended:
        say(_next(), signs)
    return exit_code if found.ok else 1


def _next() -> str:
    return (
        "\nNext, in a folder of yours: `devagent auth login` keeps a key, `devagent` begins (without a key with a rehearsal), "
        "`devagent policy edit` is where you allow more, or less."
    )


def _begins_a_step(event: Event) -> bool:
    return not isinstance(event, ToolFinished | ApprovalAnswered | TurnEnded)


def _opening(session: Session, company: Company, attended: bool) -> str:
    layers = " and ".join(f"{layer.layer}/{layer.name}" for layer in session.policy.layers)
    lines = [
        "Acme Tea, a sample company: a git repository, its origin, a database with personal data.",
        f"  folder  {company.repository}",
        f"  policy  {layers}, in force for every call",
        f"  tools   {len(session.offered)} offered; hidden, because policy never grants them: "
        + (", ".join(tool.qualified for tool in session.hidden) or "none"),
        f"  model   {session.model}",
    ]
    if not attended:
        lines.append(
            "  nobody  is at a terminal to answer: whatever policy asks a person counts as no"
        )
    return "\n".join(lines)


def _closing(session: Session, seen: list[Event], signs: Signs, folder: str) -> Iterator[str]:
    yield "\nThe session, call by call:"
    yield from _timeline(seen, signs)
    for rule in _refusing_rules(seen):
        yield f"\n{rule.rule} stands in {os.path.basename(rule.file)}:{rule.line}"
        yield from (f"    {line}" for line in _rule_text(rule))
    yield "\nIts log: every step was written before the next began. A copy with one byte changed:"
    yield f"  {_tampered(session.folder, folder)}"
    yield f"The log itself, to be read with `devagent session show {session.id}`:"


def _timeline(seen: list[Event], signs: Signs) -> Iterator[str]:
    answers = {event.call: event for event in seen if isinstance(event, ApprovalAnswered)}
    results = {event.call: event for event in seen if isinstance(event, ToolFinished)}
    for event in seen:
        if isinstance(event, Prompt):
            yield f"  {signs.prompt} {one_line(event.text, 90)}"
        if not isinstance(event, ToolJudged):
            continue
        rules = ", ".join(dict.fromkeys(r.rule for r in event.decision.determining))
        answer, result = answers.get(event.call), results.get(event.call)
        said = {"allow": "allowed", "ask": "asked", "deny": "denied"}[event.decision.effect]
        if answer is not None:
            said += f", {answer.approval.answer} ({answer.approval.method})"
        sign = signs.yes if result is not None and result.outcome == "ok" else signs.no
        took = f"{result.dur_us / 1000:6.1f} ms" if result is not None else " " * 9
        tool = event.full_name
        yield f"  {sign} {tool:<11} {took}  {said} by {rules or event.err}"


def _refusing_rules(seen: list[Event]) -> list[RuleReference]:
    """The rules that denied something, each once, as they came."""
    found = {
        rule.rule: rule
        for event in seen
        if isinstance(event, ToolJudged)
        for rule in event.decision.determining
        if rule.effect == "deny" and rule.file
    }
    return list(found.values())


def _rule_text(rule: RuleReference) -> Iterator[str]:
    """The rule as it stands in its file."""
    with open(rule.file, encoding="utf-8") as file:
        lines = file.read().splitlines()[rule.line - 1 :]
    for number, line in enumerate(lines):
        if not line.strip() or (number and line.startswith("[")):
            return
        yield visible(line)


def _tampered(log: str, folder: str) -> str:
    """What verification says of a copy of the log in which one byte is another."""
    copy = os.path.join(folder, "tampered")
    shutil.copytree(log, copy)
    path = os.path.join(copy, EVENTS)
    with open(path, "r+b") as file:
        data = file.read()
        at = data.index(b'"tool.judged"') + 1
        file.seek(at)
        file.write(b"T")
    return one_line(verify_session(copy).headline, 200)
