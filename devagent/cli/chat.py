"""``devagent chat``: a plain conversation in the terminal."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing

import click

from devagent.cli.asynchronous import run_until_done
from devagent.cli.workspace import workspace
from devagent.core.errors import Stop, UsageError
from devagent.core.events import Event, ModelFailed, ModelReplied, Prompt, SessionResumed, TextDelta
from devagent.core.text import visible
from devagent.repl.approver import AtTerminal
from devagent.repl.render import render
from devagent.repl.status_line import StatusLine
from devagent.session import Options, Session, open_session
from devagent.settings.identity import principal
from devagent.undo.errors import SnapshotError

PICK = "?"
"""What ``--resume`` without an id stands for."""

HELP = (
    "/help  /status  /compact [undo]  /undo [list|preview|ID]  /quit     "
    "Ctrl+C stops the agent, Ctrl+D leaves"
)


@click.command()
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
    "--resume",
    is_flag=False,
    flag_value=PICK,
    default="",
    metavar="[ID]",
    help="Go on with an earlier session: an id, a name, `last`; without one, choose.",
)
@click.option("--continue", "go_on", is_flag=True, help="Go on with the last session.")
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="Work in this folder.")
def chat(
    model: str = "",
    policies: tuple[str, ...] = (),
    extensions: tuple[str, ...] = (),
    resume: str = "",
    go_on: bool = False,
    folder: str = ".",
) -> int:
    """Talk with the agent in this folder."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("chat needs a terminal", hint='In scripts say `devagent run "…"`.')
    if go_on and resume:
        raise UsageError("--continue and --resume name two sessions", hint="Give one of them.")
    place = workspace(folder)
    if resume == PICK:
        from devagent.cli.session.choosing import chosen  # noqa: PLC0415  (only to choose)

        resume = chosen()
    options = Options(
        folder=place,
        mode="chat",
        interactive=True,
        approver=AtTerminal(principal().user),
        model=model,
        policies=policies,
        extensions=extensions,
        resume="last" if go_on else resume,
    )
    run_until_done(_converse(options))
    return 0


async def _converse(options: Options) -> None:
    from prompt_toolkit import PromptSession  # noqa: PLC0415  (140 ms, loaded while nothing waits for it)

    session = await open_session(options)
    click.echo(_greeting(session))
    if isinstance(session.opening[0], SessionResumed):
        click.echo(render(session.opening[0]))
        if session.unfinished:
            click.echo(f"left unfinished: {session.unfinished}")
    prompt: PromptSession[str] = PromptSession()
    stop: Stop = "done"
    try:
        while True:
            try:
                text = (await prompt.prompt_async("› ")).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            if text in ("/quit", "/exit"):
                break
            if text == "/help":
                click.echo(HELP)
            elif text == "/status":
                click.echo(_greeting(session))
            elif text in ("/compact", "/compact undo"):
                await _interruptible(session, _compact(session, undo=text.endswith("undo")))
            elif text.split()[0:1] == ["/undo"]:
                await _undo(session, text.split()[1:])
            elif text.startswith("/"):
                click.echo(f"There is no command {visible(text.split()[0])}. {HELP}")
            elif text:
                await _interruptible(session, _show(session.turn(text)))
                if session.unanchored:
                    click.echo(f"! the record is {session.unanchored}")
    except asyncio.CancelledError:
        stop = "interrupted"
        raise
    finally:
        exit_code = 130 if stop == "interrupted" else 0
        click.echo(f"session {session.id}  {await session.close(stop, exit_code)}")


async def _undo(session: Session, words: list[str]) -> None:
    """``/undo``, ``/undo list``, ``/undo preview [ID]``, ``/undo ID``."""
    from devagent.cli.undo import listed, previewed  # noqa: PLC0415  (only when somebody asks for it)

    try:
        if words[:1] == ["list"]:
            lines = listed(await session.snapshots())
            click.echo("\n".join(lines[:30]) or "no snapshots of this workspace")
        elif words[:1] == ["preview"]:
            click.echo("\n".join(previewed(await session.preview_undo(" ".join(words[1:])))))
        else:
            click.echo(render(await session.undo(" ".join(words))))
    except SnapshotError as error:
        click.echo(str(error))


async def _interruptible(session: Session, work: Coroutine[None, None, object]) -> None:
    """A turn, or what is like one; Ctrl+C cuts it and keeps the conversation."""
    import signal  # noqa: PLC0415

    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
        if session.out_of_time is not None:
            click.echo("\n" + render(session.out_of_time))
            return
        click.echo("\nstopped; what was done so far stays")
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _show(turn: AsyncGenerator[Event, None]) -> int:
    """Draw each event; how many there were."""
    streaming, count = False, 0
    status = StatusLine(sys.stdout)
    try:
        async with aclosing(turn) as events:
            async for event in events:
                if not status.event(event):
                    streaming = _draw(event, streaming)
                count += 1
    finally:
        status.wipe()
    return count


async def _compact(session: Session, *, undo: bool) -> None:
    if not await _show(session.undo_compaction() if undo else session.compact()):
        click.echo("There is nothing to undo." if undo else "There is nothing to compact yet.")


def _draw(event: Event, streaming: bool) -> bool:
    """Put one event on the screen; whether a text is still open on the last line."""
    match event:
        case TextDelta(text=text):
            sys.stdout.write(visible(text))
            sys.stdout.flush()
            return True
        case ModelReplied() if streaming:
            sys.stdout.write("\n")
            return False
        case ModelFailed() if streaming:
            sys.stdout.write("\n")
        case Prompt():
            return False  # the line editor has left it on the screen
        case _:
            pass
    if line := render(event):
        click.echo(line)
    return False


def _greeting(session: Session) -> str:
    layers = ", ".join(f"{layer.layer}/{layer.name}" for layer in session.policy.layers)
    tools = f"{len(session.offered)} tools"
    hidden = f" ({len(session.hidden)} hidden by policy)" if session.hidden else ""
    lines = [
        f"devagent · {session.model} · {tools}{hidden} · policy {layers}",
        f"log {session.folder}",
    ]
    if session.unanchored:
        lines.append(f"! the record is {session.unanchored}")
    if session.policy.locked:
        lines.insert(0, f"LOCKED, reading only: {session.policy.locked}")
    return "\n".join(lines)
