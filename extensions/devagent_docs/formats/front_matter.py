"""Front matter: the lines between two ``---`` at a document's head, as far as search needs them.

Only ``title``, ``tags``, ``classification`` and ``version`` are read, as plain scalars or lists of them. That
is no YAML parser: what it does not understand it does not use, except that a classification it cannot
read classifies the document as ``unreadable-classification``, so that a slip hides rather than shows.
"""

import re
from typing import NamedTuple

_KEY = re.compile(r"([A-Za-z_][\w-]*)[ \t]*:[ \t]*(.*)")
_LABEL = re.compile(r"[A-Za-z0-9][\w.\-]*")
UNREADABLE = "unreadable-classification"


class FrontMatter(NamedTuple):
    """``lines`` is how many lines of the text it takes."""

    title: str = ""
    version: str = ""
    tags: tuple[str, ...] = ()
    lines: int = 0


def front_matter(text: str) -> FrontMatter:
    """What stands at the head of this text, nothing where it has none."""
    if not text.startswith("---\n"):
        return FrontMatter()
    end = text.find("\n---", 3)
    if end < 0 or text[end + 4 : end + 5] not in ("", "\n", " "):
        return FrontMatter()
    head = text[4 : end + 1]
    values: dict[str, list[str]] = {}
    key = ""
    for line in head.splitlines():
        if match := _KEY.match(line):
            key = match[1].lower()
            values.setdefault(key, []).extend(_items(match[2]))
        elif key and (item := line.strip()).startswith("- "):
            values[key].extend(_items(item[2:]))
    classes = values.get("classification", [])
    tags = [tag for tag in (*values.get("tags", []), *classes) if _LABEL.fullmatch(tag)]
    if ("classification" in values and not classes) or not all(map(_LABEL.fullmatch, classes)):
        tags.append(UNREADABLE)
    return FrontMatter(
        title=" ".join(values.get("title", [])[:1]),
        version=" ".join(values.get("version", [])[:1]),
        tags=tuple(dict.fromkeys(tags)),
        lines=head.count("\n") + 2,
    )


def _items(text: str) -> list[str]:
    text = text.partition(" #")[0].strip()
    inner = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return [item for one in inner if (item := one.strip().strip("\"'"))]
