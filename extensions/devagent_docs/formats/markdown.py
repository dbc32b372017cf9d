"""Markdown (CommonMark with GitHub's tables and fences), as far as sections and code need it."""

import re

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.front_matter import front_matter
from devagent_docs.formats.model import Builder, Document, name_of

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r" {0,}(`{3,}|~{3,})(.*)$")
_ATTRIBUTE = re.compile(r"\s*\{\s*#([\w.:-]+)[^}]*\}\s*$")
_LINK = re.compile(
    r"!?\[([^\[\]]{0,400})\](?:\([^()\s]{0,800}(?:\s+\"[^\"]{0,400}\")?\)|\[[^\[\]]{0,400}\])"
)
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|<!--.{0,2000}?-->|\*\*|(?<!\w)__(?=\w)|(?<=\w)__(?!\w)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+")
_RULE = re.compile(r"\s*[|:\- ]+\s*$")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,8})(?!`)(.{1,800}?)(?<!`)\1(?!`)")
_NAME = re.compile(r"--?[A-Za-z][\w-]*|[A-Za-z_][\w]*(?:[.:]{1,2}[A-Za-z_]\w*)*")


def read(data: bytes, path: str) -> Document:
    """The document. Raises Unreadable."""
    text = decoded(data)
    matter = front_matter(text)
    builder = Builder(matter.title)
    parse(text, builder, skip=matter.lines)
    name = name_of(path)
    return builder.document(name, tags=matter.tags, version=matter.version)


def parse(text: str, builder: Builder, *, skip: int = 0, level: int = 0, line: int = 1) -> None:
    """Put Markdown into a builder. ``level`` is added to its headings; ``line`` is that of its first line."""
    paragraph: list[str] = []
    began = 0
    lines = text.split("\n")

    def flush() -> None:
        if paragraph:
            builder.text(plain(" ".join(paragraph)), began)
            paragraph.clear()

    at = skip
    while at < len(lines):
        row, number = lines[at], at + line
        at += 1
        if not row or row.isspace():
            flush()
            continue
        first = row.lstrip(" ")[:1]
        if first in "`~" and (fence := _FENCE.match(row)):
            flush()
            at = _fenced(lines, at, fence[1], builder, number)
        elif first == "#" and (heading := _HEADING.match(row)):
            flush()
            _head(builder, level + len(heading[1]), heading[2] or "", number)
        elif row.startswith(("    ", "\t")) and not paragraph:
            at = _indented(lines, at, builder, number)
        elif paragraph and first in "=-" and set(row.strip()) in ({"="}, {"-"}):
            heading_text = " ".join(paragraph)
            paragraph.clear()
            _head(builder, level + (1 if first == "=" else 2), heading_text, number - 1)
        else:
            if paragraph and (first == "|" or _ITEM.match(row)):
                flush()
            if first == "|" and _RULE.match(row):
                continue
            if not paragraph:
                began = number
            paragraph.append(row)
            if first == "|":
                flush()
    flush()


def plain(text: str) -> str:
    """Text without the marks of emphasis, links and inline HTML; code spans stay as they are."""
    if "`" not in text:
        return _prose(text)
    parts: list[str] = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_prose(text[end : span.start()]), f"`{span[2].strip()}`"]
        end = span.end()
    return "".join([*parts, _prose(text[end:])])


def names_in(heading: str) -> list[str]:
    """The names in a heading's code spans: what its section defines."""
    spans = [span[2].strip() for span in _CODE_SPAN.finditer(heading)]
    return [found[0] for span in spans if (found := _NAME.match(span))]


def _prose(text: str) -> str:
    return _MARKUP.sub("", _LINK.sub(r"\1", text)) if "[" in text else _MARKUP.sub("", text)


def _head(builder: Builder, level: int, text: str, number: int) -> None:
    attribute = _ATTRIBUTE.search(text)
    if attribute:
        text = text[: attribute.start()]
    shown = plain(text).replace("`", "")
    anchor = attribute[1] if attribute else ""
    builder.heading(level, shown, number, anchor=anchor, symbols=names_in(text))


def _fenced(lines: list[str], at: int, mark: str, builder: Builder, number: int) -> int:
    end = at
    while end < len(lines) and not _closes(lines[end], mark):
        end += 1
    builder.code("\n".join(lines[at:end]), number)
    return end + 1


def _closes(row: str, mark: str) -> bool:
    row = row.strip()
    return len(row) >= len(mark) and set(row) == {mark[0]}


def _indented(lines: list[str], at: int, builder: Builder, number: int) -> int:
    start = at - 1
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith(("    ", "\t"))):
        at += 1
    builder.code(
        "\n".join(row[4:] if row[:4] == "    " else row.strip() for row in lines[start:at]), number
    )
    return at
