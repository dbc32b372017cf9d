"""A conversation line by line: for terminals that can do no more, and for screen readers. Nothing that was printed changes."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing

import click

from devagent.cli.chat import Asked
from devagent.core.errors import Stop
from devagent.core.events import Event, ModelFailed, ModelReplied, Prompt, SessionResumed, TextDelta
from devagent.core.text import visible
from devagent.repl.approver import AtTerminal
from devagent.repl.capabilities import Capabilities
from devagent.repl.forms import FormsAtTerminal
from devagent.repl.render import ASCII, FULL, READER, Signs, render, sources_text
from devagent.session import Options, Session, open_session
from devagent.settings.identity import principal
from devagent.undo.errors import SnapshotError

HELP = (
    "/help  /status  /compact [undo]  /undo [list|preview|ID]  /quit     "
    "Ctrl+C stops the agent, Ctrl+D leaves"
)


async def talk_plainly(asked: Asked, able: Capabilities) -> None:
    """Until the person leaves."""
    options = Options(
        folder=asked.folder,
        mode="chat",
        interactive=True,
        approver=AtTerminal(principal().user),
        elicitor=FormsAtTerminal(principal().user),
        model=asked.model,
        policies=asked.policies,
        extensions=asked.extensions,
        resume=asked.resume,
        ticket=asked.ticket,
        passphrase=asked.passphrase,
    )
    await _converse(options, able)


async def _converse(options: Options, able: Capabilities) -> None:
    signs = READER if able.reader else FULL if able.unicode else ASCII
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
                text = (
                    await prompt.prompt_async("you: " if able.reader else f"{signs.prompt} ")
                ).strip()
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
                await _interruptible(session, _compact(session, signs, undo=text.endswith("undo")))
            elif text.split()[0:1] == ["/undo"]:
                await _undo(session, text.split()[1:])
            elif text.startswith("/"):
                click.echo(f"There is no command {visible(text.split()[0])}. {HELP}")
            elif text:
                await _interruptible(session, _show(session.turn(text), signs))
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


async def _show(turn: AsyncGenerator[Event, None], signs: Signs) -> int:
    """Draw each event; how many there were."""
    streaming, count = False, 0
    async with aclosing(turn) as events:
        async for event in events:
            streaming = _draw(event, streaming, signs)
            count += 1
    return count


async def _compact(session: Session, signs: Signs, *, undo: bool) -> None:
    if not await _show(session.undo_compaction() if undo else session.compact(), signs):
        click.echo("There is nothing to undo." if undo else "There is nothing to compact yet.")


def _draw(event: Event, streaming: bool, signs: Signs) -> bool:
    """Put one event on the screen; whether a text is still open on the last line."""
    match event:
        case TextDelta(text=text):
            sys.stdout.write(visible(text))
            sys.stdout.flush()
            return True
        case ModelReplied() if streaming:
            sys.stdout.write("\n")
            if cited := sources_text(event, signs):
                click.echo(cited)
            return False
        case ModelFailed() if streaming:
            sys.stdout.write("\n")
        case Prompt():
            return False  # the line editor has left it on the screen
        case _:
            pass
    if line := render(event, signs):
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
