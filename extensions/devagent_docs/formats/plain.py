"""Plain text: paragraphs, underlined or numbered headings where there are some, indented blocks as code."""

import re

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document

_UNDERLINE = re.compile(r"([=\-~^*#])\1{2,}\s*$")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9 ,/&()'-]{3,60}$")


def read(data: bytes, path: str) -> Document:
    """The document. Raises Unreadable."""
    builder = Builder()
    lines = decoded(data).split("\n")
    name = path.rpartition("/")[2]
    at = 0
    while at < len(lines):
        start, at = at, _paragraph_end(lines, at)
        rows = lines[start:at]
        if not rows:
            at += 1
            continue
        while len(rows) > 1 and _UNDERLINE.match(rows[1]) and not rows[0].startswith(" "):
            level = 1 if rows[1][0] in "=#*" else 2
            builder.heading(level, rows[0], start + 1)
            start, rows = start + 2, rows[2:]
        if not rows:
            continue
        if len(rows) == 1 and _CAPITALS.match(rows[0]):
            builder.heading(2, rows[0], start + 1)
        elif all(row.startswith(("    ", "\t")) for row in rows):
            builder.code("\n".join(rows), start + 1)
        else:
            builder.text(" ".join(rows), start + 1)
    return builder.document(name)


def _paragraph_end(lines: list[str], at: int) -> int:
    while at < len(lines) and lines[at].strip():
        at += 1
    return at
