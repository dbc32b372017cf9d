"""What host and extension give each other: surroundings in, result or resources out, one error."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Required, TypedDict


class ResourceDict(TypedDict):
    """One thing that a call would touch, in its canonical name (``doc:python/library/json.html``)."""

    id: str
    access: Literal["read", "write"]
    tags: list[str]


class Surroundings(Protocol):
    """What a call may know of the place it runs in.

    A host may also give ``may_read``: a function that answers, for a list of resources, which of them
    the very call in hand may read by policy. Without one (the program on its own) all may be read.
    """

    @property
    def folder(self) -> str:
        """Real path of the workspace; relative paths of collections start there."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """``collections``, ``grounded`` and ``index`` (see ``settings``)."""
        ...

    @property
    def obligations(self) -> Mapping[str, Any]:
        """What the policy's answer asks of the call: ``limit_bytes``, ``limit_rows``, ``timeout_s``."""
        ...

    @property
    def time_limit_s(self) -> float:
        """Seconds that the call may take."""
        ...

    def secret(self, name: str) -> str | None:
        """A secret by name; this extension needs none."""
        ...


class Result(TypedDict, total=False):
    """What a call gives back. ``text`` is for the model, ``view`` for the person where it differs."""

    text: Required[str]
    view: str
    rows: int
    structured: dict[str, Any]
    taint: list[str]
    failed: bool
    error: str


class DocsError(Exception):
    """A failure that the model should read: a safe text, and a class that rules and logs can count.

    Classes: bad_arguments, bad_settings, no_such_collection, nothing_readable, no_such_section,
    not_indexed, no_tantivy, no_model, no_reader, unreadable, busy, damaged, outside_workspace, timeout, cancelled,
    unknown_tool.
    """

    def __init__(self, text: str, *, error: str) -> None:
        super().__init__(text)
        self.error = error


def may_read(here: Surroundings, resources: Sequence[ResourceDict]) -> list[bool]:
    """Which of these the call in hand may read; all of them where no house stands around it."""
    ask = getattr(here, "may_read", None)
    return [True] * len(resources) if ask is None else list(ask(resources))
