"""Each command of the chat as somebody types it, odd arguments too."""

import sys
import threading
from pathlib import Path

import pytest

from devagent.cli.chat.commands import cli as command_line
from devagent.cli.chat.slash import ALIASES, MEANT, TABLE
from devagent.settings.folder import TrustedFolders, folder_says
from devagent.settings.places import places
from tests.support.chats import talking
from tests.support.repositories import git

SCRIPT = """\
name = "look"

[[reply]]
text = "I look."
[[reply.call]]
name = "files"
tool = "workspace.list"
[[reply.call]]
name = "secret"
tool = "workspace.read"
args = { path = ".env" }

[[reply]]
text = "There is one file."

[[reply]]
text = "Once more."
"""


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = home / "shop"
    folder.mkdir()
    (folder / "fee.py").write_text("FREE = 5000\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "The fee")
    (folder / "fee.py").write_text("FREE = 3000\n")
    (home / "look.toml").write_text(SCRIPT)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TERM", "dumb")
    return folder


DRIVEN: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "before": (
        ("/why", ("no call has been judged yet",)),
        ("/context", ("the window is empty",)),
        ("/compact", ("nothing to compact yet",)),
        ("/good", ("no answer to speak of yet",)),
        ("/edit", ("no answer to correct yet",)),
        ("/expand", ("no call has been judged yet",)),
        ("/cost", ("nothing: a script plays the model",)),
    ),
    "after": (
        ("/help", ("Commands", "/quit", "Keys")),
        ("/help why", ("/why [N calls back]", "why the last call was")),
        ("/status", ("session 01", "folder", "policy org/baseline")),
        ("/model", ("price", "now: rehearsal:", "/model NAME")),
        ("/cost", ("0 in, 0 out", "/usage: all sessions")),
        ("/usage --since 7d --by model", ("rehearsal",)),
        ("/context", ("tokens",)),
        ("/compact undo", ("nothing to undo",)),
        ("/policy", ("org/baseline", "rules")),
        ("/policy try workspace.read path=.env", ("denied", "nothing was run or recorded")),
        ("/policy try workspace.raed", ("no tool workspace.raed", "Did you mean workspace.read")),
        ("/policy try", ("name a call",)),
        ("/policy show 'x", ("the line cannot be read",)),
        ("/why", ("workspace.read", "denied", "to get it", "/why 2: the call before")),
        ("/why 99", ("99 calls back",)),
        ("/why x", ("a number",)),
        ("/permissions", ("no approvals",)),
        ("/permissions revoke zz", ("there is no approval 'zz'",)),
        ("/plan maybe", ("/plan on or /plan off",)),
        ("/plan off", ("not planning",)),
        ("/ext", ("workspace", "git", "ready")),
        ("/mcp", ("there are no MCP servers",)),
        ("/ticket", ("name a ticket",)),
        ("/ticket SHOP-1", ("tickets.get is not offered here",)),
        ("/docs free delivery", ("documentation collection is configured",)),
        ("/diff", ("-FREE = 5000", "+FREE = 3000")),
        ("/undo list", ("no snapshots",)),
        ("/undo preview nothing", ("not one of the snapshots", "/undo list")),
        ("/rewind", ("no snapshots",)),
        ("/rewind ffffffffffff", ("not one of the snapshots",)),
        ("/expand 2", ("workspace.list", "fee.py")),
        ("/expand x", ("a number",)),
        ("/stats", ("0 in, 0 out",)),
        ("/approvals", ("no approvals",)),
        ("/jobs", ("workspace.job", "no jobs")),
        ("/todo", ("nothing on the list",)),
        ("/todo add look again", ("1. [ ] look again",)),
        ("/todo done 1", ("1. [x] look again",)),
        ("/todo done 7", ("there is no entry 7",)),
        ("/todo drop 1", ("nothing on the list",)),
        ("/todo sing", ("/todo add TEXT",)),
        ("/rename", ("give it a name",)),
        ("/rename first look", ("is now first look",)),
        ("/rename --help", ("Usage",)),
        ("/sessions", ("first look",)),
        ("/resume last week", ("There is no session of",)),
        ("/resume nothing such", ("Nothing was found.", "/resume alone")),
        ("/resume first look", ("that is this session",)),
        ("/export", ("written to session-",)),
        ("/export out.md", ("written to out.md",)),
        ("/export no/such/out.md", ("no/such",)),
        ("/report out.html", ("written to out.html",)),
        ("/report out.html", ("out.html is there already",)),
        ("/resume -1", ("No such option",)),
        ("/model fst", ("unknown model 'fst'",)),
        ("/good", ("feedback on the answer: good",)),
        ("/bad 'too long", ("feedback on the answer: bad: too long",)),
        ("/doctor", ("devagent:", "extension workspace")),
        ("/config", ("model = ", "stall_s")),
        ("/config path", ("sessions",)),
        ("/config dance", ("No such command 'dance'",)),
        ("/theme", ("/theme auto|light|dark",)),
        ("/theme dark", ("colours for dark",)),
        ("/quti", ("There is no command /quti.", "Did you mean /quit?")),
        ("/", ("There is no command /.",)),
    ),
}  # fmt: skip


async def test_each_command_does_what_it_says_and_odd_arguments_get_a_clear_word(
    shop: Path,
) -> None:
    async with talking(str(shop), f"rehearsal:{shop.parent / 'look.toml'}") as chat:
        for typed, wanted in DRIVEN["before"]:
            await chat.says(typed, *wanted)
        await chat.says("What is here?", "There is one file.", "done")
        for typed, wanted in DRIVEN["after"]:
            await chat.says(typed, *wanted)
        assert chat.screen.count("Traceback") == 0
        assert chat.screen.count("written to out.html") == 1
        assert chat.screen.count("written to no/such") == 0
        assert chat.screen.count("goes on with one of these") == 0
        assert chat.screen.count("session resumed") == 0  # for a model that there is not
        before = chat.chat.session.id
        await chat.says("/fork", f"a fork of {before}")
        assert chat.chat.session.id != before
        await chat.says("/plan", "nothing but reading")
        await chat.says("/policy", "narrowing/plan")
        await chat.says("/plan", "No longer planning")
        await chat.says("/resume first look", "session resumed", "› /todo drop 1")  # how it ended
        assert chat.chat.session.id == before
        await chat.says("/clear", "verify: ok", " tools")
        await chat.says("/quit", "verify: ok")
    assert (shop / "out.md").read_text().startswith("# ")
    assert "<html" in (shop / "out.html").read_text()
    typed = {line.split()[0][1:] for part in DRIVEN.values() for line, _ in part}
    driven_elsewhere = {"init", "clear", "fork", "quit", "resume"}
    assert set(TABLE) <= typed | driven_elsewhere


async def test_a_chat_that_was_begun_with_a_prompt_answers_it_and_goes_on(shop: Path) -> None:
    model = f"rehearsal:{shop.parent / 'look.toml'}"
    async with talking(str(shop), model, "What is here?") as chat:
        screen = await chat.shows("There is one file.", "done")
        assert screen.count("What is here?") == 1  # shown, though nobody typed it here
        await chat.says("And now?", "Once more.")
        await chat.says("/clear", "verify: ok", " tools")  # another session does not begin with it
        await chat.says("/status", "session 01")
        assert chat.screen.count("What is here?") == 1


def test_another_programs_word_means_a_command_that_is_there() -> None:
    assert set(MEANT.values()) <= set(TABLE)
    assert not set(MEANT) & (set(TABLE) | set(ALIASES))


async def test_a_folders_own_command_stands_before_another_programs_word(shop: Path) -> None:
    commands = shop / ".devagent/commands"
    commands.mkdir(parents=True)
    (commands / "stats.md").write_text("Count the lines of $ARGUMENTS")
    TrustedFolders(f"{places().data}/folders.json").trust(str(shop), folder_says(str(shop)))
    async with talking(str(shop), f"rehearsal:{shop.parent / 'look.toml'}") as chat:
        await chat.says("/stats fee.py", "There is one file.")
        assert "0 in, 0 out" not in chat.screen


def test_a_command_that_would_ask_something_is_told_to_be_run_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asks(arguments: list[str]) -> int:
        del arguments
        try:
            input("Sure? ")
        except EOFError:
            return 130
        return 0

    monkeypatch.setattr("devagent.cli.entry.run_command_line", asks)
    keyboard = sys.stdin
    said = command_line._output(["ext", "add", "x y"])  # pyright: ignore[reportPrivateUsage]
    assert "run `devagent ext add 'x y'` outside of the chat" in said.text
    assert sys.stdin is keyboard


def test_two_commands_at_once_do_not_take_each_others_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside, go_on, screen = threading.Event(), threading.Event(), sys.stdout

    def one(arguments: list[str]) -> int:
        if arguments == ["first"]:
            inside.set()
            assert go_on.wait(20)
        sys.stdout.write(arguments[0])
        return 0

    monkeypatch.setattr("devagent.cli.entry.run_command_line", one)
    said: dict[str, command_line.Told] = {}

    def run(name: str) -> None:
        said[name] = command_line._output([name])  # pyright: ignore[reportPrivateUsage]

    threads = [threading.Thread(target=run, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert inside.wait(20)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert said == {name: (name, 0) for name in ("first", "second")}
    assert sys.stdout is screen
