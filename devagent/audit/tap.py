"""The tap: the loop's only consumer. An event is written, then handed on, and only then is the next asked for.

So a verdict is on disk before its tool starts, and a log that cannot be written stops the loop where it
stands: it is never asked again.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from devagent.core.errors import LimitError, LogError, ModelError
from devagent.core.events import Event, TextDelta, ThinkingDelta

_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CLASSES = {
    "GeneratorExit": "reader_gone",
    "CancelledError": "cancelled",
    "KeyboardInterrupt": "interrupted",
}


class Log(Protocol):
    """What the tap needs of a log (``SessionLog``)."""

    @property
    def failure(self) -> LogError | None:
        """Why the log refuses all writes, once it does."""
        ...

    def write(self, event: Event) -> int: ...

    def close_turn(self, err: str) -> None: ...


async def tapped(events: AsyncGenerator[Event, None], log: Log) -> AsyncGenerator[Event, None]:
    """The same events, each on record before it is yielded (deltas are handed on unwritten).

    However the turn ends, the inner generator is closed first and then the record: a call under way as
    ``tool.finished`` (cut), an open turn as ``turn.cut``. Raises LogError from a failed write, and
    whatever the loop raises; a failure to close the record is added to that as a note.
    """
    try:
        async with aclosing(events):
            async for event in events:
                if not isinstance(event, TextDelta | ThinkingDelta):
                    log.write(event)
                yield event
    except BaseException as e:
        try:
            _close(log, error_class(e))
        except LogError as second:
            e.add_note(f"The record of the cut turn could not be written: {second.what}")
        raise
    _close(log, "not_ended")


def error_class(error: BaseException) -> str:
    """A short word for the record, never the error's text."""
    match error:
        case ModelError(kind=kind):
            return kind
        case LimitError(limit=limit):
            return limit
        case _:
            name = type(error).__name__
            return _CLASSES.get(name) or _CAPITALS.sub("_", name).lower()


def _close(log: Log, err: str) -> None:
    if log.failure is None:
        log.close_turn(err)
