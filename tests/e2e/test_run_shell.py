"""``devagent run`` with a shell under a policy that allows everything: what still holds."""

from pathlib import Path

import pytest

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent_workspace.sandbox import available
from tests.support.command_line import devagent, logged, logs, own_file
from tests.support.messages_server import Call, MessagesServer, Step

ALLOW_ALL = """\
version = 1
name = "mine"
layer = "local"

[[rule]]
id = "all"
effect = "allow"
tools = ["**"]
"""


def shell(command: str) -> Call:
    return Call("workspace__shell", {"command": command})


async def test_interpreter_code_cannot_touch_devagents_own_files_under_an_allow_all(
    tmp_path: Path, home: Path
) -> None:
    policy = own_file("policy.toml", ALLOW_ALL)
    work = home / "work"
    work.mkdir()
    # The path is put together by the code, so that no word of the line names it.
    halves = f"'{policy.parent}/pol' + 'icy.toml'"
    steps = [
        Step(calls=[shell(f"python3 -c \"print(open({halves}, 'a').write('x'))\"")]),
        Step(calls=[shell("grep -r allow ..")]),
        Step(calls=[shell("echo works > made.txt")]),
        Step(text="Done."),
    ]
    for settings in ("", '[extensions.workspace]\nsandbox = "off"\n'):
        own_file("config.toml", settings)
        async with MessagesServer(steps) as server:
            done = await devagent(
                "run", "Do it", "--output-format", "json", server=server, cwd=work
            )
        assert policy.read_text() == ALLOW_ALL
        folder = logs()[0]
        events = logged(folder)
        code, tree, _ = (event for event in events if isinstance(event, ToolJudged))
        held = not settings and available().kind != "none"
        assert code.decision.effect == ("allow" if held else "ask"), code.decision.reason
        if not held:
            assert "floor#unbounded-command" in code.decision.rules
        assert tree.decision.rules == (("floor#own-files",) if policy.is_relative_to(home) else ())
        finished = [event for event in events if isinstance(event, ToolFinished)]
        assert [event.outcome for event in finished] == (["failed", "ok"] if held else ["ok"])
        assert (work / "made.txt").read_text() == "works\n"
        assert done.code == 3
        assert verify_session(folder).ok


async def test_code_that_a_command_runs_finds_no_file_that_policy_denies(
    tmp_path: Path, home: Path
) -> None:
    if available().kind == "none":
        pytest.skip("no sandbox on this machine")
    own_file("policy.toml", ALLOW_ALL)
    work = home / "work"
    work.mkdir()
    (work / ".env").write_text("TOKEN=of the shop\n")
    code = "python3 -c \"print(open('.e' + 'nv').read())\""
    async with MessagesServer([Step(calls=[shell(code)]), Step(text="Done.")]) as server:
        done = await devagent("run", "Do it", server=server, cwd=work)
    finished = next(event for event in logged(logs()[0]) if isinstance(event, ToolFinished))
    assert done.code == 0, done
    assert finished.outcome == "failed"
    assert "PermissionError" in finished.text
    assert "policy keeps commands from .env" in finished.text
    assert "of the shop" not in finished.text
