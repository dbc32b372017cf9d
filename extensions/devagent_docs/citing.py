"""Citations: ``collection@version:path#anchor``, written and taken apart.

Signs of a version or a path that would end it (``:`` and ``#``) stand as ``%3A`` and ``%23``, and ``%`` before two digits as ``%25``.
"""

import re
from typing import NamedTuple

from devagent_docs.contract import DocsError

_CITATION = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)(?:@(?P<version>[^:]*))?:(?P<path>[^#]+)(?:#(?P<anchor>.*))?"
)
_PERCENT = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_QUOTED = re.compile(r"%(25|23|3[Aa])")


class Citation(NamedTuple):
    """A citation, taken apart; version and anchor may be empty."""

    collection: str
    version: str
    path: str
    anchor: str


def cited(citation: Citation) -> str:
    """The citation as one text."""
    version = _PERCENT.sub("%25", citation.version).replace(":", "%3A")
    path = _PERCENT.sub("%25", citation.path).replace("#", "%23")
    anchor = f"#{citation.anchor}" if citation.anchor else ""
    return f"{citation.collection}@{version}:{path}{anchor}"


def taken_apart(hit: str) -> Citation:
    """Raises DocsError bad_arguments."""
    found = _CITATION.fullmatch(hit.strip())
    if found is None or ".." in found["path"].split("/"):
        raise DocsError(
            "hit is a search hit's name: collection@version:path#anchor.", error="bad_arguments"
        )
    version, path = (_QUOTED.sub(_sign, part or "") for part in (found["version"], found["path"]))
    return Citation(found["name"], version, path, found["anchor"] or "")


def _sign(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
