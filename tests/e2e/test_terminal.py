"""The chat and the demo on a real terminal."""

import signal
import tempfile
from pathlib import Path

import pytest

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ApprovalAnswered, ApprovalAsked
from devagent.core.events.people import UndoDone
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import TurnCut, TurnEnded
from tests.support.command_line import devagent, logged, logs
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.terminal import needs_tmux, terminal
from tests.support.workplace import CITIES, PUSH_MAIN, STATUS, workplace

STALL = Step(text=["Half ", "a sen"], fault="stall", at=900)
QUESTION = "Allow this"


def branch(name: str) -> Call:
    return Call("git__branch", {"action": "create", "name": name})


def _of_the_conversation(shown: str, end: str) -> list[str]:
    """The lines from the prompt on, without empty ones."""
    _, found, rest = shown.partition("› Branch, please")
    assert found
    lines = rest.partition(f"\n{end}")[0].split("\n")
    return [line.rstrip() for line in lines if line.strip() not in ("", "›")]


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


@needs_tmux
async def test_a_chat_shows_each_verdict_asks_the_person_and_leaves_a_verified_log(
    work: Path,
) -> None:
    steps = [
        Step(text="I look and push.", calls=[STATUS, PUSH_MAIN]),
        Step(text="Now the branch.", calls=[branch("mine"), branch("other")]),
        Step(text="One branch is there."),
    ]
    async with MessagesServer(steps) as server, terminal("chat", cwd=work, server=server) as screen:
        await screen.shows("devagent · claude-sonnet-5-5", "(1 hidden by policy)", "›")
        await screen.types("Branch, please")
        shown = await screen.shows(
            "● git.status repo:. · 1 row",
            *("✗ git.push branch:origin/main · denied by local/mine#main-by-review",),
            "→ Open a pull request",
            *("? git.branch  write", "write branch:mine"),
            *("asked by local/mine#branches-are-asked (policy.toml:", QUESTION),
        )
        assert "branch:other" not in shown
        assert git(work, "branch", "--list", "mine") == ""
        await screen.presses("y")
        await screen.shows(
            "● git.branch branch:mine", "you said yes", "write branch:other", QUESTION
        )
        await screen.presses("c")
        await screen.shows("Why not?")
        await screen.types("not that one")
        await screen.shows(
            "you said no: not that one",
            "One branch is there.",
            "done",
            "›",
            after="write branch:other",
        )
        await screen.presses("C-d")
        live = await screen.shows("verify: ok", "[exit 0]")
    replayed = await devagent("session", "replay", "last")
    assert replayed.code == 0
    stood = _of_the_conversation(live, "session 0")
    drawn = _of_the_conversation(replayed.stdout, "session ended")
    assert [one for one in drawn if one[:1] in "●✗"] == [one for one in stood if one[:1] in "●✗"]
    assert {"I look and push.", "Now the branch.", "One branch is there."} <= set(drawn) & set(
        stood
    )
    assert [git(work, "branch", "--list", name) for name in ("mine", "other")] == ["mine", ""]
    told = server.requests[-1].body["messages"][-1]["content"]
    assert "not that one" in told[1]["content"]
    (log,) = logs()
    answers = [e.approval for e in logged(log) if isinstance(e, ApprovalAnswered)]
    assert [(one.answer, one.method) for one in answers] == [
        ("yes", "terminal"),
        ("no", "terminal"),
    ]
    assert verify_session(log).closed


@needs_tmux
async def test_undo_in_a_chat_goes_back_is_on_record_and_told_to_the_model(work: Path) -> None:
    steps = [Step(calls=[branch("mine")]), Step(text="It is there."), Step(text="I see.")]
    async with MessagesServer(steps) as server, terminal("chat", cwd=work, server=server) as screen:
        await screen.shows("›")
        await screen.types("/undo")
        await screen.shows("there is nothing to undo", "›")
        await screen.types("Begin")
        await screen.shows(QUESTION)
        await screen.presses("y")
        await screen.shows("It is there.", "done", "›")
        assert git(work, "branch", "--list", "mine") != ""
        await screen.types("/undo preview")
        await screen.shows("before git.branch", "branch mine", "›", after="/undo preview")
        await screen.types("/undo")
        await screen.shows("undone: 0 files", "takes it back", "›", after="/undo preview")
        assert git(work, "branch", "--list", "mine") == ""
        await screen.types("And now?")
        await screen.shows("I see.", "›", after="And now?")
        await screen.presses("C-d")
        await screen.shows("verify: ok", "[exit 0]")
    texts = [block.get("text", "") for block in server.requests[-1].body["messages"][-1]["content"]]
    assert "The person undid changes" in texts[0]
    assert texts[-1] == "And now?"
    (log,) = logs()
    assert [one.principal.user != "" for one in logged(log) if isinstance(one, UndoDone)] == [True]


@needs_tmux
async def test_ctrl_c_stops_a_stalled_reply_and_keeps_the_conversation(work: Path) -> None:
    steps = [
        Step(text="A question first.", calls=[branch("mine")]),
        STALL,
        Step(text="Still here."),
    ]
    async with MessagesServer(steps) as server, terminal("chat", cwd=work, server=server) as screen:
        await screen.shows("›")
        await screen.types("Begin")
        await screen.shows(QUESTION)
        await screen.types("y")  # that a question was answered must not cost Ctrl+C
        await screen.shows("Half a")
        await screen.presses("C-c")
        await screen.shows("stopped", "›", after="Half a")
        await screen.types("Are you there?")
        await screen.shows("Still here.", "›", after="Are you there?")
        await screen.presses("C-d")
        await screen.shows("verify: ok", "[exit 0]")
    messages = server.requests[-1].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert [block.get("text") for block in messages[-1]["content"]] == [None, "Are you there?"]
    (log,) = logs()
    closed = [e for e in logged(log) if isinstance(e, TurnCut | TurnEnded)]
    assert closed[0] == TurnCut(turn=1, err="cancelled")
    assert isinstance(closed[1], TurnEnded)


@needs_tmux
async def test_ctrl_c_at_a_question_stops_the_turn_and_nothing_runs(work: Path) -> None:
    steps = [Step(calls=[branch("mine"), CITIES]), Step(text="Good.")]
    async with MessagesServer(steps) as server, terminal("chat", cwd=work, server=server) as screen:
        await screen.shows("›")
        await screen.types("Begin")
        await screen.shows(QUESTION)
        await screen.presses("C-c")
        await screen.shows("stopped", "›", after="with  action=create")
        await screen.types("Leave it")
        await screen.shows("Good.", "›", after="Leave it")
        await screen.presses("C-d")
        await screen.shows("verify: ok", "[exit 0]")
    assert git(work, "branch", "--list", "mine") == ""
    events = logged(logs()[0])
    asked = next(n for n, event in enumerate(events) if isinstance(event, ApprovalAsked))
    assert events[asked + 1] == TurnCut(turn=1, err="cancelled")
    told = server.requests[-1].body["messages"][-1]["content"]
    assert ["not run" in block["content"] for block in told[:2]] == [True, True]


@needs_tmux
async def test_a_session_is_chosen_with_its_end_in_view_and_goes_on(work: Path) -> None:
    steps = [Step(text="One."), Step(text="Two."), Step(text="Again.")]
    async with MessagesServer(steps) as server:
        for task in ("The first task", "The second task"):
            assert (await devagent("run", task, server=server, cwd=work)).code == 0
        async with terminal("--resume", cwd=work, server=server) as screen:
            await screen.shows("› ", "The second task", "Two.", "Enter goes on")
            await screen.presses("Down")
            await screen.shows("› The first task", "One.")
            await screen.presses("Up")
            await screen.tmux("send-keys", "-l", "first")
            await screen.shows("Go on with: first", "› The first task", "One.")
            await screen.presses("Enter")
            await screen.shows("session resumed", "›")
            await screen.types("And now?")
            await screen.shows("Again.", "›", after="And now?")
            await screen.presses("C-d")
            await screen.shows("verify: ok", "[exit 0]")
    assert "The first task" in str(server.requests[-1].body["messages"])


@needs_tmux
async def test_the_demo_asks_the_person_at_the_terminal(tmp_path: Path) -> None:
    for answer, said in (
        ("y", "is committed on free-delivery-from-30 and pushed"),
        ("n", "nobody said yes"),
    ):
        async with terminal("demo", cwd=tmp_path) as screen:
            await screen.shows("asks by local/mine#i-look-at-each-push (mine.toml:", QUESTION)
            await screen.types(answer)
            shown = await screen.shows("verify: ok", "[exit 0]")
        assert said in shown
        assert "[a]lways" not in shown  # an approval on file would outlive the sample company
        assert "denied by org/acme#no-force-push" in shown
        assert verify_session(logs()[0]).closed


@needs_tmux
@pytest.mark.parametrize("way", ["C-c", "SIGTERM"])
async def test_the_demo_that_is_stopped_at_its_question_leaves_nothing(
    tmp_path: Path, way: str
) -> None:
    async with terminal("demo", cwd=tmp_path) as screen:
        shown = await screen.shows("  folder  ", QUESTION)
        folder = Path(shown.partition("  folder  ")[2].splitlines()[0])
        assert folder.is_dir()
        if way == "C-c":
            await screen.presses(way)
        else:
            await screen.signals(signal.SIGTERM)
        left = await screen.shows("[exit 130]")
    assert "Traceback" not in left
    assert "interrupted; `devagent session show " in left
    assert not folder.parent.exists()
    ended = logged(logs()[0])[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.stop, ended.exit_code) == ("interrupted", 130)


async def test_the_demo_unattended_tells_every_denial_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    done = await devagent("demo")
    assert (done.code, done.stderr) == (0, "")
    for words in (
        "denied by org/acme#no-personal-data (acme.toml:53)",
        "to be granted: Ask #privacy",
        "denied by org/acme#main-by-review (acme.toml:27)",
        "denied by org/acme#no-force-push (acme.toml:35)",
        "to be granted: Open a pull request",
        "answered no by nobody",
        "A copy with one byte changed:\n  verify: FAILED events.jsonl:",
    ):
        assert words in done.stdout
    assert done.stdout.splitlines()[-1].startswith("verify: ok ")
    assert "@mail.example" not in done.stdout
    assert list(tmp_path.iterdir()) == []
    shown = await devagent("session", "show", "last")
    assert (shown.code, "denied by org/acme#no-force-push" in shown.stdout) == (0, True)


async def test_a_chat_needs_a_terminal() -> None:
    done = await devagent("chat")
    assert (done.code, done.stdout) == (2, "")
    assert "chat needs a terminal" in done.stderr
