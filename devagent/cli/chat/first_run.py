"""The first screen on a fresh computer: what this is, and the shortest way to something that works."""

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from devagent.core.errors import ConfigError
from devagent.repl.messages import tr
from devagent.repl.style import Line, Segment, line
from devagent.settings.config import load_config
from devagent.settings.credentials import NoKey, check_keyring, to_keyring
from devagent.settings.places import places

if TYPE_CHECKING:
    from devagent.cli.chat.shown import Shown

TOUR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tour.toml")


def explained() -> tuple[Line, ...]:
    """The screen."""
    return (
        line(Segment(tr("Welcome to devagent."), "bold+accent")),
        line(tr("An agent that works in this folder through tools: files, shell, git, SQL, docs.")),
        line("  · ", tr("Reading here is free. Whatever changes something is shown to you first, and runs once you say yes.")),
        line("  · ", tr("Policy decides what may be asked of you at all:"), Segment(" /policy", "code"), tr(" shows it,"), Segment(" /why", "code"), tr(" explains each decision.")),
        line("  · ", tr("Every step is on record, signed, before it happens;"), Segment(" /undo", "code"), tr(" takes changes back.")),
        line("  · ", tr("Nothing has been set up or sent so far.")),
        (),
        line(tr("It needs a key for Claude (console.anthropic.com, API keys). None was found in ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or the keyring.")),
    )  # fmt: skip


async def without_key(chat: "Shown", error: NoKey) -> bool:
    """Explain, and ask for a key or offer the rehearsal; False where the person leaves."""
    chat.print(explained() if chat.fresh else explained()[-1:])
    while True:
        rows = [
            line(Segment(tr("How do you want to begin?"), "bold")),
            line(Segment("  k", "bold+accent"), f" {tr('type a key (it is not shown)')}"),
            line(Segment("  r", "bold+accent"), f" {tr('a rehearsal: a script plays the model, all else is real; no key')}"),
            line(Segment("  q", "bold+accent"), f" {tr('leave')}"),
        ]  # fmt: skip
        key = await chat.live.ask(rows, ["k", "r", "q", "escape", "c-c", "c-d"])
        if key == "r":
            chat.asked = replace(chat.asked, model=f"rehearsal:{TOUR}")
            return True
        if key != "k":
            return False
        if await _key(chat):
            return True


async def _key(chat: "Shown") -> bool:
    from devagent.session.key_check import check_key  # noqa: PLC0415  (network code, for this alone)

    typed = await chat.live.read(tr("API key:"), secret=True)
    key = (typed or "").strip()
    if not key:
        return False
    if any(c.isspace() or not c.isprintable() for c in key):
        chat.say(tr("that is not a key: it has spaces or control characters in it"), "ask")
        return False
    chat.live.hint = tr("asking the service whether it takes the key …")
    try:
        unchecked = await check_key(load_config(places().config), os.environ, key)
    except ConfigError as refused:
        chat.say(str(refused), "ask")
        return False
    finally:
        chat.live.hint = ""
    if unchecked:
        chat.say(tr("the key could not be checked: {why}").format(why=unchecked), "ask")
    try:
        check_keyring()
        chat.say(
            tr("Kept in {place}; `devagent auth logout` removes it.").format(place=to_keyring(key))
        )
    except ConfigError as nowhere:
        chat.environment = {**os.environ, "ANTHROPIC_API_KEY": key}
        chat.say(
            tr(
                "{why}; the key is used until you leave, and kept nowhere. `devagent auth login` keeps one in an encrypted file."
            ).format(why=nowhere.what),
            "ask",
        )
    return True
