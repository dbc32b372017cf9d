"""Markdown as it arrives: what came out is final, and the same however the text was cut on its way."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.repl.capabilities import capabilities
from devagent.repl.markdown.flow import Out, Row
from devagent.repl.markdown.stream import MarkdownStream, lines_of
from devagent.repl.style import Painter, Segment, text_of, width_of

TEXT = '''\
# What I found in `shop`

Some **bold words**, *italics*, a `code span`, [a link](https://example.com/x) and https://example.com/y. It goes on.

- one point
- [ ] two **not closed
   - a nested point that is long enough to be wrapped at the edge of the screen, twice
1. first
2) second

> quoted *text*

| Name | Count |
| --- | ---: |
| a | 1 |
| 日本語 | 200 |

```python
def f(x: int) -> str:
    """Doc
    string"""
    return "x" + str(x)  # comment
```
---
snake_case and 2*3*4 and __init__ and a_b *not closed
日本語のテキストはここで折り返されます。とても長い行なので、端末の幅を超えます。
| no table
\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07here\x1b]8;;\x07 end'''


def looks(outs: Iterable[Out]) -> list[list[tuple[str, str, str]]]:
    """Rows of characters with their role and link: what is seen, however it was put together."""
    rows: list[list[tuple[str, str, str]]] = [[]]
    for one in outs:
        if isinstance(one, Row):
            rows.append([])
        else:
            rows[-1] += [(c, one.role, one.link) for c in one.text]
    return rows


def streamed(text: str, cuts: Iterable[int], columns: int = 60) -> list[Out]:
    stream = MarkdownStream(columns)
    outs: list[Out] = []
    last = 0
    for cut in sorted(set(cuts)):
        outs += stream.feed(text[last:cut])
        last = cut
    return [*outs, *stream.feed(text[last:]), *stream.end()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(TEXT)), max_size=60))
def test_the_same_text_looks_the_same_however_it_was_cut(cuts: list[int]) -> None:
    assert looks(streamed(TEXT, cuts)) == looks(streamed(TEXT, []))


def test_one_character_at_a_time_is_no_exception() -> None:
    assert looks(streamed(TEXT, range(len(TEXT)))) == looks(streamed(TEXT, []))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab *_`[]()#->|~\\\n!<h1.\x1b日é", max_size=120), st.integers(1, 119))
def test_no_text_is_lost_or_breaks_it(text: str, cut: int) -> None:
    whole = looks(streamed(text, [], 40))
    assert looks(streamed(text, [cut], 40)) == whole
    seen = "".join(c for row in whole for c, _, _ in row)
    assert "\x1b" not in seen
    letters = [c for c in text if c in "ab日é"]
    assert [c for c in seen if c in "ab日é"].count("日") == letters.count("日")


def shown(text: str, columns: int = 60) -> list[str]:
    return [text_of(one) for one in lines_of(text, columns)]


def test_prose_is_wrapped_by_words_and_code_is_not() -> None:
    long = "word " * 40
    assert all(len(row) <= 30 for row in shown(long, 30))
    (_, code, _) = shown(f"```\n{long.strip()}\n```", 30)
    assert code == long.strip()


def test_a_line_that_continues_a_point_stands_below_its_text() -> None:
    rows = shown("- " + "word " * 12, 24)
    assert rows[0].startswith("• word")
    assert all(row.startswith("  word") for row in rows[1:])


def test_a_table_that_fits_is_a_grid_of_equal_columns() -> None:
    rows = shown("| Name | Count |\n| --- | ---: |\n| 日本語 | 2 |\n| a | 10 |\n")
    assert rows == ["Name   │ Count", "───────┼──────", "日本語 │     2", "a      │    10"]


def test_a_table_that_does_not_fit_keeps_its_cells_whole() -> None:
    cell = "a cell of many words, longer than the screen is wide"
    rows = shown(f"| What | Why |\n| --- | --- |\n| {cell} | x |\n", 30)
    assert rows == [f"What: {cell}", "Why: x"]


def test_names_and_products_are_no_emphasis() -> None:
    assert shown("snake_case __init__ 2*3*4") == ["snake_case __init__ 2*3*4"]
    assert {one.role for row in lines_of("snake_case __init__ 2*3*4", 60) for one in row} == {""}


def test_a_link_that_says_one_thing_and_leads_to_another_tells_where() -> None:
    (row,) = shown("[bank](https://evil.example/x)")
    assert row == "bank (https://evil.example/x)"


def test_only_the_web_and_mail_can_be_opened_by_a_click() -> None:
    painter = Painter(capabilities({"TERM": "xterm-256color"}))
    for link, opens in (
        ("https://a.example", True),
        ("file:///etc/passwd", False),
        ("https://a\x1b\\b", False),
    ):
        assert ("\x1b]8;;" in painter.paint([Segment("x", "", link)])) is opens


def test_a_string_over_many_lines_has_its_colour_on_each() -> None:
    rows = lines_of('```python\nx = """a\nb\n"""\n```', 60)
    assert rows[2] == (Segment("b", "string"),)


def test_a_row_is_never_wider_than_the_screen_where_words_can_be_broken() -> None:
    text = "日本語のテキストはここで折り返されます。" * 4
    assert all(width_of(row) <= 31 for row in lines_of(text, 30))


def test_code_stands_between_short_rules_and_without_colours_between_its_fences() -> None:
    text = "```python\nx = 1\n```"
    assert shown(text) == ["── python", "x = 1", "──"]
    assert [text_of(one) for one in lines_of(text, 60, plain=True)] == text.split("\n")


def test_code_that_was_cut_off_ends_below_a_rule_all_the_same() -> None:
    cut = lines_of("```py\nx = 1\ny", 40)
    assert [text_of(row) for row in cut] == ["── py", "x = 1", "y", "──"]
