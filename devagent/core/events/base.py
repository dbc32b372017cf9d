"""What every event is: a frozen record of plain data that knows which of its fields are content."""

from typing import ClassVar

from msgspec import Struct


class BaseEvent(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    BODY: ClassVar[frozenset[str]] = frozenset()
