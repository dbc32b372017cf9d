"""A question as it stands on the screen: laid out for the window as it is now, its keys always there."""

import asyncio
from collections.abc import Sequence

import pytest

from devagent.repl.choices import Choices, Option, question_rows
from devagent.repl.style import line, text_of, width_of

OPTIONS: Sequence[Option] = (
    ("y", "yes, once"), ("s", "this session"), ("p", "this folder…"), ("a", "always…"), ("n", "no"),
    ("c", "no, and say why"),
)  # fmt: skip


async def asked(rows: int = 1) -> Choices:
    about = [line(f"  row {n} of what would be filed") for n in range(rows)]
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return Choices(about, OPTIONS, "yspanc", future)


@pytest.mark.parametrize("columns", [20, 31, 40, 57, 80, 200])
async def test_a_question_is_laid_out_for_the_window_as_it_is_and_no_word_is_broken(
    columns: int,
) -> None:
    rows = question_rows(await asked(), columns, 40)
    assert all(width_of(row) < columns for row in rows)
    words = " ".join(text_of(row) for row in rows).split()
    assert all(word in words for _, text in OPTIONS for word in text.split())


async def test_where_there_is_no_room_for_all_what_is_asked_about_is_cut_and_never_the_keys() -> (
    None
):
    question = await asked(rows=12)
    question.note = "One key answers; nothing was taken of what you typed."
    shown = [text_of(row) for row in question_rows(question, 80, 6)]
    assert len(shown) == 6
    assert shown[0] == "  row 0 of what would be filed"
    assert shown[2] == "  … 10 more rows in a taller window"
    assert "y yes, once" in shown[3]
    assert "One key answers" in shown[5]
