"""What the extensions share when they are MCP servers of their own, without devagent: their surroundings, and the serving.

It stands below the extensions, so it imports none of them. This module loads nothing heavy; ``server`` loads ``mcp``.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Standalone(NamedTuple):
    """The surroundings of a call without a house: settings and obligations as they were given, secrets from the environment."""

    folder: str
    settings: Mapping[str, Any] = MappingProxyType({})
    obligations: Mapping[str, Any] = MappingProxyType({})
    time_limit_s: float = 60.0
    own: tuple[str, ...] = ()

    def secret(self, name: str) -> str | None:
        """``DEVAGENT_SECRET_NAME`` in the environment, as devagent itself has it: letters in capitals, the rest as ``_``."""
        variable = "".join(c.upper() if c.isascii() and c.isalnum() else "_" for c in name)
        return os.environ.get(f"DEVAGENT_SECRET_{variable}") or None
