"""``devagent docs``: from naming a collection to measuring its search, and what goes wrong on the way."""

import sys
from io import StringIO
from pathlib import Path

import pytest

from devagent.cli.entry import run_command_line
from tests.support.documentation import write_documents

QUESTIONS = (
    "kind\tquestion\tsections\n"
    "howto\tbook a train two days ahead\tbook:travel.md#booking-a-train\n"
    "howto\tE4711\tbook:travel.md#errors\n"
    "howto\tzorptastic\tbook:travel.md#errors\n"
    "unanswerable\tkubernetes ingress\t\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_documents(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def devagent(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command_line(["docs", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def configure(home: Path, text: str) -> None:
    file = home / "devagent/config.toml"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)


def test_a_collection_is_added_indexed_searched_and_measured(
    home: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, toml, err = devagent(capsys, "add", "book", "handbook")
    assert code == 0
    assert "3 markdown" in err
    configure(home, toml)
    assert devagent(capsys, "status")[1] == "book: not indexed; run `devagent docs index book`\n"
    code, out, _ = devagent(capsys, "index")
    assert code == 0
    assert "3 documents" in out
    code, out, _ = devagent(capsys, "search", "book", "a", "train", "two", "days", "ahead")
    assert code == 0
    assert out.splitlines()[0].partition(":")[2].startswith("travel.md#booking-a-train:9")
    assert "up to date" in devagent(capsys, "status")[1]
    (folder / "handbook/travel.md").write_text("# Other\n")
    assert "1 changed since" in devagent(capsys, "status")[1]
    (folder / "q.tsv").write_text(QUESTIONS)
    code, out, _ = devagent(capsys, "eval", "--missed", "q.tsv")
    assert code == 0
    assert out.splitlines()[1].split() == ["howto", "3", "0.67", "0.67", "0.67", "0.67", "0.67"]
    assert "missed (howto): zorptastic" in out
    assert "AUC" in out


def test_search_says_when_nothing_is_found_and_what_it_read(
    home: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(home, '[extensions.docs.collections.book]\npath = "handbook"\n')
    devagent(capsys, "index")
    assert devagent(capsys, "search", "kubernetes") == (1, "", "Nothing was found.\n")
    assert "Read 'trian' as 'train'." in devagent(capsys, "search", "trian")[2]


def test_policy_hides_from_the_person_too_what_it_denies(
    home: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(home, '[extensions.docs.collections.book]\npath = "handbook"\n')
    devagent(capsys, "index")
    assert "hr/pay.md" in devagent(capsys, "search", "zorptastic")[1]
    policy = home / "devagent/policy.toml"
    policy.write_text(
        'version = 1\nname = "mine"\nlayer = "local"\n[[rule]]\nid = "pay"\neffect = "deny"\nresources = ["tag:confidential"]\n'
    )
    policy.chmod(0o600)
    assert devagent(capsys, "search", "zorptastic") == (1, "", "Nothing was found.\n")


def test_without_a_collection_the_command_says_how_to_name_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments in (["index"], ["status"], ["search", "x"]):
        code, _, err = devagent(capsys, *arguments)
        assert code == 78
        assert "devagent docs add" in err


def test_faults_have_their_exit_codes(
    home: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert devagent(capsys, "add", "a b", "handbook")[0] == 2
    assert devagent(capsys, "add", "x", "nowhere")[0] == 1
    configure(home, '[extensions.docs.collections.book]\npath = "nowhere"\n')
    assert devagent(capsys, "index", "other")[0] == 2
    code, _, err = devagent(capsys, "index")
    assert code == 1
    assert err.startswith("book: The path of collection 'book' is not there")
    configure(home, '[extensions.docs.collections.book]\nnonsense = "x"\n')
    code, _, err = devagent(capsys, "status")
    assert code == 78
    assert "no setting 'nonsense'" in err


def test_indexing_draws_one_line_on_a_terminal_and_leaves_no_trace_of_it(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    (folder / "handbook/a\x1b[31mb.md").write_text("# Odd\n")
    configure(home, '[extensions.docs.collections.book]\npath = "handbook"\n')
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("devagent.cli.docs.index.EACH_S", 0.0)
    assert run_command_line(["docs", "index"]) == 0
    drawn = screen.getvalue().split("\r\x1b[K")
    assert drawn[0] == drawn[-1] == ""
    assert drawn[1].startswith("book [........................] 0/4 ")
    assert drawn[-2].startswith("book [########################] 4/4")
    assert "\n" not in screen.getvalue()
    assert "\x1b[31m" not in screen.getvalue()
