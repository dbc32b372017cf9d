"""Where something stands in a text."""

from msgspec import Struct


class Span(Struct, frozen=True):
    """``text[start:end]`` is of this ``kind``. ``secret`` is what a placeholder is made from where that is
    not the text itself: the plain form of an encoded secret."""

    start: int
    end: int
    kind: str
    secret: str = ""
