"""A text as its reader sees it: what a secret is put together from when the marks around and inside it are gone.

``ghp\\_…``, ``gh**p_…**``, ``ghp&#95;…`` and a token with signs inside that nobody sees are the token on the page.
"""

import html
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef"
)
"""Signs that nobody sees, joiners among them, as they stand in a character class."""
_MARKS = re.compile(
    rf"(?P<unseen>[{UNSEEN}]+)"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});)"
    r"|(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<wide>[\uff01-\uff5e])"
    r"|(?P<mark>\*+|~~|`+|\]\([^)\s]{0,2000}\)|\[|</?[A-Za-z][^<>]{0,200}>)"
)


class Rendered(NamedTuple):
    """``text`` as it is seen; its sign ``i`` is written at ``starts[i]`` to ``ends[i]``."""

    text: str
    starts: list[int]
    ends: list[int]


def rendered(text: str) -> Rendered | None:
    """The text without its marks; None where it has none."""
    if _MARKS.search(text) is None:
        return None
    signs: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for found in _MARKS.finditer(text):
        plain, seen = text[done : found.start()], _seen(found)
        signs += [plain, seen]
        starts += [*range(done, found.start()), *[found.start()] * len(seen)]
        ends += [*range(done + 1, found.start() + 1), *[found.end()] * len(seen)]
        done = found.end()
    signs.append(text[done:])
    starts += range(done, len(text))
    ends += range(done + 1, len(text) + 1)
    return Rendered("".join(signs), starts, ends)


def _seen(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "escaped":
            return found["escaped"]
        case "entity":
            return html.unescape(found[0])
        case "percent":
            return unquote(found[0])
        case "wide":
            return unicodedata.normalize("NFKC", found[0])
        case _:
            return ""
