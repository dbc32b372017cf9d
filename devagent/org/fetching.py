"""What every place that signed files come from has in common: one method, ``fetch(path, limit, tag)``, and how it can end.

What comes is bytes and nothing more: trust never depends on the way they took. Every fetch has a limit of bytes and one of time,
so that neither an endless file nor a slow one holds a machine up.
"""

from typing import Protocol

from msgspec import Struct

FILE_S = 60.0
"""For one file, all in all."""
READ_S = 10.0
"""For the next bytes of one."""


class Fetched(Struct, frozen=True):
    """``unchanged``: the server has what the tag names, and ``data`` is empty."""

    data: bytes
    tag: str = ""
    unchanged: bool = False


class Absent(Exception):
    """There is no such file there."""


class Challenged(Exception):
    """A registry wants a login; ``wanted`` is its WWW-Authenticate."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


class Moved(Exception):
    """A registry says that it lies elsewhere."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Source(Protocol):
    """A place that files come from."""

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        """The file at ``path`` below the source. Raises Absent, and Refused (unreachable, slow, endless)."""
        ...

    def close(self) -> None:
        """Let go of connections and folders."""
        ...
