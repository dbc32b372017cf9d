"""What a person types in a chat, in a real terminal: mentions, pictures, servers' prompts, history, editors, vi."""

import base64
import json
import sys
from pathlib import Path

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ToolCalled, ToolJudged
from tests.support.command_line import ROOT, devagent, logged, logs, own_file
from tests.support.messages_server import MessagesServer, Step
from tests.support.repositories import git
from tests.support.terminal import needs_tmux, terminal

pytestmark = needs_tmux
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CONFIG = f"""
[extensions.tickets.trackers.own]
projects = ["SHOP"]
[extensions.docs.collections.book]
path = "handbook"
[extensions.suite]
type = "stdio"
command = {json.dumps(sys.executable)}
args = ["-m", "devagent.gateway.fixture"]
env = {{ PYTHONPATH = {json.dumps(str(ROOT))} }}
start_s = 120
"""
POLICY = """\
version = 1
name = "mine"
layer = "local"
[[rule]]
id = "look"
effect = "allow"
tools = ["tickets.*", "docs.*", "mcp.*"]
"""


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_whatever_is_mentioned_is_read_before_the_model_is_asked(
    tmp_path: Path, home: Path
) -> None:
    own_file("config.toml", CONFIG)
    own_file("policy.toml", POLICY)
    shop, programs = home / "shop", tmp_path / "bin"
    (shop / "handbook").mkdir(parents=True)
    programs.mkdir()
    (shop / "fee.py").write_text("FREE_FROM = 5000\n\n\ndef delivery_fee(total):\n    return 490\n")
    (shop / "handbook/fees.md").write_text("# Fees\n\nDelivery is free from 50 euros on.\n")
    (shop / "shot.png").write_bytes(PNG)
    git(shop, "init", "-q")
    ticket = tmp_path / "a.md"
    ticket.write_text("# Free delivery from 30\n\nAs the board wants it.\n")
    imported = await devagent("tickets", "import", "SHOP", str(ticket), cwd=shop)
    indexed = await devagent("docs", "index", cwd=shop)
    assert (imported.code, indexed.code) == (0, 0), (imported, indexed)
    script(programs / "wl-paste", f"cat {shop}/shot.png")
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
    steps = [Step(text="Seen."), Step(text="Asked.")]
    async with (
        MessagesServer(steps) as server,
        terminal(
            "chat", cwd=shop, server=server, width=180, extra={"WAYLAND_DISPLAY": "w", "PATH": path}
        ) as screen,
    ):
        await screen.shows("/help")

        async def takes(typed: str, offered: str, taken: str) -> None:
            await screen.tmux("send-keys", "-l", typed)
            await screen.shows(offered)
            await screen.presses("Tab")
            await screen.shows(taken)
            await screen.presses("Space")

        await takes("see @deliv", "def delivery_fee", "see @fee.py:4")
        await takes("@sho", "shot.png", "@shot.png")
        await takes("@tickets:delivery", "Free delivery from 30", "@tickets:SHOP-1")
        await takes("@docs:delivery", "docs:book", "@docs:book")
        await takes(
            "@suite:test://static-te", "suite:test://static-text", "@suite:test://static-text"
        )
        await screen.presses("C-v")
        await screen.shows("[image #1: 70 B]")
        await screen.presses("Enter")
        await screen.shows(
            "● workspace.read shot.png", "● workspace.read fee.py", "● tickets.get ticket:",
            "● docs.read", "Seen.", "done", "›",
        )  # fmt: skip
        await screen.tmux("send-keys", "-l", "/suite:test_prompt_with_arg")
        await screen.shows("suite: ")
        await screen.presses("Tab")
        await screen.tmux("send-keys", "-l", " arg")
        await screen.shows("arg1=", "arg2=")
        await screen.tmux("send-keys", "-l", "1=one arg2=two")
        await screen.presses("Enter")
        await screen.shows("Asked.", "done", "›", after="arg2=two")
        await screen.presses("C-d")
        await screen.shows("verify: ok", "[exit 0]")
    first, second = (str(request.body["messages"]) for request in server.requests)
    assert first.count("'type': 'image'") == 2
    for words in ("def delivery_fee", "As the board wants it", "free from 50 euros", "static text"):
        assert words in first
    assert "arg1='one'" in second
    (log,) = logs()
    events = logged(log)
    asked_by = {one.call: one.asked_by for one in events if isinstance(one, ToolCalled)}
    judged = [one for one in events if isinstance(one, ToolJudged)]
    assert {asked_by[one.call] for one in judged} == {"screen", "person"}
    assert verify_session(log).closed


async def test_what_was_typed_is_found_again_and_can_be_written_in_an_editor_and_in_vi(
    tmp_path: Path, home: Path
) -> None:
    own_file("config.toml", '[terminal]\nediting = "vi"\n')
    editor = script(tmp_path / "editor", 'echo "from the editor" > "$1"')
    steps = [Step(text=f"Answer {n}.") for n in range(4)]
    async with MessagesServer(steps) as server:
        for said in ("The first thing", "Another thing"):
            async with terminal("chat", cwd=home, server=server) as screen:
                await screen.shows("/help")
                await screen.types(said)
                await screen.shows("Answer", "done", "›")
                await screen.presses("C-d")
                await screen.shows("verify: ok", "[exit 0]")
        async with terminal("chat", cwd=home, server=server, extra={"EDITOR": editor}) as screen:
            await screen.shows("/help")
            await screen.presses("C-r")
            await screen.tmux("send-keys", "-l", "first")
            await screen.shows("› The first thing")
            await screen.presses("Enter")
            await screen.presses("Escape")
            await screen.tmux("send-keys", "-l", "0cwMy ")  # vi: another first word
            await screen.shows("› My first thing")
            await screen.presses("Enter")
            await screen.shows("Answer 2.", "done", "›")
            await screen.tmux("send-keys", "C-x", "C-e")
            await screen.shows("› from the editor")
            await screen.presses("Enter")
            await screen.shows("Answer 3.", "done", "›")
            await screen.types("/edit")
            await screen.shows("feedback on the answer: edit", "from the editor", after="/edit")
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")
    said = [request.body["messages"][-1]["content"][-1]["text"] for request in server.requests]
    assert said[2].startswith("My")
    assert said[3] == "from the editor"
