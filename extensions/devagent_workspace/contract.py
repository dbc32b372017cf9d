"""What host and extension give each other: surroundings in, result or resources out, one error."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Required, TypedDict

Access = Literal["read", "write"]


class Surroundings(Protocol):
    """What a call may know of the place it runs in."""

    @property
    def folder(self) -> str:
        """Real path of the workspace."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The extension's own settings: ``environment``, names of variables that commands get besides
        the usual ones; ``sandbox`` (auto, required, off); ``writable``, folders outside the workspace that
        sandboxed commands may write, a person's caches for the most part.
        """
        ...

    @property
    def own(self) -> Sequence[str]:
        """Files and folders of whoever governs this process: no command may read or write them."""
        ...

    @property
    def obligations(self) -> Mapping[str, Any]:
        """What the policy's answer asks of the call: ``limit_bytes``, ``timeout_s``, ``limit_rows``."""
        ...

    @property
    def time_limit_s(self) -> float:
        """Seconds that the call may take."""
        ...

    def secret(self, name: str) -> str | None:
        """A secret by name; this extension needs none."""
        ...


class Result(TypedDict, total=False):
    """What a call gives back. ``text`` is for the model, ``view`` for the person where it differs; ``content`` are
    blocks in the names of MCP, where there is more than text; ``whole`` is the text before it was cut, for the record alone."""

    text: Required[str]
    view: str
    rows: int
    structured: dict[str, Any]
    content: list[dict[str, Any]]
    whole: str
    taint: list[str]
    failed: bool
    error: str


class ResourceDict(TypedDict):
    """One thing that a call would touch, in its canonical name (``path:src/app.py``)."""

    id: str
    access: Access
    tags: list[str]


class WorkspaceError(Exception):
    """A failure that the model should read: a safe text, and a class that rules and logs can count.

    Classes: bad_arguments, not_found, not_a_file, not_a_folder, special, binary, too_large, conflict,
    no_match, ambiguous, encoding, bad_pattern, denied, no_space, interactive, no_such_job, no_shell,
    no_sandbox, timeout, cancelled, failed.
    """

    def __init__(self, text: str, *, error: str) -> None:
        super().__init__(text)
        self.error = error


def bad(text: str) -> WorkspaceError:
    """The call's arguments cannot be used."""
    return WorkspaceError(text, error="bad_arguments")
