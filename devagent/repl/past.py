"""What was typed in earlier sessions, for the arrow keys and Ctrl+R: the newest ``MOST`` of them.

One JSON text a line, readable by its owner alone. What looks like a secret is taken out before it is kept, as
in the session's log.
"""

import os
from collections.abc import Callable, Iterable

from prompt_toolkit.history import History

from devagent.core.codec import canonical, parse

MOST = 2_000
_MOST_BYTES = 2_000_000
_MOST_TEXT = 20_000


class Past(History):
    """The prompts on file. ``without_secrets`` gives a text as it may be kept."""

    def __init__(self, path: str, without_secrets: Callable[[str], str]) -> None:
        super().__init__()
        self._path = path
        self._without_secrets = without_secrets

    def load_history_strings(self) -> Iterable[str]:
        """The newest first; a line that is damaged is no prompt."""
        try:
            with open(self._path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST_BYTES))
                lines = file.read().split(b"\n")
        except OSError:
            return
        for one in reversed(lines[-MOST - 1 :]):
            try:
                text = parse(one)
            except ValueError:
                continue
            if isinstance(text, str):
                yield text

    def store_string(self, string: str) -> None:
        """Keep one; a file that cannot be written costs the memory of it, nothing else."""
        if len(string) > _MOST_TEXT:
            return
        line = canonical(self._without_secrets(string)) + b"\n"
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return
        with os.fdopen(descriptor, "ab") as file:
            file.write(line)
