"""Where an export goes: the one seam between what is told and who takes it."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct, field

from devagent.audit.export.items import AnyItem
from devagent.core.errors import DevagentError


class ExportError(DevagentError):
    """A target did not take what it was given; what is not exported stays to be exported."""


class Batch(Struct):
    """What goes to a target in one piece. ``export`` is the id of this computer's export to that target, ``number``
    counts its batches from 1: the two together are the same again when a batch is sent again."""

    export: str
    number: int
    items: list[AnyItem] = field(default_factory=list[AnyItem])

    @property
    def name(self) -> str:
        return f"{self.export}-{self.number:08}"


class Target(Protocol):
    """Takes batches. A batch that may have been taken before (``again``) must not be there twice afterwards."""

    @property
    def identity(self) -> str:
        """What makes it this target and no other: the kind, and where it is."""
        ...

    @property
    def most_items(self) -> int:
        """So many items make a batch."""
        ...

    @property
    def keeps_ids(self) -> bool:
        """Whether what comes twice is there once by its id, also from another export."""
        ...

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        """Take a batch, durably on return; sentences about what was not taken though the batch was. Raises
        ExportError where it was not taken, or where that is not known."""
        ...

    def is_there(self) -> bool:
        """Whether what was exported before is still there. Raises ExportError where that cannot be said."""
        ...
