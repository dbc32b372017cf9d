"""What this process remembers of a workspace between calls: nothing of it outlives the process.

``seen``: real path → digest of the content that the model last read or wrote. ``judged``: tool and path
argument → the real path that was judged. ``searches``: what was found when a search was judged. ``written``:
command → what it was judged to write outside the workspace. ``folders``: what ``concealing`` has read. ``cwd``: where the next command starts.
"""

import threading
from collections import OrderedDict
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Recent(OrderedDict[Any, Value], Generic[Value]):
    """A dict that forgets what was set longest ago, beyond ``MOST`` entries."""

    MOST = 4096

    def __setitem__(self, key: Any, value: Value) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self.MOST:
            self.popitem(last=False)


class State:
    """The memory of one workspace. ``lock`` guards writing: one change of files at a time."""

    def __init__(self, folder: str) -> None:
        self.seen: Recent[bytes] = Recent()
        self.judged: Recent[str] = Recent()
        self.searches: Recent[Any] = Recent()
        self.written: Recent[tuple[str, ...]] = Recent()
        self.folders: dict[tuple[str, ...], dict[str, Any]] = {}
        self.cwd = folder
        self.lock = threading.Lock()


_STATES: dict[str, State] = {}
_LOCK = threading.Lock()


def state_of(folder: str) -> State:
    """The memory of the workspace in ``folder``."""
    with _LOCK:
        return _STATES.setdefault(folder, State(folder))


def forget(folder: str) -> None:
    """Begin anew: what was read before counts as never read."""
    with _LOCK:
        _STATES.pop(folder, None)
