"""The chat's screen as a person meets it, in a real terminal."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.people import FeedbackGiven, UndoDone
from devagent.core.events.session import SessionEnded, SessionResumed
from devagent.core.events.turns import Prompt, TurnCut
from devagent.settings.identity import principal
from tests.support.command_line import logged, logs, own_file
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.terminal import LIMIT_S, POLL_S, Terminal, needs_tmux, terminal
from tests.support.workplace import workplace

pytestmark = needs_tmux
SCREENS = Path(__file__).parent / "screens"
QUESTION = "Allow this?"
READY = "/help"
COMPARED = """\
## What a fee is

A fee is **not** a tax, a toll or a *tip*; see [the law](https://example.com/law).

| name | free from | who says so |
| --- | ---: | --- |
| delivery | 5,000 | `fee.py` |
| 配達 | 3,000 | naïve façade 👍 |

```python
def fee(total: int) -> int:
    return 0 if total >= FREE_FROM else 490  # cents
```

> What is free has been paid for by somebody.

1. Change it
   - in one place
"""


def branch(name: str) -> Call:
    return Call("git__branch", {"action": "create", "name": name})


@pytest.fixture
def shop(home: Path) -> Path:
    """``~/shop``: a repository with one file and one commit."""
    folder = home / "shop"
    folder.mkdir()
    (folder / "fee.py").write_text(
        "FREE_FROM = 5000\n\n\ndef fee(total: int) -> int:\n    return 0 if total >= FREE_FROM else 490\n"
    )
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "The fee")
    return folder


def as_kept(screen: str) -> str:
    """A screen without what is another each time: ids, times, the version."""
    for pattern, same in (
        (r"\d{4}-\d\d-\d\d/[0-9A-Z]{26}", "2026-11-21/" + "0" * 26),
        (r"session [0-9A-Z]{26}", "session " + "0" * 26),
        (r" · \d+(\.\d+)? m?s\b", " · 0 ms"),
        (r"\b\d+\.\d+\.\d+\S*", "0.0.0"),
        (r"(snapshot|undo) [0-9a-f]{12}", r"\1 " + "0" * 12),
        (r"\b\d{4}-\d\d-\d\d\b", "2026-11-21"),
        (rf"\b(as|for|by user:?) ?{re.escape(principal().user)}\b", r"\1 ana"),
        (r"\.toml:\d+", ".toml:1"),
    ):
        screen = re.sub(pattern, same, screen)
    # Of cells that were erased a terminal may keep the colour.
    screen = re.sub(r"(?:\s|\x1b\[[\d;]*m)+\Z", "", screen)
    return "\n".join(line.rstrip() for line in screen.split("\n")) + "\n"


async def stands_as_kept(screen: Terminal, name: str, *, since: str = "") -> None:
    """Until the screen is the one that was looked at, from the row with ``since`` on (how far it had scrolled is a
    matter of time). Fails at the time limit; ``KEEP_SCREENS=1`` keeps a new one, once it stands still."""
    file = SCREENS / f"{name}.txt"
    keeps = bool(os.environ.get("KEEP_SCREENS"))
    wanted = file.read_text(encoding="utf-8") if not keeps else ""
    before, shown, still = "", "", 0
    async with asyncio.timeout(2 * LIMIT_S):
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < LIMIT_S:
            rows = (await screen.coloured()).split("\n")
            first = next((n for n, row in enumerate(rows) if since in row), None)
            if first is not None:
                before, shown = shown, as_kept("\n".join(rows[first:]))
                still = still + 1 if shown == before else 0
                if shown == wanted:
                    return
                if keeps and still > 50:
                    file.write_text(shown, encoding="utf-8")
                    return
            await asyncio.sleep(POLL_S)
    assert shown == wanted


async def there(file: Path) -> None:
    """Until the file is there. Fails at the time limit."""
    async with asyncio.timeout(LIMIT_S):
        while not file.exists():
            await asyncio.sleep(POLL_S)


async def test_a_first_start_explains_itself_and_is_of_use_without_a_key(shop: Path) -> None:
    async with terminal(cwd=shop, width=80, height=24, extra={"COLORFGBG": "15;0"}) as screen:
        await screen.shows("Welcome to devagent", "Nothing has been set up", "a rehearsal")
        await screen.presses("r")
        await screen.shows("rehearsal:tour", READY)
        await screen.types("hello")
        await screen.shows("new file, +3 -0", "org/baseline", QUESTION)
        assert not (shop / "devagent-tour.md").exists()
        await screen.presses("y")
        await screen.shows("Written, and a snapshot", "done ·", "›")
        assert (shop / "devagent-tour.md").exists()
        await screen.types("/undo")
        await screen.shows("undone: 1 file", "takes it back")
        assert not (shop / "devagent-tour.md").exists()
        await screen.types("/why")
        await screen.shows("asked about", "to get it", "answered yes", after="› /why")
        await stands_as_kept(screen, "why-80x24-dark", since="undone:")
        await screen.types("/cost")
        await screen.shows("/usage: all sessions")
        await screen.types("/bad it said too much")
        await screen.shows("feedback on the answer: bad: it said too much")
        await screen.types("/theme light")
        await screen.shows("colours for light")
        await screen.types("/clear")
        await screen.shows("devagent · rehearsal:tour", after="/clear")
        await screen.types("hello")
        await screen.shows("new file, +3 -0", QUESTION, "no, and say why")
        await screen.presses("a")
        await screen.shows("would be filed", "y file it")
        await stands_as_kept(screen, "filing-80x24-light", since="would be filed")
        await screen.presses("Escape")
        await screen.shows(QUESTION, "no, and say why")
        await screen.presses("n")
        await screen.shows("Not written, as you said", "done ·", "›")
        await stands_as_kept(screen, "no-80x24-light", since="you said no")
        await screen.types("/quit")
        await screen.shows("verify: ok", "[exit 0]")
    second, first = logs()
    events = logged(first)
    assert [one.note for one in events if isinstance(one, FeedbackGiven)] == ["it said too much"]
    assert any(isinstance(one, UndoDone) for one in events)
    assert verify_session(first).closed
    assert verify_session(second).closed


async def test_a_window_that_is_closed_over_a_question_leaves_a_finished_record(
    shop: Path,
) -> None:
    async with terminal(cwd=shop, width=80, height=24) as screen:
        await screen.shows("a rehearsal")
        await screen.presses("r")
        await screen.shows("rehearsal:tour", READY)
        await screen.types("hello")
        await screen.shows(QUESTION, "no, and say why")
        (log,) = logs()
        await screen.hangs_up()
        async with asyncio.timeout(LIMIT_S):
            while not verify_session(log).closed:
                await asyncio.sleep(POLL_S)
    ended = logged(log)[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.stop, ended.exit_code) == ("interrupted", 130)
    assert not (shop / "devagent-tour.md").exists()


ANSWERS = f"""\
name = "answers"
[[reply]]
text = '''
{COMPARED}'''
[[reply]]
text = "I try it."
[[reply.call]]
name = "secret"
tool = "workspace.read"
args = {{ path = ".env" }}
[[reply]]
text = "That file is not for me; `/why` says why."
"""


async def test_each_kind_of_screen_is_as_it_was_looked_at_in_both_sizes_and_themes(
    shop: Path,
) -> None:
    (shop.parent / "answers.toml").write_text(ANSWERS, encoding="utf-8")

    async def looked_at(theme: str, background: str, width: int, height: int) -> None:
        kind = f"{width}x{height}-{theme}"
        async with terminal(
            cwd=shop, width=width, height=height, extra={"COLORFGBG": background}
        ) as screen:
            await stands_as_kept(screen, f"first-start-{kind}", since="Welcome")
            await screen.presses("r")
            await screen.shows("rehearsal:tour", READY)
            await screen.types("hello")
            await stands_as_kept(screen, f"question-{kind}", since="Ctrl+O")
            await screen.presses("n")
            await screen.shows("Not written, as you said", "done ·", "›")
            await screen.types("/model rehearsal:../answers.toml")
            await screen.shows("now: rehearsal:answers", READY)
            await screen.types("/clear")
            await screen.shows("devagent · rehearsal:answers", READY, after="/clear")
            await screen.types("Compare them")
            await stands_as_kept(screen, f"answer-{kind}", since="A fee is")
            await screen.types("And .env?")
            await stands_as_kept(screen, f"denied-{kind}", since="And .env?")
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")

    await asyncio.gather(
        *(
            looked_at(theme, background, *size)
            for theme, background in (("light", "0;15"), ("dark", "15;0"))
            for size in ((80, 24), (200, 50))
        )
    )


async def test_a_yes_can_hold_for_the_session_be_filed_narrower_or_answer_several(
    tmp_path: Path, home: Path
) -> None:
    work = workplace(tmp_path, home)
    steps = [
        Step(calls=[branch("here"), branch("folder")]),
        Step(calls=[branch("here"), branch("folder")]),
        Step(calls=[branch("one")]),
        Step(calls=[branch("one")]),
        Step(calls=[branch("a"), branch("b"), branch("c")]),
        Step(calls=[branch("no")]),
        Step(text="That is all."),
    ]
    async with MessagesServer(steps) as server, terminal("chat", cwd=work, server=server) as screen:
        await screen.shows(READY)
        await screen.types("Branches")
        await screen.shows("write branch:here", "this session", "this folder", QUESTION)
        await screen.presses("s")
        await screen.shows("you said yes (session)", "write branch:folder", QUESTION)
        await screen.presses("p")
        await screen.shows("would be filed: git.branch  in this folder", "in another folder")
        await screen.presses("y")
        # Both are asked for again, and answered by what holds; a third is not like them.
        await screen.shows("write branch:one", QUESTION)
        await screen.presses("a")
        await screen.shows("would be filed: git.branch  in every folder", "does not", "y file it")
        await screen.presses("d")
        await screen.shows("fewer days (now 7)")
        await screen.presses("e")
        await screen.shows("with exactly these arguments", "any arguments")
        await screen.presses("y")
        # The same call again is answered by what is on file; the three that follow, together.
        await screen.shows("approval ", "write branch:a", "all 3 like it", QUESTION)
        await screen.presses("b")
        await screen.shows("3 of 3", "write branch:b", "write branch:c", "Allow all 3")
        await screen.presses("y")
        await screen.shows("write branch:no", QUESTION)
        await screen.presses("n")
        await screen.shows("you said no", "That is all.", "done", "›")
        await screen.types("/permissions")
        await screen.shows("git.branch", "used once", after="/permissions")
        await screen.presses("C-d")
        await screen.shows("verify: ok", "[exit 0]")
    assert git(work, "branch", "--format=%(refname:short)").split() == [
        "a",
        "b",
        "c",
        "folder",
        "here",
        "main",
        "one",
    ]
    answers = [one.approval for one in logged(logs()[0]) if isinstance(one, ApprovalAnswered)]
    assert [(one.answer, one.method, one.scope) for one in answers] == [
        ("yes", "terminal", "session"),
        ("yes", "terminal", "project"),
        ("yes", "file", "session"),
        ("yes", "file", "project"),
        ("yes", "terminal", "always"),
        ("yes", "file", "always"),
        *[("yes", "terminal", "once")] * 3,
        ("no", "terminal", "once"),
    ]


async def test_escape_stops_a_reply_and_gives_back_what_was_not_read(
    tmp_path: Path, home: Path
) -> None:
    work = workplace(tmp_path, home)
    steps = [
        Step(text=[f"word{number} " for number in range(200)], fault="stall", at=9_000),
        Step(text="I read all of it."),
    ]
    async with (
        MessagesServer(steps) as server,
        terminal("chat", cwd=work, server=server, width=80, height=30) as screen,
    ):
        await screen.shows(READY)
        await screen.types("Tell me")
        await screen.shows("word20", "esc to stop")
        await screen.tmux("send-keys", "-l", "half a sen")
        await screen.resizes(50, 20)
        await screen.shows("esc to stop", "› half a sen")
        await screen.resizes(100, 30)
        await screen.tmux("send-keys", "-l", "tence")
        await screen.presses("Enter")
        await screen.shows("at its next step: half a sentence")
        await screen.presses("Escape")
        shown = await screen.shows("stopped; what was done so far stays", "› half a sentence")
        assert "word20" in shown
        await screen.presses("C-u")
        await screen.pastes("\n".join(f"line {number}" for number in range(5_000)), tmp_path)
        await screen.shows("› [pasted #1: 5,000 lines]")
        await screen.presses("Enter")
        await screen.shows("… 4,970 more lines", "I read all of it.", "done", "›")
        await screen.presses("C-c")
        await screen.shows("Ctrl+C again leaves")
        await screen.presses("C-c")
        await screen.shows("verify: ok", "[exit 0]")
    events = logged(logs()[0])
    assert TurnCut(turn=1, err="cancelled") in events
    (_, pasted) = [one.text for one in events if isinstance(one, Prompt)]
    assert pasted.count("\n") == 4_999


async def test_escape_in_a_tool_ends_its_process_and_a_killed_chat_goes_on(
    shop: Path, home: Path
) -> None:
    del home
    marker = shop / "late"
    todo = [{"text": "wait for it", "state": "doing"}, {"text": "say so", "state": "open"}]
    steps = [
        Step(calls=[Call("agent__todo", {"items": todo})]),
        Step(calls=[Call("workspace__shell", {"command": "sleep 60 && touch late"})]),
        Step(text=["Half ", "a sen"], fault="stall", at=900),
        Step(text="Here again."),
    ]
    async with MessagesServer(steps) as server:
        async with terminal("chat", cwd=shop, server=server) as screen:
            await screen.shows(READY)
            await screen.types("Wait")
            await screen.shows("run   command:sleep 60", QUESTION)
            await screen.presses("y")
            await screen.shows("esc to stop", "to do: 0/2 done, now: wait for it")
            await screen.resizes(30, 150)
            narrow = await screen.shows("workspace.shell…", "now: wai…")
            assert (narrow.count("● w") + narrow.count("○ w"), narrow.count("to do:")) == (1, 1)
            await screen.resizes(110, 150)
            await screen.shows("esc to stop", "to do: 0/2 done, now: wait for it")
            await screen.presses("Escape")
            await screen.shows("stopped; what was done so far stays", "›")
            await screen.types("And now")
            await screen.shows("Half a")
            await screen.kills()
            await screen.shows("[exit 137]")
        async with terminal("--continue", cwd=shop, server=server) as screen:
            await screen.shows("session resumed", "left unfinished: “And now”", READY)
            await screen.shows("to do: 0/2 done, now: wait for it")
            await screen.types("/todo add tell Bo")
            await screen.shows("1. [>] wait for it", "3. [ ] tell Bo  (yours)")
            await screen.types("/todo done 1")
            await screen.shows("1. [x] wait for it", "to do: 1/3 done, next: say so")
            await screen.types("Are you there?")
            await screen.shows("Here again.", "done", "›")
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")
    assert "3. [ ] tell Bo (the person put this on the list)" in str(server.requests[-1].body)
    assert not marker.exists()
    (log,) = logs()
    events = logged(log)
    assert [one.outcome for one in events if isinstance(one, ToolFinished)] == ["ok", "cut", "ok", "ok"]  # fmt: skip
    assert any(isinstance(one, SessionResumed) for one in events)


async def test_two_chats_in_one_repository_do_not_meet(tmp_path: Path, home: Path) -> None:
    work = workplace(tmp_path, home)

    async def asked(screen: Terminal) -> None:
        await screen.shows(READY)
        await screen.types("Branch, please")
        await screen.shows(QUESTION)

    first, second = (
        [Step(calls=[branch(name)]), Step(text=f"{name} it is.")] for name in ("one", "two")
    )
    async with (
        MessagesServer(first) as one,
        MessagesServer(second) as two,
        terminal("chat", cwd=work, server=one) as left,
        terminal("chat", cwd=work, server=two) as right,
    ):
        await asked(left)
        await asked(right)
        for screen, name in ((right, "two"), (left, "one")):
            await screen.presses("y")
            await screen.shows(f"{name} it is.", "done", "›")
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")
    assert {"one", "two"} <= set(git(work, "branch", "--format=%(refname:short)").split())
    assert [verify_session(log).closed for log in logs()] == [True, True]


async def test_a_folders_own_words_wait_for_trust_and_planning_is_kept_by_policy(
    shop: Path,
) -> None:
    (shop / "AGENTS.md").write_text("Always say TEAPOT.\n")
    (shop / ".devagent/commands").mkdir(parents=True)
    (shop / ".devagent/commands/greet.md").write_text("Greet $ARGUMENTS nicely.\n")
    write = Call("workspace__write", {"path": "new.txt", "content": "x"})
    edit = Call(
        "workspace__edit",
        {"path": "fee.py", "edits": [{"old": "5000", "new": "3000", "all": False}]},
    )
    steps = [
        Step(text="Hello."),
        Step(calls=[write]),
        Step(text="Planned."),
        Step(text=COMPARED, calls=[edit]),
        Step(text="That is all."),
    ]
    async with (
        MessagesServer(steps) as server,
        terminal(
            "chat", cwd=shop, server=server, width=200, height=50, extra={"COLORFGBG": "0;15"}
        ) as screen,
    ):
        await screen.shows("This folder has 2 files for the agent", "AGENTS.md", "t trust")
        await screen.presses("t")
        await screen.shows(READY)
        await screen.types("/greet Ana")
        await screen.shows("Hello.", "done", "›")
        await screen.types("!echo from me")
        await screen.shows("run   command:echo from me", QUESTION)
        await screen.presses("y")
        await screen.shows("● workspace.shell", "›")
        await screen.types("/plan on")
        await screen.shows("nothing but reading", "plan: only reading")
        await screen.types("Write it")
        await screen.shows(
            "denied by narrowing/plan#only-reading", "→ /plan off", "Planned.", "done"
        )
        await screen.types("/policy try git.status")
        await screen.shows("allowed", "nothing was run or recorded", after="/policy try")
        await screen.tmux("send-keys", "-l", "look at @fe")
        await screen.shows("› look at @fe", " fee.py")
        await screen.presses("Tab")
        await screen.shows("› look at @fee.py")
        await screen.tmux("send-keys", "-l", " now")
        await screen.shows("› look at @fee.py now")
        await stands_as_kept(screen, "planning-200x50-light", since="/plan on")
        await screen.presses("C-u")
        await screen.types("/theme dark")
        await screen.shows("colours for dark")
        await screen.types("/plan off")
        await screen.shows("No longer planning")
        await screen.types("Compare them with @fee.py")
        await screen.shows("a tax, a toll", QUESTION)
        await stands_as_kept(screen, "table-200x50-dark", since="Compare them")
        await screen.presses("n")
        await screen.shows("That is all.", "done", after="Compare them")
        await screen.presses("C-d")
        await screen.shows("verify: ok", "[exit 0]")
    assert not (shop / "new.txt").exists()
    first = server.requests[0].body
    assert "Always say TEAPOT." in str(first["system"])
    assert "Greet Ana nicely." in str(first["messages"])
    assert "from me" in str(server.requests[-1].body["messages"])
    judged = [one for one in logged(logs()[0]) if isinstance(one, ToolJudged)]
    assert [one.decision.effect for one in judged] == ["ask", "deny", "allow", "ask"]


async def test_a_terminal_that_can_do_no_more_gets_lines_and_every_command(
    shop: Path, home: Path
) -> None:
    (shop / "AGENTS.md").write_text("Always say TEAPOT.\n")
    shell = Call("workspace__shell", {"command": "touch begun && sleep 60"})
    write = Call("workspace__write", {"path": "new.txt", "content": "x"})
    steps = [Step(text="Hello.", calls=[write]), Step(text="As you like."), Step(calls=[shell])]
    own_file("style.toml", 'tone = "plain and short"\n')
    async with MessagesServer(steps) as server:
        async with terminal("--plain", cwd=shop, server=server) as screen:
            await screen.shows("This folder has 1 file for the agent", "Answer:")
            await screen.types("t")
            await screen.shows("devagent · claude-sonnet-5-5", "›")
            await screen.types("Hi")
            await screen.shows(
                "Hello.", "new file, +1 -0", "Allow this?", "no, and say why", "Answer:"
            )
            await screen.types("sure")
            await screen.shows("One of: y, n, c")
            await screen.types("c")
            await screen.shows("Why not?")
            await screen.types("not now")
            await screen.shows("you said no: not now", "As you like.", "done", "›")
            await screen.types("/why")
            await screen.shows("asked about", "answered no by", after="› /why")
            await screen.types("Wait")
            await screen.shows("command:sleep 60", "Answer:", after="› Wait")
            await screen.types("y")
            await there(shop / "begun")
            await screen.presses("C-c")
            await screen.shows("stopped; what was done so far stays", "›")
            assert "\x1b[3" not in await screen.coloured()
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")
        async with terminal(
            "--screen-reader", "--resume", "last", cwd=shop, server=server
        ) as screen:
            await screen.shows("you: Hi", "no, workspace.write", "you: Wait", "session resumed")
            await screen.types("/resume")
            await screen.shows("1. ", "Which one? A number, or nothing:")
            await screen.types("")
            await screen.shows("no session was chosen")
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")
    system = str(server.requests[0].body["system"])
    assert "Always say TEAPOT." in system
    assert "The person wants answers so: tone: plain and short." in system
    assert not (shop / "new.txt").exists()
