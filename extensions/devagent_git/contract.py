"""What host and extension give each other: surroundings in, result or resources out, one error."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, Required, TypedDict


class Surroundings(Protocol):
    """What a call may know of the place it runs in.

    A host may also give ``cancelled``, a ``threading.Event`` that is set when nobody waits any more.
    """

    @property
    def folder(self) -> str:
        """Real path of the workspace."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The extension's own settings; this one has none."""
        ...

    @property
    def obligations(self) -> Mapping[str, Any]:
        """What the policy's answer asks of the call: ``limit_bytes``, ``timeout_s``, ``limit_rows``."""
        ...

    @property
    def time_limit_s(self) -> float:
        """Seconds that the call may take, however many git processes it needs."""
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


class ResourceDict(TypedDict):
    """One thing that a call would touch, in its canonical name (``branch:origin/main``)."""

    id: str
    access: Literal["read", "write"]
    tags: list[str]


class GitError(Exception):
    """A failure that the model should read: a safe text, and a class that rules and logs can count.

    Classes: bad_arguments, not_a_repository, unsafe_owner, unsafe_config, bad_config, bare, no_git,
    no_commits, no_such_ref, no_such_path, outside_repository, ignored, exists, nothing_to_commit,
    no_identity, signing, conflict, would_overwrite, not_merged, detached, filter, hooks,
    no_such_remote, no_upstream, transport, rejected, not_fast_forward, authentication, unreachable,
    missing_object, too_many_paths, locked, timeout, cancelled, secret, in_progress, no_state, unsafe_state,
    unrelated, failed.
    """

    def __init__(self, text: str, *, error: str) -> None:
        super().__init__(text)
        self.error = error
