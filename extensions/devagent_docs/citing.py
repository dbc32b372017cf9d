"""Citations: ``collection@version:path#anchor``, written and taken apart.

Signs of a version or a path that would end it (``:`` and ``#``) stand as ``%3A`` and ``%23``, ``%`` before two digits as
``%25``, and signs that end a line or are not shown by the bytes of their UTF-8: a file's name cannot pass for a line of the tool's own.
"""

import re
from typing import NamedTuple

from devagent_docs.contract import DocsError

_CITATION = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)(?:@(?P<version>[^:]*))?:(?P<path>[^#]+)(?:#(?P<anchor>.*))?"
)
_PERCENT = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_QUOTED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class Citation(NamedTuple):
    """A citation, taken apart; version and anchor may be empty."""

    collection: str
    version: str
    path: str
    anchor: str


def cited(citation: Citation) -> str:
    """The citation as one text."""
    version = _quoted(citation.version).replace(":", "%3A")
    path = _quoted(citation.path).replace("#", "%23")
    anchor = f"#{citation.anchor}" if citation.anchor else ""
    return f"{citation.collection}@{version}:{path}{anchor}"


def _quoted(text: str) -> str:
    text = _PERCENT.sub("%25", text)
    if text.isprintable():
        return text
    return "".join(
        sign
        if sign.isprintable()
        else "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogateescape"))
        for sign in text
    )


def taken_apart(hit: str) -> Citation:
    """Raises DocsError bad_arguments."""
    found = _CITATION.fullmatch(hit.strip())
    version, path = (
        (_QUOTED.sub(_signs, found[part] or "") for part in ("version", "path"))
        if found
        else ("", "")
    )
    if found is None or ".." in path.split("/"):
        raise DocsError(
            "hit is a search hit's name: collection@version:path#anchor.", error="bad_arguments"
        )
    return Citation(found["name"], version, path, found["anchor"] or "")


def _signs(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape")
