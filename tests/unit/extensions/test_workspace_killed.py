"""``write`` and ``edit`` killed at every step: the old content or the new, never anything else."""

import os
from pathlib import Path

import pytest

from devagent_workspace import tools
from tests.support.killing import run_killed
from tests.support.workspaces import Place

CODE = """
import os
from devagent_workspace import tools
from devagent_workspace.state import forget
from tests.support.killing import survivors
from tests.support.trees import tree_of
from tests.support.workspaces import Place
from pathlib import Path

folder = Path(sys.argv[1])
here = Place(str(folder))
OLD = {"a.txt": b"one\\r\\ntwo\\r\\nthree\\r\\n", "run.sh": b"#!/bin/sh\\n", "deep/other": b"other\\n"}
CALLS = {
    "create": (lambda: tools.write(here, path="new/er/n.txt", content="made\\n"), "new/er/n.txt", b"made\\n"),
    "replace": (lambda: tools.write(here, path="run.sh", content="#!/bin/bash\\n"), "run.sh", b"#!/bin/bash\\n"),
    "edit": (lambda: tools.edit(here, path="a.txt", edits=[{"old": "two", "new": "2"}]), "a.txt", b"one\\r\\n2\\r\\nthree\\r\\n"),
    "multi-edit": (
        lambda: tools.edit(here, path="a.txt", edits=[{"old": "one", "new": "1"}, {"old": "1\\ntwo", "new": "x"}, {"old": "three", "new": "3"}]),
        "a.txt", b"x\\r\\n3\\r\\n",
    ),
}
call, path, new = CALLS[sys.argv[2]]

def laid_out():
    for name, data in OLD.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    os.chmod(folder / "run.sh", 0o755)
    forget(here.folder)
    for name in OLD:
        tools.read(here, path=name)

laid_out()
before = tree_of(folder)
wanted = {**before, path: (before.get(path, ("file",))[0], new)}
outcomes = []
for step in survivors(call):
    found = {name: what for name, what in tree_of(folder).items() if not name.endswith(".devagent-tmp")}
    left = [name for name in tree_of(folder) if name.endswith(".devagent-tmp")]
    assert found in (before, wanted), (step, found)
    assert len(left) <= 1, left
    outcomes.append("new" if found == wanted else "old")
    # Whoever comes next gets through, whatever was left there.
    forget(here.folder)
    for name in found:
        tools.read(here, path=name)
    if found == before:
        call()
    assert {n: w for n, w in tree_of(folder).items() if not n.endswith(".devagent-tmp")} == wanted, step
    for name in tree_of(folder):
        (folder / name).unlink()
    laid_out()
    if (folder / "new").exists():
        for at in ("new/er", "new"):
            (folder / at).rmdir()
print(*outcomes)
"""


def test_what_a_killed_write_left_goes_with_a_later_one(tmp_path: Path) -> None:
    old, young, other = (tmp_path / f".{name}" for name in ("a.0f.devagent-tmp", "b.1f.devagent-tmp", "c.tmp"))  # fmt: skip
    for one in (old, young, other):
        one.write_text("x")
    for one in (old, other):
        os.utime(one, (1, 1))
    tools.write(Place(str(tmp_path)), path="new.txt", content="new\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        ".b.1f.devagent-tmp",
        ".c.tmp",
        "new.txt",
    ]


@pytest.mark.parametrize("call", ["create", "replace", "edit", "multi-edit"])
def test_killed_at_any_step_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, call: str) -> None:
    (line,) = run_killed(CODE, str(tmp_path.resolve()), call)
    outcomes = line.split()
    assert len(outcomes) > 5
    assert outcomes[0] == "old"
    assert outcomes[-1] == "new"
    assert outcomes == sorted(outcomes, reverse=True)  # once it is new it stays new
