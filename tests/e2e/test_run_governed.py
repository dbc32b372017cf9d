"""``devagent run`` against a Messages API on loopback: a real repository, a real database, a real policy."""

from pathlib import Path
from typing import Any, Literal

import pytest

from devagent.audit.verify import verify_session
from devagent.core.codec import canonical, parse, to_plain
from devagent.core.events.calls import ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.ground import ExtensionRefused
from devagent.core.events.model import ModelFailed
from devagent.core.events.session import SessionEnded
from tests.support.command_line import KEY, devagent, logged, logs
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.shop import CANARY
from tests.support.workplace import (
    CITIES,
    COMMIT,
    EMAILS,
    PUSH_MAIN,
    RULE_LINES,
    STATUS,
    commits,
    committing,
    workplace,
)


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def results(server: MessagesServer) -> list[dict[str, Any]]:
    """The tool results that the model has read by the last request."""
    content = [
        block
        for message in server.requests[-1].body["messages"]
        if message["role"] == "user"
        for block in message["content"]
    ]
    return [block for block in content if block["type"] == "tool_result"]


@pytest.mark.parametrize("chunks", ["bytes", "primes", "random"])
async def test_a_run_commits_for_real_and_is_denied_what_policy_denies(
    work: Path, chunks: Literal["bytes", "primes", "random"]
) -> None:
    before = git(work.parent / "origin.git", "rev-parse", "main")
    look, change, _ = committing()
    change.calls.append(PUSH_MAIN)
    steps = [look, change, Step(calls=[EMAILS, CITIES]), Step(text="Done but for two things.")]
    for seed, step in enumerate(steps):
        step.chunks, step.seed = chunks, seed
    async with MessagesServer(steps) as server:
        done = await devagent("run", "Do it", "--output-format", "json", server=server, cwd=work)

    assert commits(work) == ["Say three", "Second", "First"]
    assert git(work, "show", "--format=%an <%ae>", "--stat", "HEAD").startswith("Ana Roe <ana@")
    assert git(work.parent / "origin.git", "rev-parse", "main") == before
    assert done.code == 3
    push, emails = done.result["permission_denials"]
    line = RULE_LINES["local/mine#main-by-review"]
    assert (push["tool"], push["effect"], push["grant"]) == (
        "git.push",
        "deny",
        "Open a pull request",
    )
    assert f"local/mine#main-by-review (policy.toml:{line})" in push["reason"]
    assert "branch:origin/main" in push["resources"]
    assert (emails["tool"], emails["grant"]) == ("sql.query", "Ask #privacy")
    assert "column:shop.main.customers.email" in emails["resources"]
    told = results(server)
    assert [block.get("is_error", False) for block in told] == [
        *(False, False, False, True),
        *(True, False),
    ]
    assert "Oslo" in told[-1]["content"]
    assert CANARY not in str([request.body for request in server.requests])

    (log,) = logs()
    assert verify_session(log).headline.startswith(f"verify: ok {done.result['session']}")
    started = [event.tool for event in logged(log) if isinstance(event, ToolStarted)]
    assert started == ["status", "add", "commit", "query"]
    everything = b"".join(file.read_bytes() for file in Path(log).iterdir() if file.is_file())
    assert CANARY.encode() not in everything
    assert KEY.encode() not in everything
    assert KEY not in done.stdout + done.stderr


async def test_stream_json_is_the_log_between_one_first_and_one_last_line(work: Path) -> None:
    steps = committing()
    steps[0].text = ["First ", "a ", "look."]
    async with MessagesServer(steps) as server:
        done = await devagent(
            "run", "Do it", "--output-format", "stream-json", server=server, cwd=work
        )
    init, *between, result = done.lines
    (log,) = logs()
    assert (init["type"], init["v"], init["session"]) == ("init", 1, result["session"])
    assert "git.commit" in init["tools"]
    assert init["hidden_by_policy"] == ["git.fetch"]
    deltas = [line["text"] for line in between if line["type"] == "text.delta"]
    assert "".join(deltas) == "First a look.Committed."
    ended = logged(log)[-1]
    assert isinstance(ended, SessionEnded)
    assert [line for line in between if line["type"] != "text.delta"] == [
        parse(canonical(to_plain(event))) for event in logged(log)[:-1]
    ]
    assert (done.code, done.result["stop"], ended.stop, ended.exit_code) == (0, "done", "done", 0)


async def test_text_is_the_last_message_alone_and_denials_are_told_beside_it(work: Path) -> None:
    steps = [Step(text="I push.", calls=[PUSH_MAIN]), Step(text="It was \x1b[31mrefused\x1b[0m.")]
    async with MessagesServer(steps) as server:
        done = await devagent("run", "Push", server=server, cwd=work)
    assert (done.code, done.stdout) == (3, "It was refused.\n")
    first, grant = done.stderr.splitlines()
    assert first.startswith(
        "devagent: git.push was denied by local/mine#main-by-review (policy.toml:"
    )
    assert grant == "  to be granted: Open a pull request"


async def test_what_policy_hides_is_not_listed_and_a_call_of_it_is_a_denial(work: Path) -> None:
    async with MessagesServer([Step(calls=[Call("git__fetch")]), Step(text="No.")]) as server:
        done = await devagent("run", "Fetch", "--output-format", "json", server=server, cwd=work)
    names = [tool["name"] for tool in server.requests[0].body["tools"]]
    (finder,) = (t for t in server.requests[0].body["tools"] if t["name"] == "devagent__find_tools")
    assert "git__fetch" not in names
    assert "fetch" not in finder["description"]
    assert "push" in finder["description"]
    (denial,) = done.result["permission_denials"]
    assert (done.code, denial["tool"], denial["effect"]) == (3, "git.fetch", "deny")


async def test_an_ask_that_nobody_can_answer_is_a_denial(work: Path) -> None:
    create = Call("git__branch", {"action": "create", "name": "mine"})
    async with MessagesServer([Step(calls=[create]), Step(text="No branch.")]) as server:
        done = await devagent("run", "Branch", "--output-format", "json", server=server, cwd=work)
    (denial,) = done.result["permission_denials"]
    assert (done.code, done.result["stop"], denial["effect"]) == (3, "policy", "ask")
    assert "nobody could be asked" in done.result["reason"]
    assert git(work, "branch", "--list", "mine") == ""
    (told,) = results(server)
    assert "Nobody is here to approve it" in told["content"]


async def test_in_text_the_ways_to_answer_beforehand_are_named_and_looked_into(
    work: Path,
) -> None:
    create = Call("git__branch", {"action": "create", "name": "mine"})
    async with MessagesServer([Step(calls=[create]), Step(text="No branch.")]) as server:
        done = await devagent("run", "Branch", server=server, cwd=work)
    assert (done.code, done.stdout) == (3, "No branch.\n")
    assert "`devagent policy suggest --from last --unanswered`" in done.stderr.splitlines()[-1]
    found = await devagent("policy", "suggest", "--from", "last", "--unanswered", cwd=work)
    assert found.code == 0, found.stderr
    assert "1 x git.branch: local/mine#branches-are-asked asks on purpose" in found.stdout


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(COMMIT, id="a commit of nothing"),
        pytest.param(Call("git__nonsense"), id="a tool that is not there"),
        pytest.param(Call("git__commit", {"mesage": "typo"}), id="arguments that do not fit"),
    ],
)
async def test_a_tool_that_fails_is_the_models_matter(work: Path, call: Call) -> None:
    async with MessagesServer([Step(calls=[call]), Step(text="It failed.")]) as server:
        done = await devagent("run", "Try", "--output-format", "json", server=server, cwd=work)
    (told,) = results(server)
    assert told["is_error"] is True
    assert (done.code, done.result["permission_denials"]) == (0, [])
    assert commits(work) == ["Second", "First"]


async def test_one_call_id_runs_once(work: Path) -> None:
    git(work, "add", "a.txt")
    twice = Call("git__commit", {"message": "Once"}, id="toolu_same")
    steps = [Step(calls=[twice]), Step(calls=[twice]), Step(text="Done.")]
    async with MessagesServer(steps) as server:
        done = await devagent("run", "Commit", server=server, cwd=work)
    assert commits(work)[:2] == ["Once", "Second"]
    (log,) = logs()
    judged = [event for event in logged(log) if isinstance(event, ToolJudged)]
    assert [event.err for event in judged] == ["", "repeated_call_id"]
    assert (done.code, verify_session(log).summary) == (0, "verify: ok")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Step(calls=[COMMIT], fault="early_end"), id="no message_stop"),
        pytest.param(Step(calls=[COMMIT], fault="disconnect", at=-40), id="cut"),
        pytest.param(Step(calls=[COMMIT], stream_error="overloaded_error"), id="error event"),
        pytest.param(Step(calls=[COMMIT], fault="malformed"), id="malformed"),
    ],
)
async def test_nothing_runs_from_a_reply_whose_stream_broke(work: Path, broken: Step) -> None:
    git(work, "add", "a.txt")
    async with MessagesServer([broken, Step(text="I do nothing.")]) as server:
        done = await devagent("run", "Commit", server=server, cwd=work)
    assert (done.code, done.stdout) == (0, "I do nothing.\n")
    assert commits(work) == ["Second", "First"]
    (log,) = logs()
    assert not [event for event in logged(log) if isinstance(event, ToolStarted)]


async def test_a_service_in_trouble_is_borne_with_and_each_attempt_is_on_record(work: Path) -> None:
    soon = {"retry-after": "0"}
    steps = [
        Step(text="Half a sen", fault="disconnect", at=900),
        Step(status=429, error="rate_limit_error", headers=soon),
        Step(status=529, error="overloaded_error", headers=soon),
        Step(status=500, headers=soon, close=True),
        *committing(),
    ]
    async with MessagesServer(steps) as server:
        done = await devagent("run", "Do it", server=server, cwd=work)
    assert (done.code, done.stdout) == (0, "Committed.\n")
    assert commits(work)[0] == "Say three"
    (log,) = logs()
    failed = [event for event in logged(log) if isinstance(event, ModelFailed)]
    assert [event.err for event in failed] == ["connection", "rate_limited", "overloaded", "server"]
    bodies = [request.body for request in server.requests[:5]]
    assert bodies == [bodies[0]] * 5


async def test_thinking_goes_back_to_the_service_as_it_came(work: Path) -> None:
    steps = [Step(thinking="A secret plan.", calls=[STATUS]), Step(text="Done.")]
    async with MessagesServer(steps) as server:
        done = await devagent("run", "Think", server=server, cwd=work)
    assert (done.code, done.stdout) == (0, "Done.\n")
    thinking = server.requests[-1].body["messages"][1]["content"][0]
    assert thinking == {"type": "thinking", "thinking": "A secret plan.", "signature": "c2lnbmVk"}


async def test_a_further_policy_file_narrows_and_an_extension_can_be_left_out(
    work: Path, tmp_path: Path
) -> None:
    narrow = tmp_path / "ci.toml"
    narrow.write_text(
        'version = 1\nname = "ci"\nlayer = "project"\n'
        '[[rule]]\nid = "look-only"\neffect = "deny"\nclasses = ["write"]\nwhy = "CI looks only"\n'
    )
    async with MessagesServer(committing()) as server:
        done = await devagent(
            *("run", "Do it", "--output-format", "json", "--policy", str(narrow)),
            *("--extension", "git"),
            server=server, cwd=work,
        )  # fmt: skip
    assert (done.code, commits(work)) == (3, ["Second", "First"])
    assert [denial["tool"] for denial in done.result["permission_denials"]] == [
        "git.add",
        "git.commit",
    ]
    names = {tool["name"].partition("__")[0] for tool in server.requests[0].body["tools"]}
    assert names == {"git"}


async def test_a_session_goes_on_with_all_that_was_said(work: Path) -> None:
    async with MessagesServer([*committing(), Step(text="As I said.")]) as server:
        first = await devagent("run", "Do it", "--output-format", "json", server=server, cwd=work)
        again = await devagent(
            *("run", "And now?", "--output-format", "json", "--resume", first.result["session"]),
            server=server, cwd=work,
        )  # fmt: skip
    assert again.result["session"] == first.result["session"]
    assert (again.result["result"], again.result["turns"]) == ("As I said.", 1)
    before, after = (server.requests[n].body["messages"] for n in (-2, -1))
    assert len(after) == len(before) + 2
    assert [block["text"] for block in after[-1]["content"]] == ["And now?"]
    assert [e.outcome for e in logged(logs()[0]) if isinstance(e, ToolFinished)] == ["ok"] * 3


async def test_an_extension_that_policy_lets_nobody_run_is_not_there_and_the_record_says_so(
    work: Path,
) -> None:
    (work / "no-sql.toml").write_text('[extensions]\nallow = ["git"]\n', encoding="utf-8")
    run = ("run", "Do it", "--policy", "no-sql.toml")
    async with MessagesServer([Step(text="ok")]) as server:
        done = await devagent(*run, server=server, cwd=work)
    assert done.code == 0
    offered = {tool["name"].partition("__")[0] for tool in server.requests[0].body["tools"]}
    assert offered == {"git", "devagent"}
    events = logged(logs()[0])
    refused = {e.ext.name: e.err for e in events if isinstance(e, ExtensionRefused)}
    assert refused["sql"] == "not_allowed"
    async with MessagesServer([]) as server:
        named = await devagent(*run, "--extension", "sql", server=server, cwd=work)
    assert named.code == 78
    assert "policy no-sql.toml does not let the extension 'sql' run" in named.stderr
