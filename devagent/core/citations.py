"""Citations: where a reply's text says that it has something from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct


class Citation(Struct, frozen=True, omit_defaults=True):
    """``text`` of the reply rests on ``cited`` of the source: ``title`` and ``url`` (one may be empty), and where in
    it (``place``: "page 3", "characters 10 to 90")."""

    text: str
    cited: str = ""
    title: str = ""
    url: str = ""
    place: str = ""

    @property
    def source(self) -> str:
        """The source in a line."""
        named = " ".join(part for part in (self.title, self.url) if part) or "a document"
        return f"{named}, {self.place}" if self.place else named


def citations(content: Sequence[Mapping[str, Any]]) -> list[Citation]:
    """Those in a reply's blocks, in their order."""
    return [
        found
        for block in content
        if block.get("type") == "text"
        for one in block.get("citations") or ()
        if (found := _citation(block, one)) is not None
    ]


def sources(content: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each source once, in the order in which it is first cited."""
    return list(dict.fromkeys(one.source for one in citations(content)))


def _citation(block: Mapping[str, Any], one: Any) -> Citation | None:
    if not isinstance(one, Mapping):
        return None
    said: Mapping[str, Any] = one  # pyright: ignore[reportUnknownVariableType]

    def text(*names: str) -> str:
        return next((v for n in names if isinstance(v := said.get(n), str) and v), "")

    return Citation(
        text=str(block.get("text", "")),
        cited=text("cited_text"),
        title=text("title", "document_title"),
        url=text("url", "source"),
        place="; ".join(_places(said)),
    )


def _places(said: Mapping[str, Any]) -> Iterator[str]:
    for first, last, unit, past_end in (
        ("start_page_number", "end_page_number", "page", True),
        ("start_char_index", "end_char_index", "character", False),
        ("start_block_index", "end_block_index", "block", True),
    ):
        start, end = said.get(first), said.get(last)
        if isinstance(start, int) and isinstance(end, int):
            end -= past_end
            yield f"{unit} {start}" if end <= start else f"{unit}s {start} to {end}"
