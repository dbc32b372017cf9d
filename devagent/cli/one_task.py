"""One task driven from its prompt to its result: the session opened, its turns told, its record closed, the result
said once, with an honest exit code (design, section 8)."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import click
from msgspec import UNSET, Struct

from devagent.cli import delivery
from devagent.cli.answer_schema import AnswerSchema
from devagent.cli.asynchronous import run_until_done
from devagent.cli.output import Output, OutputFormat
from devagent.cli.result import EXIT_CODES, SERVICE, Result
from devagent.cli.stream_lines import VERSION, Init
from devagent.core.codec import to_plain
from devagent.core.errors import DevagentError
from devagent.core.events import Event
from devagent.core.events.calls import ToolJudged
from devagent.core.events.session import SessionResumed
from devagent.core.events.turns import BudgetWarned
from devagent.core.principal import Principal
from devagent.core.text import one_line
from devagent.repl.render import render
from devagent.repl.status_line import StatusLine
from devagent.session import Options, Session, open_session


class Task(Struct, frozen=True):
    """One run as the command line asks for it, with everything that can be checked already checked."""

    prompt: str
    output_format: OutputFormat
    options: Options
    schema: AnswerSchema | None
    attachments: Sequence[dict[str, Any]] = ()


def not_begun(output_format: OutputFormat, error: Exception | KeyboardInterrupt) -> int:
    """The result of a run that could not even be put together."""
    result = Result()
    _take_failure(error, result)
    plain = result.plain(duration_ms=0)
    Output(output_format).result(plain)
    return int(plain["exit_code"])


Turns = Callable[[Session, Task, Result, Output], Awaitable[None]]
"""What is said to the model of an open session."""


def run_task(task: Task, turns: Turns | None = None) -> int:
    """Run the task to its end and print its result; the exit code. Exactly one result, whatever happens, as long as
    there is somewhere to print it: OSError where standard output takes nothing any more."""
    began = time.monotonic()
    result, output = Result(), Output(task.output_format)
    told: list[dict[str, Any]] = []

    def tell() -> None:
        told.append(result.plain(duration_ms=round((time.monotonic() - began) * 1000)))
        code, wait_s = told[0]["exit_code"] or EXIT_CODES["limit"], _patience(task, result, began)
        with delivery.delivering(code, wait_s):
            output.result(told[0])

    async def driven() -> None:
        try:
            await _drive(task, result, output, turns or _turns)
        except (asyncio.CancelledError, Exception) as error:
            if output.is_broken:
                raise
            _take_failure(error, result)
        tell()

    try:
        if task.options.dry_run:
            result.judged = []
        run_until_done(driven())
    except (Exception, KeyboardInterrupt) as error:
        if output.is_broken:
            raise
        if not told:
            _take_failure(error, result)
            tell()
    plain = told[0]
    if result.judged and output.is_text:
        _tell_judged(result)
    if output.is_text and not sys.stderr.isatty():
        for source in dict.fromkeys(one.source for one in result.citations):
            click.echo(f"source: {one_line(source, 300)}", err=True)
    if plain["reason"] and task.output_format == "text":
        click.echo(f"devagent: {plain['reason']}", err=True)
        for grant in dict.fromkeys(d["grant"] for d in plain["permission_denials"] if d["grant"]):
            click.echo(f"  to be granted: {grant}", err=True)
        if any(denial["effect"] == "ask" for denial in plain["permission_denials"]):
            click.echo(f"  {TO_ANSWER}", err=True)
    return int(plain["exit_code"])


TO_ANSWER = (
    "beforehand: `devagent policy suggest --from last --unanswered` proposes rules for what nobody could answer, "
    "`devagent policy approvals export --from-session last -o FILE` answers it for a later run"
)


def _patience(task: Task, result: Result, began: float) -> float | None:
    """So many seconds the result waits for a reader who takes nothing; None: as long as it takes."""
    if result.stop == "interrupted" or result.reason.startswith("time_limit"):
        return delivery.GRACE_S
    most = task.options.limits.run.seconds
    return None if most is None else max(began + most - time.monotonic(), delivery.GRACE_S)


async def _drive(task: Task, result: Result, output: Output, turns: Turns) -> None:
    session = await open_session(task.options)
    result.session = session.id
    try:
        output.opened(_init(session))
        for event in session.opening:
            output.event(event)
            if output.is_text and isinstance(event, SessionResumed) and event.changed:
                click.echo(render(event), err=True)
        if output.is_text and session.unfinished:
            click.echo(f"left unfinished: {session.unfinished}", err=True)
        await turns(session, task, result, output)
    except asyncio.CancelledError:
        if session.out_of_time is None:
            result.stop_for("interrupted", "interrupted")
        else:
            _take(session.out_of_time, result, output)
    except OSError as error:
        if not output.is_broken:
            _os_failed(error, result)
            raise
        # Nobody reads any more, or the disk under stdout is full: the record still gets its end.
        result.stop_for("failed", f"the output cannot be written: {error.strerror}")
        raise
    except DevagentError as error:
        result.fail(error)
    except Exception as error:
        _fault(result, error)
        raise
    finally:
        if output.is_text and session.unanchored:
            click.echo(f"devagent: the record is {session.unanchored}", err=True)
        ended = result.plain(0)
        try:
            result.log = await session.close(ended["stop"], ended["exit_code"], ended["reason"])
        except DevagentError as error:
            result.log = "verify: FAILED, the log could not be closed"
            result.fail(error)


def _take_failure(error: BaseException, result: Result) -> None:
    """What ended the run from outside its session; a fault of devagent's own is told on standard error besides."""
    match error:
        case DevagentError():
            result.fail(error)
        case OSError():
            _os_failed(error, result)
        case Exception():
            _fault(result, error, told=True)
        case _:
            result.stop_for("interrupted", "interrupted")


def _os_failed(error: OSError, result: Result) -> None:
    what = error.filename or "reading or writing failed"
    result.stop_for("failed", f"{what}: {error.strerror or error}")


def _fault(result: Result, error: Exception, *, told: bool = False) -> None:
    from devagent.cli.fault import in_a_sentence, tell  # noqa: PLC0415  (imports traceback)

    result.stop_for("failed", in_a_sentence(error))
    if told:
        tell(error)


async def _turns(session: Session, task: Task, result: Result, output: Output) -> None:
    shape = task.schema.held if task.schema else None
    await take_turn(
        session, task.prompt, result, output, attachments=task.attachments, schema=shape
    )
    if task.schema is None or result.stop != "done":
        return
    value, problem = task.schema.fit(result.text)
    if problem:
        asked = task.schema.repair(problem)
        await take_turn(session, asked, result, output, of_the_house=True, schema=shape)
        value, problem = task.schema.fit(result.text)
    if problem:
        result.stop_for("schema", f"the answer does not fit the schema: {problem}")
    else:
        result.structured = value


async def take_turn(
    session: Session,
    text: str,
    result: Result,
    output: Output,
    *,
    of_the_house: bool = False,
    attachments: Sequence[dict[str, Any]] = (),
    schema: dict[str, Any] | None = None,
    also: Callable[[Event], None] | None = None,
) -> None:
    """One turn, its events told to the result, to the output and to whom ``also`` is."""
    status = StatusLine(sys.stderr) if output.is_text and sys.stderr.isatty() else None
    try:
        turn = session.turn(
            text,
            of_the_house=of_the_house,
            attachments=attachments,
            answer_schema=schema,
        )
        async with aclosing(turn) as events:
            async for event in events:
                _take(event, result, output)
                if also is not None:
                    also(event)
                if status and not status.event(event) and (line := render(event)):
                    click.echo(line, err=True)
                await output.drained()
    finally:
        if status:
            status.wipe()


def _take(event: Event, result: Result, output: Output) -> None:
    result.apply(event)
    output.event(event)
    if output.is_text and not sys.stderr.isatty() and _is_news(event):
        click.echo(render(event), err=True)


def _is_news(event: Event) -> bool:
    """Whether whoever reads standard error must hear of it."""
    match event:
        case BudgetWarned():
            return True
        case ToolJudged(ext=ext, decision=decision):
            return ext.name == SERVICE and decision.effect != "allow"
        case _:
            return False


def _tell_judged(result: Result) -> None:
    """The calls of a dry run, on stderr, as a person reads them."""
    click.echo("devagent: dry run, nothing was carried out", err=True)
    would = {"allow": "allowed", "ask": "asked about", "deny": "denied"}
    for one in result.judged or ():
        touched = f"  {', '.join(one.resources)}" if one.resources else ""
        rules = f" by {', '.join(one.rules)}" if one.rules else ""
        why = f" ({one.reason})" if one.effect != "allow" and not one.rules else ""
        line = f"  {would[one.effect]}{rules}: {one.tool}{touched}{why}"
        click.echo(one_line(line.strip(), 300), err=True)


def _init(session: Session) -> dict[str, Any]:
    started = session.opening[0]
    init = Init(
        v=VERSION,
        session=session.id,
        model=session.model,
        principal=getattr(started, "principal", Principal()),
        policy=session.policy.compiled.digest,
        tools=[tool.qualified for tool in session.offered],
        hidden_by_policy=[tool.qualified for tool in session.hidden],
        dry_run=getattr(started, "dry_run", False) or UNSET,
    )
    return to_plain(init)
