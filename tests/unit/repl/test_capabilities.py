"""What a terminal is taken to be able to do, and how wide text is on it."""

import pytest

from devagent.repl.capabilities import capabilities
from devagent.repl.style import Painter, Segment
from devagent.repl.width import breakable, clip, is_certain, rows, width

XTERM = {"TERM": "xterm-256color"}


def test_a_modern_terminal_has_colours_links_and_a_live_region() -> None:
    able = capabilities(XTERM)
    assert (able.colours, able.live, able.links, able.synchronized) == (256, True, True, True)


@pytest.mark.parametrize("value", ["1", "0", "anything"])
def test_no_color_of_any_value_takes_the_colours_and_leaves_the_rest(value: str) -> None:
    able = capabilities({**XTERM, "NO_COLOR": value})
    assert (able.colours, able.live) == (0, True)
    assert capabilities({**XTERM, "NO_COLOR": ""}).colours == 256


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_dumb_terminal_gets_lines_and_nothing_else(term: str) -> None:
    able = capabilities({"TERM": term})
    assert (able.colours, able.live, able.links) == (0, False, False)


def test_plain_and_screen_reader_have_no_live_region() -> None:
    assert not capabilities(XTERM, plain=True).live
    reader = capabilities(XTERM, reader=True)
    assert (reader.live, reader.reader) == (False, True)


@pytest.mark.parametrize(
    ("said", "theme"),
    [("15;0", "dark"), ("0;15", "light"), ("0;default;7", "light"), ("", "auto"), ("x", "auto")],
)
def test_the_background_is_what_colorfgbg_says(said: str, theme: str) -> None:
    assert capabilities({**XTERM, "COLORFGBG": said}).theme == theme
    assert capabilities({**XTERM, "COLORFGBG": said}, theme="dark").theme == "dark"


def test_without_colours_nothing_but_the_text_is_written() -> None:
    painter = Painter(capabilities({**XTERM, "NO_COLOR": "1"}))
    assert painter.paint([Segment("a", "bad"), Segment("b", "bold")]) == "ab"


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👩‍💻", 2), ("שלום", 4), ("❤️", 2)],
)
def test_text_is_as_wide_as_terminals_draw_it(text: str, columns: int) -> None:
    assert width(text) == columns


def test_widths_that_terminals_do_not_agree_on_are_not_relied_upon() -> None:
    assert all(map(is_certain, ("plain", "naïve", "日本語", "│─┼", "Ελλάδα")))
    assert not any(map(is_certain, ("👩‍💻", "नमस्ते", "שלום", "e\u0301")))


def test_a_wide_character_does_not_stand_across_the_edge() -> None:
    assert rows("日本語", 5) == 2
    assert rows("abcdef", 3) == 2
    assert clip("日本語", 5) == "日本…"


def test_closing_punctuation_stays_with_the_character_before_it() -> None:
    assert breakable("日本。語") == ["日", "本。", "語"]


def test_a_terminal_without_unicode_gets_the_signs_that_look_most_like_ours_in_as_many_columns() -> (
    None
):
    ascii_only = Painter(capabilities({"TERM": "dumb"}, encoding="ascii"))
    text = "● “a” · b… → │─┼ ✗ ⟦U+202E⟧"
    painted = ascii_only.paint([Segment(text)])
    assert painted == '* "a" - b. > |-+ x [U+202E]'
    assert len(painted) == width(text)
