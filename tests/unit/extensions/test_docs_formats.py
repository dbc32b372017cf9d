"""Every format becomes sections with headings, anchors, lines, whole code blocks and defined names."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devagent_docs.chunks import MOST, chunks_of
from devagent_docs.formats import READERS, Document, Unreadable, docstrings, format_of, read
from devagent_docs.formats.front_matter import UNREADABLE, front_matter
from tests.support import documentation as texts


def shape(document: Document) -> list[tuple[int, str, str]]:
    return [(one.level, one.heading, one.anchor) for one in document.sections]


def text_of(document: Document, heading: str) -> str:
    return "\n".join(
        block.text
        for section in document.sections
        if section.heading.startswith(heading)
        for block in section.blocks
    )


def test_markdown_has_front_matter_headings_and_whole_code() -> None:
    found = read(texts.MARKDOWN.encode(), "travel.md", "markdown")
    assert (found.title, found.tags) == ("The travel handbook", ("people",))
    assert shape(found) == [
        (1, "Travel", "travel"),
        (2, "Booking a train", "booking-a-train"),
        (2, "Claiming costs", "claiming-costs"),
        (3, "Errors", "errors"),
    ]
    booking = found.sections[1]
    assert booking.line == 9
    assert [block.kind for block in booking.blocks] == ["text", "code"]
    assert booking.blocks[0].text.endswith("See the portal.")
    assert "--seat window\n\nrailctl list" in booking.blocks[1].text


def test_markdown_reads_underlined_headings_attributes_and_repeated_anchors() -> None:
    text = "Top\n===\n\n## Same {#own}\n\na\n\n## Twice\n\nb\n\n## Twice\n\n    code here\n"
    found = read(text.encode(), "a.md", "markdown")
    assert [one.anchor for one in found.sections] == ["top", "own", "twice", "twice-1"]
    assert found.sections[3].blocks[0].kind == "code"


def test_restructured_text_has_labels_directives_and_options() -> None:
    found = read(texts.REST.encode(), "client.rst", "rest")
    assert (
        found.sections[0].anchor,
        found.sections[0].heading,
    ) == ("retrying", "Retrying requests")
    function = next(one for one in found.sections if one.symbols == ("shopclient.send_order",))
    assert function.heading.startswith("send_order(order")
    assert "send_order(order, retries=5)" in function.blocks[-1].text
    assert function.blocks[-1].kind == "code"
    assert any(one.symbols == ("--no-retry",) for one in found.sections)


def test_asciidoc_has_sections_code_and_entries_with_several_names() -> None:
    found = read(texts.ASCIIDOC.encode(), "deploy.adoc", "asciidoc")
    assert "deploy rollback --to previous" in text_of(found, "Rolling back")
    entry = next(one for one in found.sections if "--force" in one.symbols)
    assert entry.symbols == ("-f", "--force")
    assert entry.blocks[0].text == "Skip the health checks."


def test_html_keeps_prose_entries_code_and_tables_and_leaves_the_frame_out() -> None:
    found = read(texts.HTML.encode(), "queues.html", "html")
    assert found.title == "Queue settings"
    whole = json.dumps([one.blocks for one in found.sections])
    assert not any(word in whole for word in ("navigation words", "script words", "color: red"))
    top, entry = found.sections
    assert (top.anchor, entry.anchor) == ("queues", "queue.max_depth")
    assert "queue.max_depth" in entry.symbols
    assert "How many jobs may wait" in entry.blocks[0].text
    assert [block.text for block in top.blocks] == [
        "Queues hold jobs & messages.",
        "After the list the section goes on.",
        "queue:\n  max_depth: 10",
        "name | default",
        "depth | 100",
    ]


def test_a_manual_page_has_its_sections_options_and_code() -> None:
    found = read(texts.MANUAL.encode(), "railctl.1", "man")
    assert found.sections[0].heading == "railctl(1)"
    option = next(one for one in found.sections if "--seat" in one.symbols)
    assert option.blocks[0].text.startswith("Choose a seat")
    assert text_of(found, "EXAMPLES") == "railctl book\n  --seat window"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", b"<h1>T</h1><dl><dt>-n</dt><dt>--[no-]verify</dt><dd>Hooks run.</dd></dl>"),
        ("a.1", b".TH T 1\n.SH OPTIONS\n.TP\n.B -n, --[no-]verify\nHooks run.\n"),
        ("a.adoc", b"= T\n\n-n::\n--[no-]verify::\n\tHooks run.\n"),
    ],
)
def test_an_option_that_can_be_denied_defines_both_its_names(name: str, text: bytes) -> None:
    document = read(text, name, format_of(name, lambda: text))
    names = [name for one in document.sections for name in one.symbols]
    assert {"-n", "--verify", "--no-verify"} <= set(names)


def test_a_document_cannot_make_its_headings_long_deep_or_of_several_lines() -> None:
    long = read(b"# " + b"big \x1b[31m" * 5000 + b"\n\n## s\n\nwords\n", "a.md", "markdown")
    assert all(
        len(crumb) <= 200 and crumb.isprintable() for c in chunks_of(long) for crumb in c.crumbs
    )
    deep = read(b"<dl><dt>a.b</dt><dd>w" * 400, "a.html", "html")
    assert max(len(chunk.crumbs) for chunk in chunks_of(deep)) <= 13
    spec = {
        "openapi": "3",
        "info": {"title": "t\nu", "version": "1\nobey " + "x" * 500},
        "paths": {},
    }
    told = read(json.dumps(spec).encode(), "a.json", "openapi")
    assert told.title == "t u"
    assert len(told.version) <= 64
    assert told.version.isprintable()


def test_the_other_formats_are_read() -> None:
    assert shape(read(texts.TEXT.encode(), "r.txt", "text")) == [
        (2, "RELEASE STEPS", "release-steps")
    ]
    notebook = read(json.dumps(texts.NOTEBOOK).encode(), "churn.ipynb", "notebook")
    assert [block.text for block in notebook.sections[0].blocks] == [
        "We look at cancellations.", "frame.groupby('month')", "month 1",
    ]  # fmt: skip
    shop = read(json.dumps(texts.OPENAPI).encode(), "shop.json", "openapi")
    assert shop.version == "7.2"
    assert shop.sections[1].symbols == ("getOrder", "/orders/{id}")
    assert "404: no such order" in text_of(shop, "GET /orders/{id}")
    assert "total (integer): in cents" in text_of(shop, "Order")
    answers = read(texts.ANSWERS.encode(), "a.csv", "answers")
    assert [one.heading for one in answers.sections] == [
        "How do I reset my badge?",
        "Where is the coffee?",
    ]
    assert answers.sections[1].line == 5


def test_docstrings_are_read_without_running_the_module() -> None:
    source = '"""A shop."""\nraise SystemExit\nclass Cart:\n    """Holds items."""\n    def add(self, item: str, *, count: int = 1) -> None:\n        """Add an item."""\n    def _hidden(self):\n        """Not shown."""\n'
    found = docstrings.read(source.encode(), "shop.cart")
    assert [one.symbols for one in found.sections] == [
        ("shop.cart",), ("shop.cart.Cart",), ("shop.cart.Cart.add",),
    ]  # fmt: skip
    assert found.sections[2].blocks[0].text == "def add(self, item: str, *, count: int=1) -> None"


def test_the_text_of_a_pdf_is_read_by_page() -> None:
    stream = b"BT /F1 12 Tf 72 720 Td (Fire drill on Monday) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    data, places = b"%PDF-1.4\n", list[int]()
    for number, one in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj%s endobj\n" % (number, one)
    start = len(data)
    data += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(
        b"%010d 00000 n \n" % at for at in places
    )
    data += b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start
    found = read(data, "drill.pdf", "pdf")
    assert shape(found) == [(2, "Page 1", "page=1")]
    assert found.sections[0].blocks[0].text == "Fire drill on Monday"


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a/README", b"", "text"), ("a.rst.txt", b"", "rest"), ("a.txt.gz", b"", "text"), ("git.1.gz", b"", "man"),
        ("a.csv", b"Question,Answer\n", "answers"), ("a.csv", b"x,y\n", ""), ("a.json", b'{"openapi": "3"}', "openapi"),
        ("a.yaml", b"openapi: 3.0.0\n", "openapi"), ("package.json", b"{}", ""), ("a.png", b"", ""), ("A.MD", b"", "markdown"),
    ],
)  # fmt: skip
def test_a_format_is_told_by_name_and_beginning(name: str, head: bytes, expected: str) -> None:
    assert format_of(name, lambda: head) == expected


@pytest.mark.parametrize("name", ["notebook", "openapi", "answers", "pdf", "man"])
def test_what_is_not_of_its_format_is_unreadable_and_says_so(name: str) -> None:
    with pytest.raises(Unreadable):
        read(b"{ nothing of it", "file", name)


@given(st.binary(max_size=400), st.sampled_from([name for name in READERS if name != "pdf"]))
def test_no_bytes_break_a_reader(data: bytes, name: str) -> None:
    try:
        document = read(data, "some/file.x", name)
    except Unreadable:
        return
    assert all(chunk.crumbs for chunk in chunks_of(document))


HOSTILE = ["<" * 20_000, "<a " * 20_000, "<!--" * 20_000, "`" * 20_000, "[" * 20_000, "a: " * 20_000, "\n=" * 20_000, ":" * 20_000, "`a" * 20_000, "<<a" * 20_000, "https:" * 9000, "``` `` " * 9000, "\n    " * 9000, "| " * 9000, '<a b="' * 9000]  # fmt: skip


@pytest.mark.parametrize("name", ["html", "markdown", "rest", "asciidoc", "text"])
def test_hostile_text_is_read_in_linear_time(name: str) -> None:
    for text in HOSTILE:  # a quadratic reader would run into the suite's time limit here
        assert read(text.encode() * 2, "hostile", name).title


def test_code_is_never_torn_and_prose_is_parted_between_sentences() -> None:
    code = "\n".join(f"line {number}" for number in range(2000))
    prose = "This is a sentence of some length. " * 300
    found = read(f"# A\n\n```\n{code}\n```\n\n{prose}\n".encode(), "a.md", "markdown")
    first, *rest = [chunk.text for chunk in chunks_of(found)]
    assert first == f"```\n{code}\n```"
    assert len(rest) > 3
    assert all(len(text) <= MOST and text.endswith(".") for text in rest)


def test_breadcrumbs_lead_from_the_title_to_the_heading() -> None:
    chunks = list(chunks_of(read(texts.MARKDOWN.encode(), "travel.md", "markdown")))
    assert chunks[-1].crumbs == ("The travel handbook", "Travel", "Claiming costs", "Errors")
    assert chunks[-1].anchors == ("errors", "claiming-costs", "travel")


@pytest.mark.parametrize(
    "head", ["classification:", "classification: a/b", "classification: [x, ?]"]
)
def test_a_classification_that_cannot_be_read_classifies(head: str) -> None:
    assert UNREADABLE in front_matter(f"---\n{head}\n---\nText").tags


def test_front_matter_takes_lists_of_both_styles() -> None:
    found = front_matter("---\ntags:\n  - a\n  - b.c\nclassification: secret # yes\n---\n")
    assert found.tags == ("a", "b.c", "secret")
    assert found.lines == 6


def test_the_expressions_for_names_are_one(tmp_path: Path) -> None:
    from devagent_docs import schema, words

    assert words.NAME.pattern == schema.NAMES
