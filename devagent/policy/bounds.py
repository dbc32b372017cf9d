"""What the tables of the files in force bound: budgets, models, the reach of approvals, what the record keeps.

Every value narrows: over all files the least one holds, whatever their layer.
"""

from collections.abc import Iterable
from typing import Any

from devagent.core.approvals import SCOPES, ApprovalBounds
from devagent.core.limits import Budget
from devagent.policy.compile import Patterns
from devagent.policy.syntax import PolicyFile


def budgets(files: Iterable[PolicyFile]) -> tuple[Budget, Budget]:
    """The budgets of a turn and of a session under these files."""
    turn, session = Budget(), Budget()
    for file in files:
        table = file.tables.get("budget", {})
        turn = turn.least(_budget(table.get("turn", {})))
        session = session.least(_budget(table.get("session", {})))
    return turn, session


def _budget(amounts: dict[str, Any]) -> Budget:
    usd = amounts.get("usd")
    return Budget(
        usd_micros=None if usd is None else round(usd * 1e6),
        tokens=amounts.get("tokens"),
        calls=amounts.get("calls"),
        seconds=amounts.get("seconds"),
    )


def forbids_model(files: Iterable[PolicyFile], model: str) -> str:
    """The name of the first file whose ``[models]`` does not allow this model, or ""."""
    for file in files:
        allow: list[str] | None = file.tables.get("models", {}).get("allow")
        if allow is not None and not Patterns(tuple(allow), separator="").match(model):
            return file.name or file.file
    return ""


def forbids_extension(files: Iterable[PolicyFile], name: str, digest: str) -> str:
    """The name of the first file whose ``[extensions]`` does not let this extension run, or ""."""
    for file in files:
        table = file.tables.get("extensions", {})
        allow: list[str] | None = table.get("allow")
        pinned: list[str] | None = table.get("digests", {}).get(name)
        if (allow is not None and not Patterns(tuple(allow), separator="").match(name)) or (
            pinned is not None and digest not in pinned
        ):
            return file.name or file.file
    return ""


def approval_bounds(files: Iterable[PolicyFile]) -> ApprovalBounds:
    """How far approvals may reach under these files."""
    bounds = ApprovalBounds()
    for file in files:
        table = file.tables.get("modes", {}).get("approvals", {})
        bounds = ApprovalBounds(
            scope=min(bounds.scope, table.get("scope", bounds.scope), key=SCOPES.index),
            days=min(bounds.days, table.get("days", bounds.days)),
        )
    return bounds


def redaction(files: Iterable[PolicyFile]) -> frozenset[str]:
    """What is redacted in the record: all that any of these files names, and secrets always."""
    named = (file.tables.get("log", {}).get("redact", ()) for file in files)
    return frozenset({"secrets"}.union(*named))
