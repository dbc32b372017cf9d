"""AsciiDoc: section titles of both styles, labelled lists that define options, delimited blocks."""

import re

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, flags_in, name_of

_TITLE = re.compile(r"(={1,6}|#{1,6})\s+(\S.*?)(?:\s+\1)?\s*$")
_ANCHOR = re.compile(r"\[(?:\[([\w.:-]+)[^\]]*\]|#([\w.:-]+)[^\]]*)\]\s*$")
_UNDERLINES = {"=": 1, "-": 2, "~": 3, "^": 4, "+": 5}
_BLOCK = re.compile(r"(-{4,}|={4,}|\.{4,}|\+{4,}|_{4,}|\*{4,}|/{4,}|--|\|={3,}|```)\w*\s*$")
_LABELLED = re.compile(r"(\S.*?)(?:::|;;)\s*(.*)$")
_MARKUP = re.compile(
    r"(?:link|xref|linkgit|https?)[^\s\[]{0,400}\[([^\[\]]{0,400})\]|<<[^,<>]{1,200},\s?([^<>]{0,400})>>|\{(?:empty|nbsp)\}"
)
_ATTRIBUTE = re.compile(r":[\w!-]+:(?:\s|$)|(?:ifdef|ifndef|endif|ifeval|include|image)::")
_NAME = re.compile(r"`([^`\s-][^`\s]*)`|\b[a-z][\w]*\.[\w.]+")


def read(data: bytes, path: str) -> Document:
    """The document. Raises Unreadable."""
    builder = Builder()
    lines = decoded(data).split("\n")
    paragraph: list[str] = []
    anchor = ""
    began, at, base = 1, 0, 1

    def flush() -> None:
        if paragraph:
            builder.text(_plain(" ".join(paragraph)), began)
            paragraph.clear()

    while at < len(lines):
        row = lines[at].rstrip()
        number = at + 1
        at += 1
        following = lines[at].rstrip() if at < len(lines) else ""
        if not row or row == "+" or (row.startswith("//") and not row.startswith("////")):
            flush()
        elif title := _TITLE.match(row):
            flush()
            base = len(title[1])
            builder.heading(base, _plain(title[2]), number, anchor=anchor)
            anchor = ""
        elif not paragraph and _is_underline(row, following):
            base = _UNDERLINES[following[0]]
            builder.heading(base, _plain(row), number, anchor=anchor)
            anchor, at = "", at + 1
        elif named := _ANCHOR.match(row):
            anchor = named[1] or named[2]
        elif _ATTRIBUTE.match(row) or (row.startswith("[") and row.endswith("]")):
            flush()
        elif block := _BLOCK.match(row):
            flush()
            if block[1][:1] in "-.+`" and block[1] != "--":
                end = _block_end(lines, at, row)
                builder.code("\n".join(lines[at:end]), number)
                at = end + 1
            elif block[1].startswith("////"):
                at = _block_end(lines, at, row) + 1
        elif not paragraph and (label := _LABELLED.match(row)) and not row.startswith("  "):
            text = _plain(label[1])
            names = [found[1] or found[0] for found in _NAME.finditer(label[1])]
            symbols = [*flags_in(label[1]), *names]
            if symbols:
                builder.entry(
                    base + 1, text.replace("`", ""), number, anchor=anchor, symbols=symbols
                )
                anchor = ""
            else:
                builder.text(f"{text}:", number)
            if label[2]:
                paragraph.append(label[2])
                began = number
        else:
            if not paragraph:
                began = number
            paragraph.append(row)
    flush()
    return builder.document(name_of(path))


def _is_underline(row: str, following: str) -> bool:
    mark = following[:1]
    same = mark in _UNDERLINES and len(following) > 2 and set(following) == {mark}
    return same and abs(len(following) - len(row)) <= 2


def _block_end(lines: list[str], at: int, mark: str) -> int:
    while at < len(lines) and lines[at].rstrip() != mark:
        at += 1
    return at


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda m: m[1] or m[2] or "", text).replace("``", "`")
