"""``devagent run``: one task, no questions, an honest exit code (design, section 8)."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from math import isfinite
from types import FrameType
from typing import Any

import click
from msgspec import UNSET, Struct

from devagent.cli.answer_schema import AnswerSchema
from devagent.cli.asynchronous import SIGNALS, run_until_done
from devagent.cli.output import FORMATS, Output, OutputFormat
from devagent.cli.prompt_source import read_prompt, recipe_prompt
from devagent.cli.result import EXIT_CODES, SERVICE, Result
from devagent.cli.stream_lines import VERSION, Init
from devagent.cli.workspace import workspace
from devagent.core.codec import to_plain
from devagent.core.errors import DevagentError, UsageError
from devagent.core.events import BudgetWarned, Event, SessionResumed, ToolJudged
from devagent.core.limits import Budget, Limits
from devagent.core.principal import Principal
from devagent.core.text import one_line
from devagent.repl.approver import Unattended
from devagent.repl.render import render
from devagent.repl.status_line import StatusLine
from devagent.session import Options, Session, open_session

MAX_REPLIES = 100
"""Without ``--max-turns``: no single task needs so many, and one that does can say so."""


class Task(Struct, frozen=True):
    """One run as the command line asks for it, with everything that can be checked already checked."""

    prompt: str
    output_format: OutputFormat
    options: Options
    schema: AnswerSchema | None
    attachments: Sequence[dict[str, Any]] = ()


class FiniteAbove0(click.FloatRange):
    """A number above 0; ``nan`` and ``inf`` are none, though ``float`` takes them."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is not a number above 0.", param, ctx)
        return number


@click.command()
@click.argument("prompt", required=False)
@click.option("-f", "--file", metavar="FILE", help="Read the prompt from this file.")
@click.option("--recipe", default="", metavar="NAME", help="Your organisation's prompt of that name; PROMPT is what it is about.")  # fmt: skip
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="The answer alone, one JSON result, or each event as a line of JSON.",
)
@click.option(
    "--json-schema",
    "schema_file",
    metavar="FILE",
    help="The answer must be JSON that fits; else exit 4.",
)
@click.option("--model", default="", metavar="MODEL", help="A model's id; or rehearsal:FILE, a script in its place.")  # fmt: skip
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="FILE",
    help="A further policy file; it can only narrow. May be repeated.",
)
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    metavar="NAME",
    help="Only this extension. May be repeated.",
)
@click.option(
    "--resume", default="", metavar="ID", help="Go on with an earlier session (an id, or `last`)."
)
@click.option("--continue", "go_on", is_flag=True, help="Go on with the last session.")
@click.option(
    "--max-turns",
    type=click.IntRange(min=1),
    metavar="N",
    default=MAX_REPLIES,
    show_default=True,
    help="At most so many replies of the model.",
)
@click.option(
    "--max-cost",
    type=FiniteAbove0(),
    metavar="USD",
    help="At most so many dollars.",
)
@click.option(
    "--time-limit",
    type=FiniteAbove0(),
    metavar="SECONDS",
    help="At most so long, all in all.",
)
@click.option(
    "--token-limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many tokens, read and written, cached ones too.",
)
@click.option(
    "--approvals",
    multiple=True,
    metavar="FILE",
    help="A signed file of approvals, to answer what policy asks about. May be repeated.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Judge every call and carry out none: the plan, and what policy says of it.",
)
@click.option(
    "--attach",
    "attachments",
    multiple=True,
    metavar="FILE",
    help="Send this image, PDF or text with the prompt. May be repeated.",
)
@click.option("--ticket", default="", metavar="KEY", help="The ticket that this is about; else the branch's name says.")  # fmt: skip
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="Work in this folder.")
def run(
    prompt: str | None,
    file: str | None,
    recipe: str,
    output_format: OutputFormat,
    schema_file: str | None,
    model: str,
    policies: tuple[str, ...],
    extensions: tuple[str, ...],
    resume: str,
    go_on: bool,
    max_turns: int,
    max_cost: float | None,
    time_limit: float | None,
    token_limit: int | None,
    approvals: tuple[str, ...],
    dry_run: bool,
    attachments: tuple[str, ...],
    ticket: str,
    folder: str,
) -> int:
    """Do one task and leave: PROMPT, or - for standard input; piped text is joined to it.

    stdout carries the answer, stderr everything else. Nobody is asked anything: what policy would
    ask a person about is denied, and the exit code is 3.
    """
    try:
        if go_on and resume:
            raise UsageError("--continue and --resume name two sessions", hint="Give one of them.")
        # From here on there is a result whatever comes, also where the prompt is waited for.
        signal.signal(signal.SIGTERM, _interrupt)
        place = workspace(folder)
        text = recipe_prompt(recipe, prompt, file) if recipe else read_prompt(prompt, file)
        schema = AnswerSchema(schema_file) if schema_file else None
        blocks = _attached(attachments)
        asked = schema.asked(text) if schema else text
    except (Exception, KeyboardInterrupt) as error:
        if output_format == "text":
            raise
        return not_begun(output_format, error)
    task = Task(
        prompt=asked,
        output_format=output_format,
        schema=schema,
        attachments=blocks,
        options=Options(
            folder=place,
            mode="run",
            approver=Unattended(),
            model=model,
            policies=policies,
            extensions=extensions,
            resume="last" if go_on else resume,
            approvals=approvals,
            dry_run=dry_run,
            ticket=ticket,
            limits=Limits(
                max_turns=max_turns,
                run=Budget(
                    usd_micros=round(max_cost * 1e6) if max_cost is not None else None,
                    tokens=token_limit,
                    seconds=time_limit,
                ),
            ),
        ),
    )
    return run_task(task)


def _attached(paths: tuple[str, ...]) -> Sequence[dict[str, Any]]:
    if not paths:
        return ()
    from devagent.session.attachments import attached  # noqa: PLC0415  (only where there are some)

    return attached(paths)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


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
        with second_signal_ends():
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
    return int(plain["exit_code"])


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


@contextmanager
def second_signal_ends() -> Generator[None]:
    """All is done but for saying so: one signal changes nothing any more, a second ends a process whose output
    nobody takes."""
    seen: list[int] = []

    def noted(number: int, frame: FrameType | None) -> None:
        if seen:
            os._exit(EXIT_CODES["interrupted"])
        seen.append(number)

    try:
        before = [(number, signal.signal(number, noted)) for number in SIGNALS]
    except ValueError:  # not the main thread, which alone hears of signals
        before = []
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


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
