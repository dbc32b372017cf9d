"""Mentions in what a person types: ``@src/fee.py``, ``@src/fee.py:12``, ``@"a name with spaces.png"``, ``@tickets:SHOP-12``,
``@docs:HIT``. What they name is read through the gate before the model is asked.
"""

import os
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

BEFORE = r"(?:^|(?<=[\s(\[\"']))"
_MENTION = re.compile(BEFORE + r'@(?:"([^"\n]+)"|([^\s"]+))')
_TRAILING = ".,;:!?)]'"
_LINE = re.compile(r":(\d+)$")
MOST = 10
AROUND = 80
"""Lines that are read of a file from the one that is mentioned."""
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


class Mention(Struct, frozen=True):
    """``kind``: file, or the extension that reads it (``tickets``, ``docs``). ``line`` of a file, from 1; 0 = all."""

    kind: str
    name: str
    line: int = 0


def mentions(text: str, folder: str, extensions: Sequence[str] = ()) -> list[Mention]:
    """What the text mentions, each once: files that are there (a relative path is the folder's), and things of the
    ``extensions``. Anything else behind an ``@`` is a word like any other."""
    found = dict.fromkeys(_found(text, folder, extensions))
    return list(found)[:MOST]


def _found(text: str, folder: str, extensions: Sequence[str]) -> Iterator[Mention]:
    for quoted, bare in _MENTION.findall(text):
        name = quoted or bare.rstrip(_TRAILING)
        kind, colon, rest = name.partition(":")
        if colon and rest and kind in extensions:
            yield Mention(kind, rest)
            continue
        at = _LINE.search(name)
        for path, line in ((name, 0), (name[: at.start()], int(at[1])) if at else ("", 0)):
            if path and os.path.isfile(place_of(path, folder)):
                yield Mention("file", path, line)
                break


def place_of(path: str, folder: str) -> str:
    """Where it truly lies."""
    return os.path.realpath(os.path.join(folder, os.path.expanduser(path)))


def as_mention(path: str) -> str:
    """How a path is mentioned."""
    return f'@"{path}"' if re.search(r"[\s\"']", path) else f"@{path}"


def pasted_image(text: str) -> str:
    """The path, where all that was pasted is the path of an image that is there (as terminals write a file that is
    dropped on them); else empty."""
    path = text.strip()
    if "\n" in path or len(path) > 4_000 or not path.lower().rstrip("'\"").endswith(IMAGES):
        return ""
    if path[:1] in "'\"" and path[-1:] == path[:1]:
        path = path[1:-1]
    path = path.removeprefix("file://").replace("\\ ", " ")
    return path if os.path.isabs(path) and os.path.isfile(path) else ""
