"""Snapshots and the way back: byte for byte, whatever was destroyed, with git and without."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devagent.cli.undo import previewed
from devagent.core.principal import Principal
from devagent.undo import files_back, git, restore, snapshot
from devagent.undo.errors import SnapshotError
from devagent.undo.places import Root, root_of
from devagent.undo.restore import Undone, entries, event_of, preview, undo
from devagent.undo.snapshot import take
from devagent.undo.store import Store
from tests.support.trees import repository_of, shell, tree_of


class Ground:
    """A workspace with something of everything in it, and a person's data beside."""

    def __init__(self, root: Path, kind: str) -> None:
        self.folder = root / "work"
        self.data = str(root / "data")
        self.folder.mkdir()
        self.kind = kind
        if kind != "plain":
            shell(self.folder, f"git init -q -b main --object-format={kind} .")
        (self.folder / ".gitignore").write_text("ignored\nbuild/\n")
        (self.folder / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
        (self.folder / "binary").write_bytes(bytes(range(256)) * 9)
        (self.folder / "run.sh").write_text("#!/bin/sh\n")
        (self.folder / "run.sh").chmod(0o755)
        (self.folder / "src/deep/er").mkdir(parents=True)
        (self.folder / "src/deep/er/a.py").write_text("a = 1\n")
        (self.folder / "src/b.py").write_text("b = 1\n")
        (self.folder / "link").symlink_to("src/b.py")
        (self.folder / "to-folder").symlink_to("src")
        (self.folder / "ignored").write_text("not seen by git\n")
        (self.folder / 'a name\nwith "odd" ünï\\code').write_text("odd\n")
        (self.folder / "empty").write_text("")
        if kind != "plain":
            shell(
                self.folder,
                "git add -A && git commit -qm one && git branch topic && git tag -a v1 -m v1"
                " && echo two >> src/b.py && git commit -qam two"
                " && echo stashed >> src/b.py && git stash -q"
                " && echo staged >> crlf.txt && git add crlf.txt && echo dirty >> crlf.txt"
                " && echo untracked > new.txt && rm empty",
            )

    @property
    def root(self) -> Root:
        return root_of(str(self.folder))

    def take(self) -> snapshot.Snapshot:
        return take(self.data, self.root, tool="workspace.shell")

    def undo(self, wanted: str = "") -> Undone:
        return undo(self.data, self.root, wanted)

    def seen(self) -> tuple[object, object]:
        state = repository_of(self.folder) if self.kind != "plain" else {}
        return tree_of(self.folder), state


@pytest.fixture(params=["plain", "sha1", "sha256"])
def ground(tmp_path: Path, request: pytest.FixtureRequest) -> Ground:
    return Ground(tmp_path.resolve(), request.param)


FILES = [
    "rm -rf src crlf.txt run.sh link",
    "rm -rf -- *",
    "find . -name .git -prune -o -type f ! -name ignored -print0 | xargs -0 rm -f",
    "chmod -x run.sh; sed -i 's/\\r//' crlf.txt; truncate -s 0 binary",
    "rm -r src; echo now a file > src; rm run.sh; mkdir run.sh; echo x > run.sh/inner",
    "rm link to-folder; ln -s /etc link; mkdir to-folder; echo x > to-folder/y",
    "mkdir -p new/er; echo x > new/er/file; mv src/b.py new/; cp binary binary2",
    "echo '* text=auto eol=lf' > .gitattributes; echo x >> crlf.txt",
    "echo '*.py' >> .gitignore; echo changed > src/b.py; rm -r src/deep",
    "echo x > odd$'\\n'name; rm -- a*",
]
HISTORY = [
    "git reset -q --hard HEAD~1",
    "git checkout -q -f topic; git branch -q -D main",
    "git stash drop -q; git reflog expire --expire=now --all; git gc -q --prune=now",
    "git stash clear; git clean -qfd; git checkout -q -- .",
    "git add -A; git commit -qm three; git tag -d v1",
    "git rm -rfq --cached .; git commit -qm 'all gone'; rm -rf src",
    "git checkout -q --orphan other; git rm -rfq .",
    "git config user.email x@example.com; printf '#!/bin/sh\\n' > .git/hooks/pre-commit; git branch -q topic/x 2>/dev/null || git branch -m topic topic2",
    "git branch -q -D topic; git branch topic/inner; git update-ref -d refs/heads/main",
    "git checkout -q -f topic; echo other > src/b.py; git commit -qam other; git merge main >/dev/null || true",
    "git stash -q -u; git rebase -q --root --exec false >/dev/null 2>&1 || true",
    "git for-each-ref --format='delete %(refname)' refs/devagent | git update-ref --stdin; git reset -q --hard topic",
    "rm -f .git/index; git read-tree --empty",
    "git checkout -q -f --detach topic; git branch -q -D main",
]  # fmt: skip


@pytest.mark.parametrize("line", FILES)
@pytest.mark.parametrize("ground", ["plain", "sha1"], indirect=True)
def test_files_come_back_byte_for_byte_and_the_undo_is_undone_as_well(
    ground: Ground, line: str
) -> None:
    before = ground.seen()
    ground.take()
    shell(ground.folder, line)
    after = ground.seen()
    if line == "rm -rf -- *":
        (ground.folder / "ignored").write_text(
            "not seen by git\n"
        )  # what is ignored is lost, and documented
        after = ground.seen()
    assert after != before
    done = ground.undo()
    assert done.left == ()
    assert ground.seen() == before
    again = ground.undo()
    assert again.left == ()
    assert ground.seen() == after


@pytest.mark.parametrize(
    ("kind", "line"),
    [*(("sha1", line) for line in HISTORY), *(("sha256", line) for line in HISTORY[:3])],
)
def test_history_stashes_and_what_is_staged_come_back(tmp_path: Path, kind: str, line: str) -> None:
    ground = Ground(tmp_path.resolve(), kind)
    before = ground.seen()
    ground.take()
    shell(ground.folder, line)
    after = ground.seen()
    done = ground.undo()
    assert done.left == ()
    assert ground.seen() == before
    words = ["git", "-C", str(ground.folder), "fsck", "--no-dangling"]
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    assert [line for line in told.splitlines() if line.split()[1] != "tree"] == []
    ground.undo(done.kept)
    assert ground.seen() == after


def test_a_snapshot_changes_nothing_and_an_unchanged_workspace_needs_no_second(
    ground: Ground,
) -> None:
    before = ground.seen()
    first, second = ground.take(), ground.take()
    assert ground.seen() == before
    assert first.new
    assert not second.new
    assert second.entry.id == first.entry.id
    if ground.kind != "plain":
        shell(
            ground.folder,
            "touch src/b.py && git status >/dev/null && git update-index --refresh || true",
        )
        assert not ground.take().new


def test_files_of_a_fresh_clone_are_read_once_more_and_not_at_every_call(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [ground.folder / f"many{number}" for number in range(snapshot.MANY_FILES)]
    for file in many:
        file.write_text("as it came")
    first = ground.take()
    asked: list[str] = []
    real = Store.git

    def counted(self: Store, *arguments: str, stdin: bytes = b"", fails: bool = True) -> bytes:
        asked.append(arguments[0])
        return real(self, *arguments, stdin=stdin, fails=fails)

    monkeypatch.setattr(Store, "git", counted)
    now = snapshot.time.time()
    monkeypatch.setattr(snapshot.time, "time", lambda: now + 2)
    assert ground.take().entry.tree == first.entry.tree
    assert "update-index" in asked
    asked.clear()
    assert ground.take().entry.tree == first.entry.tree
    assert asked == ["ls-files"]
    times = many[0].stat()
    many[0].write_text("as it goes")
    os.utime(many[0], ns=(times.st_atime_ns, times.st_mtime_ns))
    assert ground.take().entry.tree != first.entry.tree
    ground.undo()
    assert many[0].read_text() == "as it came"


def test_what_is_committed_is_not_stored_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path.resolve(), "sha1")
    (ground.folder / "big").write_bytes(os.urandom(3_000_000))
    shell(ground.folder, "git add -A; git commit -qm big")
    ground.take()
    store = Store(ground.data, ground.root)
    assert sum(f.stat().st_size for f in Path(store.folder).rglob("*") if f.is_file()) < 200_000


def test_undo_names_a_snapshot_by_the_beginning_of_its_id(ground: Ground) -> None:
    states = [ground.seen()]
    ids = [ground.take().entry.id]
    for number in range(3):
        (ground.folder / "src/b.py").write_text(f"b = {number}\n")
        states.append(ground.seen())
        ids.append(ground.take().entry.id)
    for at in (1, 3, 0, 2):
        ground.undo(ids[at][:10])
        assert ground.seen()[0] == states[at][0]
    for wanted in ("nope", ""):
        if wanted:
            with pytest.raises(SnapshotError) as refused:
                ground.undo(wanted)
            assert refused.value.error == "not_found"
    assert {one.id for one in entries(ground.data, ground.root)} >= set(ids)


def test_nothing_to_undo_is_said(ground: Ground) -> None:
    with pytest.raises(SnapshotError, match="nothing to undo"):
        ground.undo()


def test_a_preview_changes_nothing_and_tells_what_would(ground: Ground) -> None:
    ground.take()
    shell(ground.folder, "rm run.sh; echo x > new2; echo y >> src/b.py")
    after = ground.seen()
    would = preview(ground.data, ground.root)
    assert ground.seen() == after
    assert {one.path: one.what for one in would.changes} == {
        "run.sh": "put back",
        "new2": "taken away",
        "src/b.py": "changed back",
    }


def test_an_ignored_file_that_a_call_names_comes_back_byte_for_byte(ground: Ground) -> None:
    path = ground.folder / "ignored"
    before = path.read_bytes()
    take(ground.data, ground.root, written=[str(path), str(ground.folder / "none"), "/etc/passwd"])
    path.write_text("written over\n")
    done = ground.undo()
    assert [one.path for one in done.changes] == ["ignored"]
    assert path.read_bytes() == before
    path.unlink()  # it is known from now on
    ground.undo(done.entry.id)
    assert path.read_bytes() == before
    assert ground.seen()[0] == tree_of(ground.folder)


def test_going_back_to_before_an_ignored_file_was_known_leaves_it_alone(ground: Ground) -> None:
    first = ground.take().entry.id
    path = ground.folder / "ignored"
    take(ground.data, ground.root, written=[str(path)])
    path.write_text("written over\n")
    ground.undo(first)
    assert path.read_text() == "written over\n"


def test_ignored_files_stay_as_they_are_and_are_never_in_the_way_of_each_other(
    ground: Ground,
) -> None:
    ground.take()
    shell(ground.folder, "mkdir build; echo x > build/out; echo later > ignored; rm run.sh; mkdir run.sh; touch run.sh/ignored; rm -r src/deep")  # fmt: skip
    done = ground.undo()
    assert [one.partition(":")[0] for one in done.left] == ["run.sh"]
    assert (ground.folder / "build/out").read_text() == "x\n"
    assert (ground.folder / "ignored").read_text() == "later\n"
    assert (ground.folder / "run.sh/ignored").exists()
    assert (ground.folder / "src/deep/er/a.py").read_text() == "a = 1\n"


def test_a_file_that_an_editor_saves_during_an_undo_is_left_alone(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.take()
    shell(ground.folder, "echo agent > src/b.py; rm binary; echo made > made.txt")
    put = files_back._put  # pyright: ignore[reportPrivateUsage]
    check = files_back._check  # pyright: ignore[reportPrivateUsage]

    def meanwhile(*args: object) -> object:
        (ground.folder / "src/b.py").write_text("the person's\n")
        (ground.folder / "binary").write_text("the person's\n")
        (ground.folder / "made.txt").write_text("the person's\n")
        monkeypatch.setattr(files_back, "_check", check)
        return check(*args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(files_back, "_check", meanwhile)
    assert put is files_back._put  # pyright: ignore[reportPrivateUsage]
    done = ground.undo()
    assert sorted(one.partition(":")[0] for one in done.left) == ["binary", "made.txt", "src/b.py"]
    for name in ("binary", "made.txt", "src/b.py"):
        assert (ground.folder / name).read_text() == "the person's\n"


def test_a_file_that_others_could_not_read_is_not_open_to_them_when_it_comes_back(
    ground: Ground,
) -> None:
    private, script = ground.folder / "private.txt", ground.folder / "private.sh"
    private.write_text("mine\n")
    script.write_text("#!/bin/sh\n")
    private.chmod(0o600)
    script.chmod(0o700)
    ground.take()
    (ground.folder / "src/b.py").write_text("b = 3\n")
    ground.take()
    private.unlink()
    script.unlink()
    done = ground.undo()
    assert (private.stat().st_mode & 0o777, script.stat().st_mode & 0o777) == (0o600, 0o700)
    ground.undo(done.kept)
    assert not private.exists()
    ground.undo(done.entry.id)
    assert (private.stat().st_mode & 0o777, script.stat().st_mode & 0o777) == (0o600, 0o700)


def test_links_on_the_way_lead_nowhere(ground: Ground, tmp_path: Path) -> None:
    ground.take()
    outside = tmp_path / "outside"
    (outside / "deep/er").mkdir(parents=True)
    (outside / "deep/er/a.py").write_text("not yours\n")
    now = ground.take()
    changes = tuple(restore._changes(Store(ground.data, ground.root), now.entry, now.entry))  # pyright: ignore[reportPrivateUsage]
    assert changes == ()
    shell(ground.folder, "rm -r src")
    (ground.folder / "src").symlink_to(outside)
    done = ground.undo()
    assert done.left == ()
    assert (outside / "deep/er/a.py").read_text() == "not yours\n"
    assert (ground.folder / "src/deep/er/a.py").read_text() == "a = 1\n"
    assert not (ground.folder / "src").is_symlink()


def test_empty_folders_in_the_place_of_a_file_make_room_and_others_stay(ground: Ground) -> None:
    ground.take()
    shell(
        ground.folder,
        "rm -r src run.sh link; mkdir -p run.sh/only/folders link/with; touch link/with/ignored",
    )
    done = ground.undo()
    assert done.left == ("link: something ignored stands in its place",)
    assert (ground.folder / "run.sh").read_text() == "#!/bin/sh\n"
    assert (ground.folder / "link/with/ignored").exists()


def test_a_snapshot_that_is_killed_leaves_the_next_one_to_do_its_work(ground: Ground) -> None:
    store = Store(ground.data, ground.root)
    ground.take()
    Path(store.path("index.lock")).write_text("")
    with open(store.path("snapshots.jsonl"), "ab") as file:
        file.write(b'{"id":"torn')
    (ground.folder / "src/b.py").write_text("changed\n")
    assert ground.take().new
    assert len(entries(ground.data, ground.root)) == 2
    assert ground.undo().left == ()
    assert (ground.folder / "src/b.py").read_text() != "changed\n"


def test_a_hostile_repository_runs_nothing(tmp_path: Path) -> None:
    ground = Ground(tmp_path.resolve(), "sha1")
    evil = f"touch {tmp_path}/ran"
    shell(
        ground.folder,
        f"git config core.fsmonitor '{evil}'; git config filter.x.clean '{evil}; cat'; git config filter.x.smudge '{evil}; cat'"
        f"; git config core.hooksPath .git/hooks; git config core.sshCommand '{evil}'; git config diff.external '{evil}'"
        f"; printf '#!/bin/sh\\n{evil}\\n' > .git/hooks/reference-transaction; cp .git/hooks/reference-transaction .git/hooks/post-index-change"
        "; chmod +x .git/hooks/*; echo '* filter=x diff=x text eol=crlf ident' > .gitattributes; cp .gitattributes .git/info/attributes",
    )
    (tmp_path / "ran").unlink(missing_ok=True)
    before = tree_of(ground.folder)
    ground.take()
    (ground.folder / "src/b.py").write_text("$Id$\nx\n")
    (ground.folder / "run.sh").unlink()
    ground.undo()
    assert tree_of(ground.folder) == before
    assert not (tmp_path / "ran").exists()


def test_repositories_within_are_covered_too(ground: Ground) -> None:
    inner = ground.folder / "vendor/inner"
    inner.mkdir(parents=True)
    shell(
        inner,
        "git init -q -b main . && echo x > x && git add x && git commit -qm x && echo dirty >> x && echo u > u",
    )
    before = (tree_of(inner), repository_of(inner))
    ground.take()
    shell(inner, "git reset -q --hard; git clean -qfd; git commit -q --allow-empty -m y")
    done = ground.undo()
    assert (tree_of(inner), repository_of(inner)) == before
    assert done.repository == ("vendor/inner: 2 files",)
    shell(ground.folder, "rm -rf vendor")
    lost = ground.undo()
    assert any("is gone" in one for one in lost.left)


def test_what_is_too_large_or_unreadable_is_named_not_copied(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MOST_FILE_BYTES", 1000)
    taken = ground.take()
    assert taken.entry.left_out == ("binary",)
    monkeypatch.setattr(snapshot, "MOST_FILES", 1)
    shell(ground.folder, "echo 1 > one; echo 2 > two")
    with pytest.raises(SnapshotError) as refused:
        ground.take()
    assert refused.value.error == "too_large"


def _git(folder: bytes, *words: bytes) -> bytes:
    argv = [b"git", b"-C", folder, *words]
    return subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout


@pytest.mark.parametrize(
    "name", [b"caf\xe9", "a\u2028b".encode(), "a\x85b".encode()], ids=["latin-1", "u2028", "u0085"]
)
def test_branches_hooks_and_files_of_any_name_come_back(tmp_path: Path, name: bytes) -> None:
    ground = Ground(tmp_path, "sha1")
    work = os.fsencode(ground.folder)
    secret, hook, within = work + b"/" + name, work + b"/.git/hooks/" + name, work + b"/in-" + name
    for path in (secret, hook):
        Path(os.fsdecode(path)).write_text("kept\n")
    os.chmod(secret, 0o600)
    _git(work, b"branch", name)
    _git(work, b"init", b"-q", within)
    Path(os.fsdecode(within), "f").write_text("kept\n")
    ground.take()
    os.unlink(secret)
    os.unlink(hook)
    os.unlink(within + b"/f")
    _git(work, b"branch", b"-qD", name)
    told = previewed(preview(ground.data, ground.root))
    "\n".join(told).encode()
    done = ground.undo()
    event_of(done, Principal(user="ana")).changed[0].encode()
    assert not done.left
    for path in (secret, hook, within + b"/f"):
        assert Path(os.fsdecode(path)).read_text() == "kept\n"
    assert os.stat(secret).st_mode & 0o777 == 0o600
    assert b"refs/heads/" + name in _git(work, b"for-each-ref", b"refs/heads")


def test_a_name_that_is_no_text_is_told_where_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(tmp_path, "plain")
    monkeypatch.setattr(snapshot, "MOST_FILE_BYTES", 5_000)
    with open(os.fsencode(ground.folder) + b"/big\xe9", "wb") as file:
        file.write(b"x" * 6_000)
    assert ground.take().entry.left_out == ("big\\xe9",)


def test_old_snapshots_go_and_what_they_kept_goes_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "KEPT", 4)
    ground = Ground(tmp_path.resolve(), "sha1")
    first = last = ground.take().entry.id
    for number in range(6):
        shell(ground.folder, f"echo {number} > n; git add n; git commit -qm {number}")
        last = ground.take().entry.id
    found = [one.id for one in entries(ground.data, ground.root)]
    assert len(found) <= 5
    assert found[0] == last
    assert first not in found
    refs = subprocess.run(["git", "-C", str(ground.folder), "for-each-ref", "refs/devagent"], capture_output=True, text=True, check=True)  # fmt: skip
    assert 0 < len(refs.stdout.splitlines()) <= 10
    shell(
        ground.folder, "echo x > y"
    )  # so that the undo takes a snapshot itself, and the list is full
    assert ground.undo(found[-1]).entry.id == found[-1]


def test_a_linked_worktree_has_snapshots_of_its_own(tmp_path: Path) -> None:
    ground = Ground(tmp_path.resolve(), "sha1")
    tree = tmp_path.resolve() / "tree"
    shell(ground.folder, f"git worktree add -q {tree} topic")
    root = root_of(str(tree))
    assert root.folder == str(tree)
    before = (tree_of(tree), repository_of(tree))
    take(ground.data, root)
    shell(tree, "rm -rf src; git commit -qam gone")
    undo(ground.data, root)
    assert (tree_of(tree), repository_of(tree)) == before


@pytest.mark.parametrize("target", ["..", "/etc", "missing", "../data"])
def test_a_dot_git_file_that_leads_elsewhere_is_no_repository(tmp_path: Path, target: str) -> None:
    (tmp_path / ".git").write_text(f"gitdir: {target}\n")
    assert root_of(str(tmp_path.resolve())).git == ""


def test_a_repository_that_holds_the_home_is_not_the_workspaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path.resolve()
    monkeypatch.setenv("HOME", str(home))
    shell(home, "git init -q .")
    (home / "shop").mkdir()
    assert root_of(str(home / "shop")) == Root(str(home / "shop"))


@pytest.mark.parametrize(
    ("how", "error"),
    [("no git", "no_git"), ("read-only data", "unusable"), ("git fails", "failed")],
)
def test_why_no_snapshot_could_be_taken_is_told(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, how: str, error: str
) -> None:
    breaking: dict[str, Callable[[], object]] = {
        "no git": lambda: monkeypatch.setenv("PATH", "/nowhere"),
        "read-only data": lambda: Path(ground.data).write_text("no folder"),
        "git fails": lambda: monkeypatch.setattr(git, "_ARGUMENTS", ("--no-such-option",)),
    }
    breaking[how]()
    with pytest.raises(SnapshotError) as refused:
        ground.take()
    assert refused.value.error == error
