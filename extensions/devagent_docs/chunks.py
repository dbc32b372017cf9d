"""Sections into chunks: what is indexed, ranked and shown as one hit.

Within a section blocks are put together up to a size that a model reads at a glance; a heading always begins a
new chunk, and code is never torn apart, however long it is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from devagent_docs.formats.model import Block, Document, Section

WANTED = 1200
"""Characters at which a chunk is full."""
MOST = 2400
"""Characters that prose may reach: a longer paragraph is parted between sentences."""

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])")


class Chunk(NamedTuple):
    """One chunk. ``crumbs`` are the headings from the document's title down to its own.

    ``anchors`` are those of its section and the sections around it, innermost first; ``line`` and ``end`` are
    where it begins and where its last block begins; ``symbols`` what the section defines.
    """

    crumbs: tuple[str, ...]
    anchors: tuple[str, ...]
    line: int
    end: int
    text: str
    symbols: tuple[str, ...] = ()
    part: int = 0

    @property
    def heading(self) -> str:
        return self.crumbs[-1]

    @property
    def anchor(self) -> str:
        return self.anchors[0] if self.anchors else ""

    @property
    def indexed(self) -> str:
        """What is searched: breadcrumb and text as one."""
        return f"{' › '.join(self.crumbs)}\n{self.text}"


def chunks_of(document: Document) -> Iterator[Chunk]:
    """The document's chunks in reading order."""
    above: list[Section] = []
    for section in document.sections:
        while above and above[-1].level >= section.level:
            above.pop()
        above.append(section)
        if not section.blocks and not section.symbols:
            continue
        headings = [one.heading for one in above]
        if headings[0] != document.title:
            headings.insert(0, document.title)
        crumbs = tuple(heading for heading in headings if heading)
        anchors = tuple(one.anchor for one in reversed(above) if one.anchor)
        for part, blocks in enumerate(_packed(section.blocks)):
            yield Chunk(
                crumbs or (document.title,),
                anchors,
                blocks[0].line if part and blocks else section.line,
                blocks[-1].line if blocks else section.line,
                "\n\n".join(map(_shown, blocks)),
                section.symbols,
                part,
            )


def _packed(blocks: list[Block]) -> Iterator[list[Block]]:
    taken: list[Block] = []
    size = 0
    for block in _parted(blocks):
        length = len(block.text)
        # Code stays with the words before it as long as the two are a readable size together.
        full = size + length > (MOST if block.kind == "code" else WANTED)
        if taken and full:
            yield taken
            taken, size = [], 0
        taken.append(block)
        size += length
    if taken or not blocks:
        yield taken


def _parted(blocks: list[Block]) -> Iterator[Block]:
    for block in blocks:
        if block.kind == "code" or len(block.text) <= MOST:
            yield block
            continue
        rest: list[str] = []
        size = 0
        for piece in _pieces(block.text):
            if rest and size + len(piece) > WANTED:
                yield Block("text", " ".join(rest), block.line)
                rest, size = [], 0
            rest.append(piece)
            size += len(piece)
        yield Block("text", " ".join(rest), block.line)


def _pieces(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(text):
        for start in range(0, len(sentence), MOST):
            yield sentence[start : start + MOST]


def _shown(block: Block) -> str:
    return block.text if block.kind == "text" else f"```\n{block.text}\n```"
