"""Workspaces for tests of the workspace extension: a folder, and the surroundings that a host gives."""

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Surroundings of a call, as a host gives them."""

    folder: str
    obligations: Mapping[str, Any] = MappingProxyType({})
    time_limit_s: float = 20.0
    settings: Mapping[str, Any] = MappingProxyType({})
    cancelled: threading.Event = threading.Event()
    own: tuple[str, ...] = ()
    progress: Callable[[str], None] | None = None
    may_read: Callable[[Sequence[Any]], Sequence[bool]] | None = None
    denied_paths: tuple[str, ...] = ()

    def secret(self, name: str) -> str | None:
        """No secret is known."""
        return None
