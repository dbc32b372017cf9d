"""The demo's lines on a terminal: broken between words, below where they began, and coloured by what was answered."""

import click
import pytest

from devagent.cli.demo.drawn import drawn
from devagent.repl.words import ASCII, FULL

DENIED = "  ✗ denied by org/acme#no-personal-data (acme.toml:53): Names and addresses stay with those who need them"


def test_a_long_line_goes_on_below_where_its_words_began() -> None:
    assert drawn(DENIED, FULL, 60, coloured=False).split("\n") == [
        "  ✗ denied by org/acme#no-personal-data (acme.toml:53):",
        "    Names and addresses stay with those who need them",
    ]
    assert drawn("\n    tools = ['git.push']\n", FULL, 60, coloured=False) == (
        "\n    tools = ['git.push']\n"
    )


@pytest.mark.parametrize("columns", [1, 40, 79, 200])
def test_no_word_is_lost_or_broken_whatever_the_width(columns: int) -> None:
    text = f"{DENIED}\n{'x' * 90}\n\n● git.push  branch:origin/main, repo:."
    rows = drawn(text, FULL, columns, coloured=False)
    assert rows.split() == text.split()
    widest = max(columns, 40)
    assert all(len(row) <= widest or " " not in row.strip() for row in rows.split("\n"))


def test_colours_say_what_the_sign_says_and_only_where_there_are_any() -> None:
    coloured = drawn(DENIED, FULL, 60, coloured=True).split("\n")
    assert [row.startswith("\x1b[31m") and row.endswith("\x1b[0m") for row in coloured] == [
        True
    ] * 2
    assert click.unstyle("\n".join(coloured)) == drawn(DENIED, FULL, 60, coloured=False)
    assert drawn("+ allowed by x", ASCII, 60, coloured=True).startswith("\x1b[32m")
    assert "\x1b" not in drawn("plain words", FULL, 60, coloured=True)
