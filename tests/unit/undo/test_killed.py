"""Snapshots and undos killed at their steps: what is there stays, what was kept stays, whoever comes next gets through.

With ``DEVAGENT_TEST_KILLED=all`` at every step, without it at some of them.
"""

import os
from pathlib import Path

import pytest

from devagent.undo.places import root_of
from devagent.undo.snapshot import take
from tests.support.killing import run_killed
from tests.support.trees import shell

SNAPSHOT = """
import shutil
from pathlib import Path
from devagent.undo.places import root_of
from devagent.undo.restore import entries, undo
from devagent.undo.snapshot import take
from tests.support.killing import survivors
from tests.support.trees import repository_of, tree_of

top, every = Path(sys.argv[1]), int(sys.argv[2])
work, data, kept = top / "work", str(top / "data"), str(top / "kept")
root = root_of(str(work))
shutil.copytree(data, kept, symlinks=True)
now = tree_of(work), repository_of(work)
first = entries(data, root)[-1].id
for step in survivors(lambda: take(data, root, tool="x"), every=every, first=every // 2):
    assert (tree_of(work), repository_of(work)) == now, step
    ids = [one.id for one in entries(data, root)]
    assert ids[-1:] == [first], (step, ids)
    taken = take(data, root)
    undo(data, root, first)
    changed = tree_of(work)
    assert changed["src/a.py"] == ("file", b"first\\n"), step
    assert "made" not in changed, step
    undo(data, root, taken.entry.id)
    assert (tree_of(work), repository_of(work)) == now, step
    shutil.rmtree(data)
    shutil.copytree(kept, data, symlinks=True)
print(step)
"""

UNDO = """
import shutil
from pathlib import Path
from devagent.undo.places import root_of
from devagent.undo.restore import entries, undo
from devagent.undo.snapshot import take
from tests.support.killing import survivors
from tests.support.trees import repository_of, tree_of

top, every = Path(sys.argv[1]), int(sys.argv[2])
work, data = top / "work", str(top / "data")
root = root_of(str(work))
wanted = entries(data, root)[-1].id
kept = take(data, root).entry.id
after = tree_of(work), repository_of(work)
assert undo(data, root, wanted).left == ()
before = tree_of(work), repository_of(work)
assert undo(data, root, kept).left == ()
assert (tree_of(work), repository_of(work)) == after
for step in survivors(lambda: undo(data, root, wanted), every=every, first=every // 2):
    assert undo(data, root, wanted).left == (), step
    assert (tree_of(work), repository_of(work)) == before, step
    assert undo(data, root, kept).left == (), step
    assert (tree_of(work), repository_of(work)) == after, step
    assert not [name for name in tree_of(work) if "devagent-undo" in name], step
print(step)
"""

EVERY = "1" if os.environ.get("DEVAGENT_TEST_KILLED") == "all" else "23"


@pytest.fixture(params=["plain", "git"])
def top(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A workspace with a snapshot, and changes since."""
    top = tmp_path.resolve()
    work = top / "work"
    (work / "src").mkdir(parents=True)
    if request.param == "git":
        shell(work, "git init -q -b main .; git commit -q --allow-empty -m none; git branch topic")
    (work / "src/a.py").write_text("first\n")
    (work / "link").symlink_to("src")
    if request.param == "git":
        shell(work, "git add -A; echo stash > s; git add s; git stash -q -- s; git add -A")
    take(str(top / "data"), root_of(str(work)), tool="x")
    shell(
        work, "echo second > src/a.py; rm link; mkdir link; echo x > link/y; echo made > made; chmod +x made"
    )  # fmt: skip
    if request.param == "git":
        shell(work, "git add -A; git commit -qm x; git branch -D topic; git stash drop -q")
    return top


def test_a_snapshot_killed_at_any_step_changes_nothing_and_the_next_one_is_whole(top: Path) -> None:
    (steps,) = run_killed(SNAPSHOT, str(top), EVERY)
    assert int(steps) > 10


def test_an_undo_killed_at_any_step_is_finished_or_taken_back_by_the_next(top: Path) -> None:
    (steps,) = run_killed(UNDO, str(top), EVERY)
    assert int(steps) > 15
