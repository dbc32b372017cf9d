"""``/help``, ``/status``, ``/cost``, ``/context``, ``/theme``, ``/quit``."""

from msgspec.structs import replace

from devagent.cli.chat.saying import greeting
from devagent.cli.chat.screen import Chat
from devagent.cli.chat.slash import ALIASES, TABLE
from devagent.models.catalogue import REHEARSAL
from devagent.repl.capabilities import THEMES
from devagent.repl.messages import tr
from devagent.repl.style import Line, Segment, line
from devagent.repl.width import pad
from devagent.repl.words import usage_text

KEYS = (
    ("Enter", "send; while the agent works: a word to it, read before its next step"),
    ("Tab", "while the agent works: send it once the turn is over"),
    ("Alt+Enter, Ctrl+J, \\ Enter", "a new line"),
    ("Shift+Tab", "only reading, until it is pressed again"),
    ("Esc", "stop what is under way; what was done stays"),
    ("Ctrl+C", "clear the line, stop; twice: leave"),
    ("Ctrl+R", "search what you typed before"),
    ("Ctrl+X Ctrl+E", "write in your editor"),
    ("Ctrl+V", "the image in the clipboard"),
    ("Ctrl+O", "the last call in full"),
    ("Ctrl+Z", "back to the shell; fg goes on"),
)
LINE_KEYS = (
    ("Enter", "send"),
    ("Ctrl+C", "stop what is under way; twice: leave"),
    ("Ctrl+R", "search what you typed before"),
    ("Ctrl+X Ctrl+E", "write in your editor"),
)
SIGNS = (
    ("@", "a file, a symbol, an image; tickets:, docs: and servers' resources"),
    ("!", "a shell command of your own, through the same gate"),
)


async def help(chat: Chat, rest: str) -> None:
    """All commands and keys, or one command."""
    name = ALIASES.get(rest.lstrip("/"), rest.lstrip("/"))
    if name in TABLE:
        one = TABLE[name]
        chat.print([line(Segment(f"/{name} {one.usage}".rstrip(), "bold"), f"  {tr(one.about)}")])
        return
    rows: list[Line] = [line(Segment(tr("Commands"), "bold"))]
    for command, about in chat.commands().items():
        rows.append(line(Segment(f"  {pad(f'/{command}', 14)}", "accent"), about))
    rows += [(), line(Segment(tr("Keys"), "bold"))]
    keys = KEYS if chat.painter.capabilities.live else LINE_KEYS
    rows += [
        line(Segment(f"  {pad(key, 28)}", "accent"), tr(about)) for key, about in (*keys, *SIGNS)
    ]
    chat.print(rows)


async def status(chat: Chat, rest: str) -> None:
    """Who, which model, which policy, where the record is."""
    del rest
    session = chat.session
    rows = greeting(session)
    rows.append(line(Segment("session ", "quiet"), session.id))
    rows.append(line(Segment("folder  ", "quiet"), session.workspace))
    if chat.says.files:
        rows.append(line(Segment("trusted ", "quiet"), ", ".join(chat.says.files)))
    if chat.plan:
        rows.append(line(Segment("plan    ", "quiet"), "only reading; /plan off ends it"))
    if chat.asker.quick:
        rows.append(
            line(
                Segment(
                    tr("approved in under a second: {many}").format(many=chat.asker.quick), "ask"
                )
            )
        )
    chat.print(rows)


async def cost(chat: Chat, rest: str) -> None:
    """What this session used in this process, and what it cost."""
    del rest
    used = usage_text(chat.usage)
    if chat.usd_micros:
        dollars = f"${chat.usd_micros / 1e6:.4f}"
    elif chat.session.model.startswith(REHEARSAL):
        dollars = tr("nothing: a script plays the model")
    elif not (chat.usage.input or chat.usage.output):
        dollars = tr("nothing was asked of the model yet")
    else:
        dollars = tr("no price is known for it")
    chat.say(f"{used} · {dollars}   ({tr('/usage: all sessions')})")


async def theme(chat: Chat, rest: str) -> None:
    """Colours for another background, until the chat ends."""
    if rest not in THEMES:
        chat.say(f"/theme {'|'.join(THEMES)}; for good: [terminal] theme in the configuration")
        return
    chosen = next(one for one in THEMES if one == rest)
    chat.painter.use(replace(chat.painter.capabilities, theme=chosen))
    chat.live.restyle()
    chat.say(tr("colours for {theme}").format(theme=rest))


async def quit(chat: Chat, rest: str) -> None:
    """Leave."""
    del rest
    chat.leave()
