"""``devagent undo`` after a real run that destroyed something."""

from pathlib import Path

from devagent.audit.verify import verify_session
from devagent.core.events.calls import SnapshotMade
from devagent.core.events.people import UndoDone
from tests.support.command_line import devagent, logged, logs, own_file
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.trees import repository_of, tree_of
from tests.support.workplace import workplace

ALLOW_ALL = """\
version = 1
name = "mine"
layer = "local"

[[rule]]
id = "all"
effect = "allow"
tools = ["**"]
"""


async def test_what_a_run_destroyed_comes_back_and_the_undo_is_on_record(
    tmp_path: Path, home: Path
) -> None:
    work = workplace(tmp_path, home)
    own_file("policy.toml", ALLOW_ALL)
    (work / "untracked.txt").write_text("nowhere else\n")
    with (work / ".git/info/exclude").open("a") as exclude:
        exclude.write("private.local\n")
    (work / "private.local").write_text("ignored, and nowhere else\n")
    before = (tree_of(work), repository_of(work))
    line = "git reset -q --hard HEAD~1 && rm -f untracked.txt && echo gone > private.local"
    steps = [Step(calls=[Call("workspace__shell", {"command": line})]), Step(text="Oh.")]
    async with MessagesServer(steps) as server:
        assert (await devagent("run", "Do it", server=server, cwd=work)).code == 0
    made = [event for event in logged(logs()[0]) if isinstance(event, SnapshotMade)]
    assert len(made) == 1
    assert verify_session(logs()[0]).summary == "verify: ok"
    after = (tree_of(work), repository_of(work))
    assert after != before

    listed = await devagent("undo", "--list", cwd=work)
    assert listed.stdout.startswith(f"{made[0].snapshot}  ")
    assert "before workspace.shell" in listed.stdout
    preview = await devagent("undo", "--preview", cwd=work)
    assert "put back     untracked.txt" in preview.stdout
    assert "branch main" in preview.stdout
    assert (tree_of(work), repository_of(work)) == after

    done = await devagent("undo", cwd=work)
    assert done.code == 0, done.stderr
    assert (tree_of(work), repository_of(work)) == before
    (undone,) = (event for event in logged(logs()[0]) if isinstance(event, UndoDone))
    assert undone.snapshot == made[0].snapshot
    assert "untracked.txt" in undone.changed
    assert verify_session(logs()[0]).summary == "verify: ok"

    again = await devagent("undo", undone.kept, cwd=work)
    assert again.code == 0
    assert (tree_of(work), repository_of(work)) == after
    nothing = await devagent("undo", "0123456789ab", cwd=work)
    assert (nothing.code, "is not one of the snapshots" in nothing.stderr) == (1, True)
    assert git(work, "status", "--porcelain") is not None
