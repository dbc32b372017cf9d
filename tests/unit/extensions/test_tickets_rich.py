"""Rich text: what was written in Markdown comes back from each tracker's own form as it was."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devagent_tickets.rich import adf, hypertext, markdown, wiki

TEXTS = [
    "One paragraph.",
    "First line  \nsecond line",
    "Some **strong**, *slanted*, ~~gone~~ and `code_with(*args)` words.",
    "# Title\n\nText\n\n## Sub *title*",
    "- one\n- two\n  - inner\n  - more\n- three",
    "1. first\n2. second",
    "```python\nif x < 1 and y > 2:\n    print('**no**')\n```",
    "> Quoted **text**",
    "See [the page](https://x.example/a?b=1) and <https://y.example/z>.",
    "| name | value |\n| --- | --- |\n| a | `1` |\n| b | 2 |",
    "above\n\n---\n\nbelow",
    "Stars \\* and \\_scores\\_ and \\[brackets\\] stay, snake_case too, 2 < 3 & so.",
    "5 \\* 3, C:\\\\temp, a-b, semi-final",
]


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_is_written_as_it_was_read(text: str) -> None:
    assert markdown.write(markdown.read(markdown.write(markdown.read(text)))) == markdown.write(
        markdown.read(text)
    )
    if "2 < 3" not in text:
        assert markdown.write(markdown.read(text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_comes_back_from_each_form(text: str) -> None:
    blocks = markdown.read(text)
    wanted = markdown.write(blocks)
    assert markdown.write(adf.read(adf.write(blocks))) == wanted
    assert markdown.write(hypertext.read(hypertext.write(blocks))) == wanted
    assert markdown.write(wiki.read(wiki.write(blocks))) == wanted


def test_a_document_of_the_vendor_is_read_whole() -> None:
    document: dict[str, Any] = {"type": "doc", "version": 1, "content": [
        {"type": "panel", "attrs": {"panelType": "info"}, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Mind this."}]}]},
        {"type": "paragraph", "content": [
            {"type": "mention", "attrs": {"id": "1", "text": "@Ana"}}, {"type": "text", "text": " at "},
            {"type": "date", "attrs": {"timestamp": "1767225600000"}}, {"type": "text", "text": " "},
            {"type": "emoji", "attrs": {"shortName": ":ok:", "text": "👌"}},
            {"type": "status", "attrs": {"text": "IN PROGRESS", "color": "blue"}},
            {"type": "inlineCard", "attrs": {"url": "https://x.example/1"}}]},
        {"type": "taskList", "attrs": {"localId": "1"}, "content": [
            {"type": "taskItem", "attrs": {"localId": "2", "state": "DONE"}, "content": [{"type": "text", "text": "tested"}]},
            {"type": "taskItem", "attrs": {"localId": "3", "state": "TODO"}, "content": [{"type": "text", "text": "shipped"}]}]},
        {"type": "expand", "attrs": {"title": "More"}, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "hidden"}]}]},
        {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"type": "file", "id": "x", "alt": "screen.png"}}]},
        {"type": "somethingNew", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "kept"}]}]},
    ]}  # fmt: skip
    assert markdown.write(adf.read(document)) == (
        "> Mind this.\n\n@Ana at 2026-01-01 👌\\[IN PROGRESS\\]<https://x.example/1>\n\n"
        "- [x] tested\n- [ ] shipped\n\n**More**\n\nhidden\n\n\\[screen.png\\]\n\nkept"
    )


NO_DOCUMENTS: list[Any] = [
    None, 7, [], {}, {"content": 3}, {"content": [None, 5, {"type": 9}]},
    {"content": [{"type": "text", "marks": "x", "attrs": []}]},
]  # fmt: skip


@pytest.mark.parametrize("document", NO_DOCUMENTS)
def test_what_is_no_document_gives_no_error(document: object) -> None:
    assert markdown.write(adf.read(document)) == ""


def test_html_of_an_editor_is_read_as_people_see_it() -> None:
    text = (
        "<div>Steps:<br></div><ul><li><p>Open <b>x</b></p></li><li>Wait<ol><li>a</li></ol></li></ul>"
        "<style>p{}</style><script>alert(1)</script><div><a href='javascript:x()'>bad</a> <a href=https://x.example>good</a></div>"
        "<table><tr><th>a</th><td>b &amp; c</td></tr></table><pre>x\n  y</pre><p>never closed"
    )
    assert markdown.write(hypertext.read(text)) == (
        "Steps:\n\n- Open **x**\n- Wait\n  1. a\n\nbad [good](https://x.example)\n\n"
        "| a | b & c |\n| --- | --- |\n\n```\nx\n  y\n```\n\nnever closed"
    )


def test_wiki_markup_is_read_as_people_see_it() -> None:
    text = (
        "h2. Steps\r\n* open *it*\n** inner\n# one\n\n{code:java|title=A}\nint x;\n{code}\n{color:red}warn{color} [~ana] "
        "[page|https://x.example] !screen.png|thumbnail!\n||a||b||\n|1|2|\nbq. said\n{quote}\nlong\n{quote}\nline one\nline two"
    )
    assert markdown.write(wiki.read(text)) == (
        "## Steps\n\n- open **it**\n  - inner\n\n1. one\n\n```java\nint x;\n```\n\nwarn @ana [page](https://x.example) "
        "\\[screen.png\\]\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n> said\n\n> long\n\nline one  \nline two"
    )


@given(st.text(alphabet="ab *_`~[]()<>#-+>|\\\n1.!:/{}&", max_size=80))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_a_reader_or_writer(text: str) -> None:
    blocks = markdown.read(text)
    for read, write in (
        (adf.read, adf.write),
        (hypertext.read, hypertext.write),
        (wiki.read, wiki.write),
    ):
        form: Any = write(blocks)
        assert isinstance(markdown.write(read(form)), str)
    assert isinstance(markdown.write(wiki.read(text)), str)
    assert isinstance(markdown.write(hypertext.read(text)), str)


def test_a_hostile_text_is_read_in_time_and_depth() -> None:
    for text in (
        "> " * 5000 + "x",
        "- " * 3000 + "x",
        "*" * 20_000,
        "[" * 20_000,
        "**a" * 6000,
        "`" * 20_000,
        "_a" * 9000,
    ):
        assert markdown.write(markdown.read(text)) is not None
    nested: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(400):
        nested = {"type": "blockquote", "content": [nested]}
    assert adf.read({"type": "doc", "content": [nested]}) is not None
    assert hypertext.read("<ul><li>" * 3000) is not None


@pytest.mark.parametrize(
    ("read", "text"),
    [(wiki.read, "["), (wiki.read, "{"), (wiki.read, "!["), (wiki.read, "|a"), (wiki.read, "[~"),
     (hypertext.read, "<a "), (hypertext.read, "<!--"), (hypertext.read, "<http://"), (markdown.read, "*a\\")],
)  # fmt: skip
def test_what_never_ends_is_read_in_time_that_grows_with_the_text(read: Any, text: str) -> None:
    began = time.process_time()
    read(text * (60_000 // len(text)))
    # Once for each sign it would be from 4 to 20 s; in time it is a tenth of a second.
    assert time.process_time() - began < 3


def test_html_keeps_signs_that_begin_no_tag_and_drops_comments() -> None:
    blocks = hypertext.read("<p>1 < 2 and <b>3</b> &lt; 4<!-- a < b > c --> done</p><!-- open")
    assert markdown.write(blocks) == r"1 \< 2 and **3** \< 4 done"


def test_a_mark_does_not_end_at_a_sign_that_a_backslash_makes_the_texts_own() -> None:
    for text in (r"*2\*3\*4*", r"**a\*\*b**", r"~~a\~\~b~~"):
        assert markdown.write(markdown.read(text)) == markdown.write(
            markdown.read(markdown.write(markdown.read(text)))
        )
    assert wiki.write(markdown.read(r"*2\*3*")) == r"_2*3_"
