"""Reading, writing and editing files: nothing lost, nothing guessed, nothing outside by accident."""

import os
import stat
import sys
from pathlib import Path

import pytest

from devagent_workspace import places, tools, writing
from devagent_workspace.contract import WorkspaceError
from devagent_workspace.state import forget
from tests.support.workspaces import Place


@pytest.fixture
def here(tmp_path: Path) -> Place:
    work = tmp_path / "work"
    work.mkdir()
    return Place(str(work))


def put(here: Place, name: str, data: bytes | str) -> Path:
    path = Path(here.folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def error_of(call: object, *args: object, **more: object) -> str:
    with pytest.raises(WorkspaceError) as failed:
        call(*args, **more)  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
    return failed.value.error


def edit(here: Place, path: str, old: str, new: str, *, every: bool = False) -> str:
    return tools.edit(here, path=path, edits=[{"old": old, "new": new, "all": every}])["text"]


# -- reading


def test_a_range_is_read_with_its_numbers_and_says_how_to_go_on(here: Place) -> None:
    put(here, "a.txt", "".join(f"line {n}\n" for n in range(1, 101)))
    text = tools.read(here, path="a.txt", offset=10, limit=3)["text"]
    assert (
        text
        == "10\tline 10\n11\tline 11\n12\tline 12\n[cut: lines 10-12 of 100; go on with offset=13]"
    )
    assert tools.read(here, path="a.txt", offset=99)["text"] == "99\tline 99\n100\tline 100"
    assert (
        tools.read(here, path="a.txt", offset=200)["text"]
        == "[no lines from 200 on: there are 100]"
    )


def test_a_result_stays_within_its_bytes_and_says_what_is_missing(here: Place) -> None:
    put(here, "a.txt", "x" * 99 + "\n" + "y" * 5000 + "\n" + "z\n" * 100_000)
    text = tools.read(here, path="a.txt", limit=10000)["text"]
    assert len(text.encode()) <= 50_000
    assert "y… [line of 5000 characters cut]" in text
    assert "; go on with offset=" in text
    small = tools.read(Place(here.folder, {"limit_bytes": 200}), path="a.txt")["text"]
    assert len(small.encode()) <= 200


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"", "[empty file]"),
        (b"a", "1\ta\n[no newline at the end]"),
        (b"a\r\nb\r\n", "1\ta\n2\tb\n[CRLF line ends]"),
        (b"a\r\nb\n", "1\ta\n2\tb\n[mixed line ends]"),
        ("\ufeffé\n".encode("utf-16-le"), "1\té\n[encoding utf-16-le]"),
        ("caf\u00e9\n".encode("latin-1"), "1\tcafé\n[encoding latin-1]"),
        (b"\x1b[31mred\x07\n", "1\t\\x1b[31mred\\x07"),
        ("a\u202eb\u200b\n".encode(), "1\ta\\u202eb\\u200b"),
    ],
)
def test_text_is_shown_as_it_is_with_what_is_special_said(
    here: Place, data: bytes, note: str
) -> None:
    put(here, "a.txt", data)
    assert tools.read(here, path="a.txt")["text"] == note


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0", "PNG image, 640 × 480 pixels"),
        (b"GIF89a\x10\0\x20\0rest\0", "GIF image, 16 × 32 pixels"),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x64\0\xc8\x03" + b"\0" * 20, "JPEG image, 200 × 100 pixels"),
        (b"%PDF-1.4\n/Type /Page\n/Type /Page \n/Type /Pages\n\0", "PDF document, about 2 pages"),
        (b"\x7fELF\0\0", "ELF program"),
        (b"\0\1\2", "binary file, 3 B"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_described(here: Place, data: bytes, said: str) -> None:
    put(here, "x", data)
    result = tools.read(here, path="x")
    assert said in result["text"]
    assert result.get("structured", {})["text"] is False


def test_a_huge_file_is_described_and_not_read(here: Place) -> None:
    path = put(here, "huge", "head\n")
    os.truncate(path, 200_000_000)
    assert "200.0 MB too large to read" in tools.read(here, path="huge")["text"].replace("]", "")


def test_a_notebook_is_read_as_text(here: Place) -> None:
    put(
        here, "n.ipynb",
        '{"cells": [{"cell_type": "code", "source": ["x = 1\\n", "x"], "outputs": [{"output_type": "stream", "text": "1\\n"},'
        ' {"output_type": "display_data", "data": {"image/png": "AAAA"}}]}, {"cell_type": "markdown", "source": "# Hi"}]}',
    )  # fmt: skip
    text = tools.read(here, path="n.ipynb")["text"]
    for part in ("cell 1 (code)", "x = 1", "[output: image/png]", "cell 2 (markdown)", "# Hi"):
        assert part in text
    assert "AAAA" not in text


def test_what_is_no_file_is_refused_with_its_reason(here: Place) -> None:
    put(here, "d/x", "")
    os.mkfifo(Path(here.folder, "pipe"))
    assert error_of(tools.read, here, path="d") == "not_a_file"
    assert error_of(tools.read, here, path="none") == "not_found"
    assert error_of(tools.read, here, path="d/x/y") == "not_a_folder"
    assert error_of(tools.read, here, path="pipe") == "special"
    for path in ("/proc/self/environ", "/dev/zero", "/proc/self/fd/0", "/sys/kernel/notes"):
        assert error_of(tools.read, here, path=path) == "special"


# -- writing


def test_a_new_file_is_made_with_its_folders(here: Place) -> None:
    result = tools.write(here, path="a/b/c.txt", content="one\ntwo\n")
    assert result["text"] == "created a/b/c.txt (2 lines)"
    assert Path(here.folder, "a/b/c.txt").read_text() == "one\ntwo\n"
    assert os.listdir(Path(here.folder, "a/b")) == ["c.txt"]


def test_a_file_never_read_is_not_overwritten(here: Place) -> None:
    path = put(here, "a.txt", "precious\n")
    assert error_of(tools.write, here, path="a.txt", content="new\n") == "conflict"
    assert error_of(edit, here, "a.txt", "precious", "new") == "conflict"
    assert path.read_text() == "precious\n"


def test_a_file_changed_by_someone_else_is_a_conflict_until_read_again(here: Place) -> None:
    path = put(here, "a.txt", "one\n")
    tools.read(here, path="a.txt")
    path.write_text("theirs\n")
    assert error_of(edit, here, "a.txt", "one", "mine") == "conflict"
    assert error_of(tools.write, here, path="a.txt", content="mine\n") == "conflict"
    assert path.read_text() == "theirs\n"
    tools.read(here, path="a.txt")
    edit(here, "a.txt", "theirs", "ours")
    edit(here, "a.txt", "ours", "again")
    assert path.read_text() == "again\n"


def test_a_change_between_writing_beside_and_renaming_is_noticed(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(here, "a.txt", "one\n")
    tools.read(here, path="a.txt")
    written = writing._written  # pyright: ignore[reportPrivateUsage]

    def late(parent: int, place: object, data: bytes, mode: int | None) -> str:
        name = written(parent, place, data, mode)  # pyright: ignore[reportArgumentType]
        path.write_text("theirs\n")
        return name

    monkeypatch.setattr(writing, "_written", late)
    assert error_of(edit, here, "a.txt", "one", "mine") == "conflict"
    assert path.read_text() == "theirs\n"
    assert os.listdir(here.folder) == ["a.txt"]


def test_a_file_created_by_someone_else_meanwhile_is_kept(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = writing._written  # pyright: ignore[reportPrivateUsage]

    def late(parent: int, place: object, data: bytes, mode: int | None) -> str:
        Path(here.folder, "new.txt").write_text("theirs\n")
        return written(parent, place, data, mode)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(writing, "_written", late)
    assert error_of(tools.write, here, path="new.txt", content="mine\n") == "conflict"
    assert Path(here.folder, "new.txt").read_text() == "theirs\n"
    assert os.listdir(here.folder) == ["new.txt"]


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_failure_in_the_middle_leaves_the_old_content_and_nothing_beside(
    here: Place, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = put(here, "a.txt", "old\n")
    tools.read(here, path="a.txt")

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    name = {"write": "fsync", "fsync": "fsync", "rename": "rename"}[call]
    with monkeypatch.context() as patched:
        patched.setattr(os, name, full)
        with pytest.raises((WorkspaceError, OSError)):
            edit(here, "a.txt", "old", "new")
    assert path.read_text() == "old\n"
    assert os.listdir(here.folder) == ["a.txt"]


def test_a_change_that_could_only_fail_is_known_before_anybody_is_asked(
    here: Place, tmp_path: Path
) -> None:
    def foreseen(tool: str, **args: object) -> str:
        return error_of(tools.preview, tool, args, here)

    fits = {"path": "a.txt", "edits": [{"old": "one", "new": "two"}]}
    put(here, "a.txt", "one one\nthree\n")
    assert foreseen("edit", **fits) == foreseen("write", path="a.txt", content="x") == "conflict"
    tools.read(here, path="a.txt")
    assert foreseen("edit", **fits) == "ambiguous"
    assert foreseen("edit", path="a.txt", edits=[{"old": "four", "new": "x"}]) == "no_match"
    three = [{"old": "three", "new": "x"}]
    assert tools.preview("edit", {"path": "a.txt", "edits": three}, here) == ""
    assert tools.preview("write", {"path": "new/b.txt", "content": "x"}, here) == ""
    assert not (Path(here.folder) / "new").exists()
    # Of what lies outside nothing is told before somebody said yes.
    (tmp_path / "outside.txt").write_text("x")
    assert (
        tools.preview("write", {"path": str(tmp_path / "outside.txt"), "content": "x"}, here) == ""
    )


def test_mode_encoding_mark_and_line_ends_are_kept(here: Place) -> None:
    path = put(here, "run.bat", b"\xef\xbb\xbfa\r\nb\r\n")
    path.chmod(0o750)
    tools.read(here, path="run.bat")
    edit(here, "run.bat", "a\nb", "a\nnew\nb")
    assert path.read_bytes() == b"\xef\xbb\xbfa\r\nnew\r\nb\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    tools.write(here, path="run.bat", content="c\nd\n")
    assert path.read_bytes() == b"\xef\xbb\xbfc\r\nd\r\n"
    latin = put(here, "l.txt", "é1\n".encode("latin-1"))
    tools.read(here, path="l.txt")
    edit(here, "l.txt", "1", "ü")
    assert latin.read_bytes() == "éü\n".encode("latin-1")
    assert error_of(edit, here, "l.txt", "ü", "→") == "encoding"


def test_mixed_line_ends_stay_as_they_were_around_an_edit(here: Place) -> None:
    path = put(here, "a.txt", b"a\r\nb\nc\r\nd\n")
    tools.read(here, path="a.txt")
    edit(here, "a.txt", "b\nc\n", "B\nC\n")
    assert path.read_bytes() == b"a\r\nB\r\nC\r\nd\n"
    edit(here, "a.txt", "d\n", "D\nE\n")
    assert path.read_bytes() == b"a\r\nB\r\nC\r\nD\nE\n"


def test_several_edits_apply_in_order_or_not_at_all(here: Place) -> None:
    path = put(here, "a.txt", "one two three\n")
    tools.read(here, path="a.txt")
    edits = [{"old": "one", "new": "1"}, {"old": "1 two", "new": "12"}]
    tools.edit(here, path="a.txt", edits=edits)
    assert path.read_text() == "12 three\n"
    broken = [{"old": "12", "new": "x"}, {"old": "nowhere", "new": "y"}]
    assert error_of(tools.edit, here, path="a.txt", edits=broken) == "no_match"
    assert path.read_text() == "12 three\n"


def test_a_text_that_is_there_twice_is_not_guessed(here: Place) -> None:
    path = put(here, "a.txt", "x\ny\nx\n")
    tools.read(here, path="a.txt")
    with pytest.raises(WorkspaceError, match=r"2 times \(lines 1, 3\)") as failed:
        edit(here, "a.txt", "x", "z")
    assert failed.value.error == "ambiguous"
    assert edit(here, "a.txt", "x", "z", every=True) == "edited a.txt: 2 replaced, at line 1, 3"
    assert path.read_text() == "z\ny\nz\n"


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("def f(x):\n    return y", "lines 2-3"),
        ("def  f(x):\n  return x", "other white space, lines 2-3"),
        ("completely different 12345", "Nothing like it"),
        ("  \n ", "only white space"),
    ],
)
def test_a_text_that_is_not_there_is_answered_with_the_nearest(
    here: Place, old: str, said: str
) -> None:
    put(here, "a.py", "import os\ndef f(x):\n    return x\n\nprint(f(1))\n")
    tools.read(here, path="a.py")
    with pytest.raises(WorkspaceError, match="not found") as failed:
        edit(here, "a.py", old, "new")
    assert said in str(failed.value)


def test_edits_that_change_nothing_and_what_is_no_text_are_refused(here: Place) -> None:
    put(here, "a.txt", "x\n")
    put(here, "b", b"\0")
    tools.read(here, path="a.txt")
    assert error_of(edit, here, "a.txt", "x", "x") == "bad_arguments"
    assert error_of(edit, here, "a.txt", "", "x") == "bad_arguments"
    assert error_of(edit, here, "none.txt", "a", "b") == "not_found"
    assert error_of(edit, here, "b", "a", "b") == "conflict"
    assert error_of(tools.write, here, path=".", content="") == "not_a_file"
    assert error_of(tools.write, here, path="a.txt/b", content="") in ("not_a_folder", "failed")


def test_the_person_sees_the_difference(here: Place) -> None:
    put(here, "a.txt", "one\ntwo\n")
    tools.read(here, path="a.txt")
    view = tools.edit(here, path="a.txt", edits=[{"old": "two", "new": "three"}]).get("view", "")
    assert view == "--- a.txt\n+++ a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three"


def test_what_was_read_before_a_restart_counts_as_never_read(here: Place) -> None:
    put(here, "a.txt", "x\n")
    tools.read(here, path="a.txt")
    forget(here.folder)
    assert error_of(edit, here, "a.txt", "x", "y") == "conflict"


# -- where paths lead


def ids(here: Place, tool: str, path: str) -> list[str]:
    found = tools.resources(tool, {"path": path, "content": "", "edits": []}, here)
    return [f"{one['id']} {' '.join(one['tags'])}".strip() for one in found]


def test_a_path_is_named_by_where_it_leads(here: Place, tmp_path: Path) -> None:
    put(here, "src/a.txt", "")
    outside = tmp_path / "out.txt"
    outside.write_text("")
    folder = Path(here.folder)
    (folder / "link").symlink_to(outside)
    (folder / "up").symlink_to("..")
    (folder / "in").symlink_to("src")
    os.link(outside, folder / "hard")
    assert ids(here, "read", "src/../src/./a.txt") == ["path:src/a.txt"]
    assert ids(here, "read", str(folder / "src/a.txt")) == ["path:src/a.txt"]
    assert ids(here, "read", "in/a.txt") == ["path:src/a.txt path.symlink"]
    assert ids(here, "write", "link") == [f"path:{outside} path.symlink path.outside path.hardlink"]
    assert ids(here, "write", "up/new.txt") == [
        f"path:{tmp_path}/new.txt path.symlink path.outside"
    ]
    assert ids(here, "write", "../x") == [f"path:{tmp_path}/x path.outside"]
    assert ids(here, "read", "hard") == ["path:hard path.hardlink"]
    assert ids(here, "read", "/proc/self/cwd/../x")[0].startswith("path:/")
    assert ids(here, "read", "/proc/self/root/etc/hostname") == [
        "path:/etc/hostname path.symlink path.outside"
    ]
    assert ids(here, "read", "/dev/null") == ["path:/dev/null path.outside path.special"]
    assert ids(here, "read", "~/x")[0] == f"path:{os.path.expanduser('~')}/x path.outside"
    assert ids(here, "read", "config/.env") == ["path:config/.env path.secret"]
    assert ids(here, "write", ".git/hooks/pre-commit") == ["path:.git/hooks/pre-commit path.git"]
    assert ids(here, "read", ".") == ["path:."]
    assert ids(here, "read", "a\u202eb") == ["path:a\\u202eb"]


def test_what_is_mounted_inside_is_said_of_one_place_and_of_many(here: Place) -> None:
    if sys.platform != "linux":
        pytest.skip("mounts are told of on Linux alone")
    inside = places.mounts_inside("/")
    assert inside is not None
    assert "/proc" in inside
    assert "path.mount" in places.located("/", "/proc/version").tags
    assert "path.mount" in places.located("/", "/proc/version", inside).tags
    assert places.mounts_inside(here.folder) == []
    assert places.located(here.folder, f"{here.folder}/x", []).tags == ()
    assert places.located(here.folder, f"{here.folder}/m/x", [f"{here.folder}/m"]).tags == (
        "path.mount",
    )


def test_a_name_that_tells_of_secrets_is_found_by_the_short_way_too() -> None:
    telling = [
        ".env", "a/.ENV.Local", ".envrc", "x/.netrc", ".pgpass", ".npmrc", ".pypirc", ".git-credentials", "credentials", "a/Credentials.YML",
        "credentials.toml", "id_rsa", "k/ID_ed25519.pub", ".ssh/config", "a/.gnupg/x", ".aws/config", ".azure/x", ".kube/config", ".\u017fsh/x",
        ".config/gcloud/x", ".docker/config.json", ".bash_history", ".history", "a.pem", "b.KEY", "c.p12", "d.pfx", "e.jks", "f.keystore", "g.kdbx",
    ]  # fmt: skip
    plain = ["a.py", "environment", "history.md", "keys.txt", "id.py", "ssh/config", "monkey", "local", "docs/credentials.md"]  # fmt: skip
    for name in telling:
        assert places.SECRET_NAME.search(name), name
        assert places.tells_of_secrets(name), name
    assert [name for name in plain if places.tells_of_secrets(name)] == []


def test_a_link_that_turns_after_judging_leads_nowhere(here: Place, tmp_path: Path) -> None:
    put(here, "a.txt", "inside\n")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret\n")
    link = Path(here.folder, "link")
    link.symlink_to("a.txt")
    assert ids(here, "read", "link") == ["path:a.txt path.symlink"]
    link.unlink()
    link.symlink_to(secret)
    assert error_of(tools.read, here, path="link") == "conflict"


def test_a_folder_that_becomes_a_link_after_judging_is_not_followed(
    here: Place, tmp_path: Path
) -> None:
    put(here, "d/a.txt", "inside\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.txt").write_text("outside\n")
    ids(here, "write", "d/b.txt")
    folder = Path(here.folder, "d")
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "other")
    assert error_of(tools.write, here, path="d/b.txt", content="x") == "conflict"
    assert not (tmp_path / "other/b.txt").exists()


def test_a_link_swapped_between_resolving_and_opening_is_noticed(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from devagent_workspace import places

    put(here, "d/a.txt", "inside\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.txt").write_text("outside\n")
    folder = Path(here.folder, "d")
    opened = places.os.open

    def swapping(path: str, *args: int, **more: int) -> int:
        if path == str(folder / "a.txt") and not folder.is_symlink():
            folder.rename(tmp_path / "moved")
            folder.symlink_to(tmp_path / "other")
        return opened(path, *args, **more)

    monkeypatch.setattr(places.os, "open", swapping)
    assert error_of(tools.read, here, path="d/a.txt") in ("conflict", "not_found")


def test_writing_through_a_hard_link_leaves_the_other_name_alone(
    here: Place, tmp_path: Path
) -> None:
    outside = tmp_path / "out.txt"
    outside.write_text("theirs\n")
    os.link(outside, Path(here.folder, "hard"))
    tools.read(here, path="hard")
    assert "hard links keep the old content" in edit(here, "hard", "theirs", "mine")
    assert outside.read_text() == "theirs\n"


def test_a_read_only_file_is_not_replaced(here: Place) -> None:
    path = put(here, "a.txt", "x\n")
    path.chmod(0o444)
    tools.read(here, path="a.txt")
    assert error_of(edit, here, "a.txt", "x", "y") == "denied"
    assert path.read_text() == "x\n"
