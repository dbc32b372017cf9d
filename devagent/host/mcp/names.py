"""Names of third parties' servers and tools: which are names at all, and which look like one another."""

import re

_TOOL = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SPACERS = re.compile(r"[-_.]")
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "2": "z", "8": "b"})
MAX_API_NAME = 64
"""Characters of ``server__tool``: what the Messages API takes."""


def skeleton(name: str) -> str:
    """Two names with the same skeleton are easily taken for each other: ``read_file``, ``Read-File``, ``g1t``, ``git``."""
    return _SPACERS.sub("", name.lower()).translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def tool_name(wire: str, server: str) -> str:
    """The tool's name here. Raises ValueError for one that cannot be offered.

    The protocol allows dots, which neither the Messages API nor a rule's ``extension.tool`` does: they
    become ``_``.
    """
    if not _TOOL.fullmatch(wire):
        raise ValueError("its name has characters that no tool's name has")
    if len(server) + 2 + len(wire) > MAX_API_NAME:
        raise ValueError(f"its name is longer than the {MAX_API_NAME} characters a model can call")
    return wire.replace(".", "_")
