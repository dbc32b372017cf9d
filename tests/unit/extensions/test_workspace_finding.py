"""Listing, globbing and searching: the same answers with ripgrep and without it."""

import os
from pathlib import Path
from typing import Any

import pytest

from devagent_workspace import finding, searching, tools
from devagent_workspace.contract import WorkspaceError
from devagent_workspace.globs import path_glob
from devagent_workspace.state import state_of
from tests.support.workspaces import Place

FILES = {
    "a.py": "import os\nprint('main')\n", "src/b.py": "def main():\n    return 1\n\n\nmain()\n", "src/deep/c.txt": "Main\nmain\n",
    "build/out.txt": "main\n", "x.log": "main\n", "keep.log": "main\n", "src/.hidden": "main\n", ".env": "main=1\n",
    "deploy/tls.pem": "main\n", "nested/.gitignore": "c.txt\n/only\nd/**/e\n", "nested/c.txt": "main\n", "nested/in/c.txt": "main\n",
    "nested/only": "main\n", "nested/in/only": "main\n", "nested/d/x/e": "main\n", "inner/.git/HEAD": "main\n", "inner/x.log": "main\n",
    "crlf.txt": "a\r\nmain\r\n", "sp ace.txt": "main\n",
}  # fmt: skip


@pytest.fixture(params=["ripgrep", "python"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (tmp_path / ".gitignore").write_text("# c\nbuild/\n*.log\n!keep.log\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / "binary").write_bytes(b"main\0main\n")
    (tmp_path / "latin").write_bytes(b"caf\xe9 main\n")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "up").symlink_to("..")
    if request.param == "python":
        monkeypatch.setattr(finding, "ripgrep", lambda: None)
        monkeypatch.setattr(searching, "ripgrep", lambda: None)
    elif finding.ripgrep() is None:
        pytest.skip("ripgrep is not installed")
    return Place(str(tmp_path))


OWN = [
    ".env", ".gitignore", "a.py", "binary", "crlf.txt", "deploy/tls.pem", "inner/x.log", "keep.log", "latin", "nested/.gitignore",
    "nested/in/only", "sp ace.txt", "src/.hidden", "src/b.py", "src/deep/c.txt",
]  # fmt: skip


def test_a_glob_finds_the_projects_own_files(here: Place) -> None:
    found = set(tools.glob(here, pattern="**")["text"].split("\n"))
    assert found - {"link.py", "up"} == set(OWN)
    assert tools.glob(here, pattern="*.{py,txt}", path="src")["text"] == "src/b.py\nsrc/deep/c.txt"
    assert tools.glob(here, pattern="src/**/c.*")["text"] == "src/deep/c.txt"
    assert tools.glob(here, pattern="nothing*")["text"] == "[no file fits]"


def test_a_search_names_files_lines_and_numbers(here: Place) -> None:
    text = tools.grep(here, pattern="^main", path="src")["text"]
    assert text == "src/.hidden\n  1: main\nsrc/b.py\n  5: main()\nsrc/deep/c.txt\n  2: main"
    files = tools.grep(here, pattern="main", mode="files")["text"].split("\n")
    assert files == [
        "a.py", "crlf.txt", "inner/x.log", "keep.log", "latin", "nested/in/only", "sp ace.txt", "src/.hidden", "src/b.py",
        "src/deep/c.txt", "[2 files not searched: their names tell of secrets]",
    ]  # fmt: skip
    assert (
        tools.grep(here, pattern="main", mode="count", path="src")["text"]
        == "src/.hidden: 1\nsrc/b.py: 2\nsrc/deep/c.txt: 1"
    )


def test_case_context_globs_and_single_files_count(here: Place) -> None:
    assert (
        "1: Main"
        in tools.grep(here, pattern="MAIN", ignore_case=True, glob="*.txt", path="src")["text"]
    )
    text = tools.grep(here, pattern="return", context=1, path="src/b.py")["text"]
    assert text == "src/b.py\n  1- def main():\n  2:     return 1\n  3-"
    assert (
        tools.grep(here, pattern="main", glob="*.log")["text"]
        == "inner/x.log\n  1: main\nkeep.log\n  1: main"
    )
    assert tools.grep(here, pattern="main", glob="src/*.py", mode="files")["text"].startswith(
        "src/b.py"
    )
    assert tools.grep(here, pattern="main", path=".env")["text"] == ".env\n  1: main=1"
    assert tools.grep(here, pattern="nowhere")["text"] == "[nothing found]"


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", r"(a)\1", "[", "a\nb"])
def test_a_pattern_that_ripgrep_does_not_know_is_refused(here: Place, pattern: str) -> None:
    with pytest.raises(WorkspaceError) as failed:
        tools.grep(here, pattern=pattern)
    assert failed.value.error == "bad_pattern"


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bmain\b",
        "ma(in|x)",
        "[[:alpha:]]+\\(",
        r"^\s*return \d$",
        "(?i)MAIN",
        "m.*n$",
        r"main\(\)",
        "caf. main",
        "-x|main",
    ],
)
def test_both_ways_find_the_same(
    tmp_path: Path, here: Place, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tools.grep(here, pattern=pattern)["text"]
    monkeypatch.undo()
    other = tools.grep(here, pattern=pattern)["text"]
    assert one == other


def test_a_hostile_pattern_ends_with_the_time_limit(here: Place) -> None:
    Path(here.folder, "evil.txt").write_text("a" * 40 + "\n")
    slow = here._replace(time_limit_s=1.0)
    try:
        text = tools.grep(slow, pattern="^(a|a|aa)+$", path="evil.txt")["text"]
    except WorkspaceError as e:
        assert e.error == "timeout"  # noqa: PT017 - ripgrep answers at once, Python never
    else:
        assert "evil.txt" in text


def test_what_is_cut_is_said(here: Place) -> None:
    Path(here.folder, "many.txt").write_text("hit\n" * 500)
    text = tools.grep(here, pattern="hit", limit=5)["text"]
    assert text.count("hit") == 6
    assert "500 hits in all" in text


def test_every_file_of_an_answer_is_a_resource(here: Place) -> None:
    args: dict[str, Any] = {"pattern": "main", "path": "src", "limit": 100}
    found = tools.resources("grep", args, here)
    assert [one["id"] for one in found] == [
        "path:src",
        "path:src/.hidden",
        "path:src/b.py",
        "path:src/deep/c.txt",
    ]
    assert {one["access"] for one in found} == {"read"}


def test_a_file_that_was_not_judged_is_not_shown(here: Place) -> None:
    args: dict[str, Any] = {"pattern": "main", "path": "src"}
    tools.resources("grep", args, here)
    searches = state_of(here.folder).searches
    for key, found in list(searches.items()):
        searches[key] = found._replace(at=found.at - 1000)
    Path(here.folder, "src/new.py").write_text("main\n")
    result = tools.grep(here, **args)
    assert "new.py" not in result["text"]
    assert result.get("structured", {})["complete"] is False


def test_a_folder_is_listed_with_sizes_links_and_what_was_left_out(here: Place) -> None:
    text = tools.list(here)["text"]
    assert "src/" in text
    assert "link.py -> /etc/passwd" in text
    assert "keep.log  5 B" in text
    assert "x.log" not in text
    assert text.endswith("[2 left out by .gitignore]")
    deep = tools.list(here, path="src", depth=3)["text"]
    assert deep == ".hidden  5 B\nb.py  34 B\ndeep/\n  c.txt  10 B"
    with pytest.raises(WorkspaceError) as failed:
        tools.list(here, path="a.py")
    assert failed.value.error == "not_a_folder"


def test_a_tree_counts_what_is_below_each_folder_shown_or_not(here: Place) -> None:
    text = tools.tree(here, path="src", depth=1)["text"]
    assert text == ".hidden  5 B\nb.py  34 B\ndeep/  1 file\n[in all 3 files, 1 folder]"
    text = tools.tree(here, path="src", depth=2)["text"]
    assert "deep/  1 file\n  c.txt  10 B\n" in text
    whole = tools.tree(here)
    assert "link.py -> /etc/passwd" in whole["text"]
    assert "; 6 left out by .gitignore]" in whole["text"]
    assert "x.log" not in tools.tree(here, depth=1)["text"]
    with pytest.raises(WorkspaceError) as failed:
        tools.tree(here, path="a.py")
    assert failed.value.error == "not_a_folder"


def test_a_tree_says_what_it_does_not_show_or_count(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        Path(here.folder, "src", f"n{number:02}.txt").touch()
    result = tools.tree(here, path="src")
    assert "… 12 more files\n[in all 53 files, 1 folder]" in result["text"]
    short = tools.tree(Place(here.folder, obligations={"limit_rows": 2}), path="src")
    assert "[cut: 2 of" in short["text"]
    monkeypatch.setattr(finding, "MOST_VISITED", 10)
    stopped = tools.tree(here, path="src")
    assert "the counts are of the first 10 entries" in stopped["text"]
    assert stopped.get("structured", {})["counted"] is False


def test_links_are_listed_and_not_followed(here: Place) -> None:
    assert "up -> .." in tools.list(here, depth=9)["text"]
    assert "passwd" not in tools.grep(here, pattern="root:")["text"]


def test_odd_names_are_shown_on_one_line(here: Place) -> None:
    Path(here.folder, "a\nb\x1b").write_text("odd\n")
    assert "a\\nb\\x1b" in tools.list(here)["text"]
    assert "a\\nb\\x1b" in tools.glob(here, pattern="a*b*")["text"]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.py", "a/b.py", True), ("*.py", "b.pyc", False), ("a/*.py", "a/b.py", True), ("a/*.py", "a/c/b.py", False),
        ("a/**/b", "a/b", True), ("a/**/b", "a/x/y/b", True), ("**/b", "b", True), ("a/**", "a/b/c", True), ("a/**", "a", False),
        ("{a,b}.c", "b.c", True), ("{a,b}.c", "c.c", False), ("[!a]x", "bx", True), ("[!a]x", "ax", False), ("a?c", "a/c", False),
        ("/a", "a", True), ("/a", "b/a", False), (r"\*", "*", True), ("a[b", "a[b", True),
    ],
)  # fmt: skip
def test_globs_mean_what_ripgrep_means(pattern: str, path: str, fits: bool) -> None:
    assert bool(path_glob(pattern).match(path)) is fits


def test_nothing_of_the_persons_ripgrep_configuration_counts(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path(here.folder, "rgrc")
    config.write_text("--pre=/bin/false\n--no-ignore\n")
    monkeypatch.setitem(os.environ, "RIPGREP_CONFIG_PATH", str(config))
    assert "x.log\n" not in tools.grep(here, pattern="main", mode="files")["text"].replace(
        "inner/x.log", ""
    )
