"""What ``[models]`` of the files in force says: which models may be asked, where, by whom, with which data.

- Over all files every one must allow the model; silence allows. A file's ``only`` entries narrow further,
  for the principals and once the labels that they name.
- ``zero_retention = "required"``: only hosts that the same file lists in ``zero_retention_hosts`` are asked.
  What keeps nothing is the word of whoever keeps the policy, never of the config or of the service.
- A model whose host or region is not known fits no list of them. A rehearsal asks nobody: it is no model.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from devagent.core.limits import SamplingBounds
from devagent.policy.compile import Patterns
from devagent.policy.syntax import PolicyFile


class ModelAsked(Struct, frozen=True):
    """A model, where it would be asked, by whom (the names of the principal, groups included)."""

    name: str
    host: str
    region: str
    principal: frozenset[str]


def forbids_model(
    files: Iterable[PolicyFile], asked: ModelAsked, labels: Sequence[str] = ()
) -> tuple[str, str]:
    """(the first file that does not allow it, why) or ("", ""). ``labels`` are those of what the session has read."""
    for file in files:
        table: dict[str, Any] = file.tables.get("models", {})
        if why := _forbidden(table, asked, labels):
            return file.name or file.file, why
    return "", ""


def binds_labels(files: Iterable[PolicyFile]) -> bool:
    """Whether any file's answer hangs on what was read."""
    return any(
        "labels" in one for file in files for one in file.tables.get("models", {}).get("only", [])
    )


def sampling_bounds(files: Iterable[PolicyFile]) -> SamplingBounds:
    """The least of each bound over all files."""
    bounds = SamplingBounds()
    for file in files:
        table: dict[str, Any] = file.tables.get("models", {})
        bounds = bounds.least(
            SamplingBounds(
                max_tokens=table.get("max_tokens"),
                temperature=table.get("max_temperature"),
                thinking_tokens=table.get("max_thinking_tokens"),
            )
        )
    return bounds


def keeps_nothing(files: Iterable[PolicyFile], host: str) -> bool:
    """Whether any file's keeper says that this host retains nothing."""
    return any(
        _among(file.tables.get("models", {}).get("zero_retention_hosts", []), host)
        for file in files
    )


def _forbidden(table: dict[str, Any], asked: ModelAsked, labels: Sequence[str]) -> str:
    for key, value in (("allow", asked.name), ("hosts", asked.host), ("regions", asked.region)):
        if key in table and not _among(table[key], value):
            return f"[models] {key}"
    if table.get("zero_retention") == "required" and not _among(
        table.get("zero_retention_hosts", []), asked.host
    ):
        return "[models] zero_retention"
    for one in table.get("only", []):
        read = frozenset(labels)
        concerns_who = "principals" not in one or Patterns(
            tuple(one["principals"]), separator=""
        ).match_any(asked.principal)
        concerns_what = "labels" not in one or Patterns(
            tuple(one["labels"]), separator=""
        ).match_any(read)
        if concerns_who and concerns_what and not _among(one["allow"], asked.name):
            return "[[models.only]]"
    return ""


def _among(patterns: Iterable[str], value: str) -> bool:
    return bool(value) and Patterns(tuple(patterns), separator="").match(value)
