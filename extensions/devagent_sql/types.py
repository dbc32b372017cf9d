"""What the house gives a tool, and what a tool gives back."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, Required, TypedDict


class Surroundings(Protocol):
    """Where a call runs. ``settings`` is the extension's own config table; ``obligations`` what
    policy asks of this call; ``folder`` the real path of the workspace."""

    @property
    def folder(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def obligations(self) -> Mapping[str, Any]: ...
    @property
    def time_limit_s(self) -> float: ...
    def secret(self, name: str) -> str | None: ...


class Result(TypedDict, total=False):
    """``text`` is for the model, ``view`` for the person. ``structured`` holds columns and rows.

    ``taint`` labels the source and the tags of what was read unmasked. ``accessed`` are the ids of
    what this very run touched: a caller may compare them with what was judged before.
    """

    text: Required[str]
    view: str
    rows: int
    structured: dict[str, Any]
    taint: list[str]
    accessed: list[str]
    failed: bool
    error: str


class Resource(TypedDict):
    """One thing that a call touches, in its canonical name."""

    id: str
    access: Literal["read", "write"]
    tags: list[str]
