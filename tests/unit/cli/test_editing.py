"""``config edit`` and ``policy edit``: what cannot be used is never in force, and what was typed is never lost."""

import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from devagent.cli import editing
from devagent.cli.entry import run_command_line
from devagent.settings import places as places_module

Editing = Callable[..., int]

CONFIG, POLICY = ("config", "edit"), ("policy", "edit")
GOOD_POLICY = """\
version = 1
name = "mine"
[[rule]]
id = "no-push"
effect = "deny"
tools = ["git.push"]
why = "I push myself"
grant = "Nobody"
"""


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(tmp_path / "etc"))
    monkeypatch.setattr(editing, "at_a_terminal", lambda: True)
    return home / "devagent"


@pytest.fixture
def edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Editing:
    """Run a command whose editor writes these texts, one each time; ``again`` are the answers to its question."""

    def run(
        words: tuple[str, ...], *texts: str, again: tuple[bool, ...] = (), code: int = 0
    ) -> int:
        for number, text in enumerate(texts):
            (tmp_path / f"text-{number}").write_text(text)
        counter = tmp_path / "count"
        counter.write_text("")
        editor = tmp_path / "an editor"
        editor.write_text(
            f'#!/bin/sh\nn=$(wc -c < "{counter}")\nprintf x >> "{counter}"\ncat "$2" > "{tmp_path}/seen"\n'
            f'[ ! -f "{tmp_path}/text-"$n ] || {{ umask 0; cat "{tmp_path}/text-"$n > "$2.new"; mv -f "$2.new" "$2"; }}\n'
            f"exit {code}\n"
        )
        editor.chmod(0o700)
        monkeypatch.setenv("VISUAL", f"'{editor}' --wait")
        answers = iter(again)

        def confirm(question: str, **_: object) -> bool:
            assert question == "It is not in force. Edit it again?"
            return next(answers)

        monkeypatch.setattr(click, "confirm", confirm)
        return run_command_line(list(words))

    return run


def drafts(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.glob(".*.toml")]


@pytest.mark.parametrize(
    ("words", "file", "text"),
    [(CONFIG, "config.toml", "max_tokens = 9\n"), (POLICY, "policy.toml", GOOD_POLICY)],
)
def test_what_is_right_is_in_force_and_its_owners_alone(
    folder: Path, edits: Editing, tmp_path: Path, words: tuple[str, ...], file: str, text: str
) -> None:
    assert edits(words, text) == 0
    assert (tmp_path / "seen").read_text().startswith("#")  # a beginning to work from
    assert (folder / file).read_text() == text
    assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert drafts(folder) == []
    assert edits(words) == 0  # and again, without a change
    assert (tmp_path / "seen").read_text() == text
    assert drafts(folder) == []


def test_a_beginning_that_is_left_as_it_was_makes_no_file(
    folder: Path, edits: Editing, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edits(POLICY) == 0
    assert "is still not there" in capsys.readouterr().out
    assert list(folder.glob("*policy*")) == []


@pytest.mark.parametrize(
    ("words", "file", "wrong", "said"),
    [
        (CONFIG, "config.toml", "modle = 1\n", "config.toml:1:1: unknown key 'modle'"),
        (CONFIG, "config.toml", "[extensions.sql]\nsorces = 1\n", "Did you mean 'sources'?"),
        (CONFIG, "config.toml", "[extensions.x]\ntype = 'stdio'\n", "command"),
        (CONFIG, "config.toml", "[model]\nmian = 'x'\n", "mian"),
        (POLICY, "policy.toml", "version = 1\n[[rul]]\n", "policy.toml:2:1"),
        (POLICY, "policy.toml", GOOD_POLICY + 'when = { "args.forced" = 1 }\n', "forced"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_never_in_force(
    folder: Path,
    edits: Editing,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    file: str,
    wrong: str,
    said: str,
) -> None:
    assert edits(words, wrong, again=(False,)) == 78
    err = capsys.readouterr().err
    assert said in err
    assert f"{folder / file} is as it was; your draft is {folder}/." in err
    assert not (folder / file).exists()
    assert drafts(folder) == [wrong]


def test_it_can_be_edited_again_until_it_is_right(folder: Path, edits: Editing) -> None:
    assert edits(POLICY, "version = 2\n", "version =\n", GOOD_POLICY, again=(True, True)) == 0
    assert (folder / "policy.toml").read_text() == GOOD_POLICY
    assert drafts(folder) == []


def test_what_lint_warns_of_is_told_and_in_force(
    folder: Path, edits: Editing, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = GOOD_POLICY.replace("git.push", "git.psh")
    assert edits(POLICY, odd) == 0
    assert 'Did you mean "git.push"?' in capsys.readouterr().err
    assert (folder / "policy.toml").read_text() == odd


def test_an_editor_that_fails_changes_nothing_and_keeps_what_was_typed(
    folder: Path, edits: Editing, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edits(CONFIG, "max_tokens = 9\n", code=3) == 1
    err = capsys.readouterr().err
    assert "ended with 3" in err
    assert "your draft is" in err
    assert not (folder / "config.toml").exists()
    assert drafts(folder) == ["max_tokens = 9\n"]


def test_without_a_terminal_or_an_editor_nothing_is_begun(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    assert run_command_line(list(CONFIG)) == 2
    assert "Name yours in VISUAL or EDITOR" in capsys.readouterr().err
    monkeypatch.setattr(editing, "at_a_terminal", lambda: False)
    assert run_command_line(list(POLICY)) == 2
    assert f"The file is {folder / 'policy.toml'}" in capsys.readouterr().err
    assert drafts(folder) == []
