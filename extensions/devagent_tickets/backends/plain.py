"""JSON of others, read with care: a value of another type than the vendor publishes is an error by its class.

``Reader`` wraps a table of an answer; what is absent or null is empty, what has another type raises ``unexpected_answer``.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

from devagent_tickets.backends.answers import shape
from devagent_tickets.contract import TicketsError
from devagent_tickets.model import offset_of
from devagent_tickets.settings import Tracker


class Reader:
    """A table of a vendor's answer."""

    def __init__(self, tracker: Tracker, value: Any) -> None:
        if not isinstance(value, dict):
            raise shape(tracker)
        self._tracker = tracker
        self.raw = cast("dict[str, Any]", value)

    def has(self, name: str) -> bool:
        return self.raw.get(name) is not None

    def text(self, name: str) -> str:
        """A text; a number counts as one. Empty where it is absent."""
        value = self.raw.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise shape(self._tracker)

    def needed(self, name: str) -> str:
        """A text that must be there."""
        if text := self.text(name):
            return text
        raise shape(self._tracker)

    def number(self, name: str) -> int:
        value = self.raw.get(name)
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise shape(self._tracker)

    def table(self, name: str) -> "Reader":
        """A table; an empty one where it is absent."""
        value = self.raw.get(name)
        return Reader(self._tracker, {} if value is None else value)

    def tables(self, name: str) -> "list[Reader]":
        """A list of tables; an empty one where it is absent."""
        value = self.raw.get(name)
        return tables(self._tracker, [] if value is None else value)

    def texts(self, name: str) -> list[str]:
        value = self.raw.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(
            isinstance(one, str) for one in cast("list[Any]", value)
        ):
            raise shape(self._tracker)
        return cast("list[str]", value)


def tables(tracker: Tracker, value: Any) -> list[Reader]:
    """A list of tables."""
    if not isinstance(value, list):
        raise shape(tracker)
    return [Reader(tracker, one) for one in cast("list[Any]", value)]


def numbers_from(cursor: str) -> int:
    """A cursor that is a number; 0 for another."""
    return offset_of(cursor) or 0


def utc(text: str) -> str:
    """A time as the vendors write it (``…Z``, ``…+0000``, with fractions) in UTC to the second; as it is where it is none."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return text


def names(readers: list[Reader], key: str = "name") -> Iterator[str]:
    return (one.text(key) for one in readers)


def whole_labels(labels: Iterable[str], apart: str) -> None:
    """Raises TicketsError bad_arguments where the tracker would take one label for several: they were judged as one."""
    for label in labels:
        if any(sign in label for sign in apart):
            signs = " and ".join(apart)
            raise TicketsError(
                f"The label {label!r} would be taken for several: name each of its own ({signs} part labels here).",
                error="bad_arguments",
            )
