"""What the tables of the files in force bound: budgets, models, the reach of approvals, what the record keeps.

Every value narrows: over all files the least one holds, whatever their layer.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from devagent.core.approvals import SCOPES, ApprovalBounds
from devagent.core.keeping import Keeping, Witness
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


def shared_budgets(files: Iterable[PolicyFile], names: Collection[str]) -> dict[str, Budget]:
    """The budgets that several sessions use up together, by scope: ``day``, and ``team:NAME`` for each team
    that a principal with these names (``group:NAME``) is in."""
    found: dict[str, Budget] = {}
    for file in files:
        table = file.tables.get("budget", {})
        amounts = {"day": table["day"]} if "day" in table else {}
        for group, amount in table.get("team", {}).items():
            if f"group:{group}" in names:
                amounts[f"team:{group}"] = amount
        for scope, amount in amounts.items():
            found[scope] = found.get(scope, Budget()).least(_budget(amount))
    return found


def price_file(files: Sequence[PolicyFile]) -> str:
    """The price table that the org's file names, or "". What another file names could make work cheap and
    budgets wide, so only the first speaks."""
    named: str = files[0].tables.get("budget", {}).get("prices", "")
    return named


def has_dollar_budget(file: PolicyFile) -> bool:
    """Whether a budget of this file is in dollars, and so depends on prices."""
    table = file.tables.get("budget", {})
    amounts = [table.get(scope, {}) for scope in ("turn", "session", "day")]
    return any("usd" in amount for amount in [*amounts, *table.get("team", {}).values()])


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


def approval_keys(files: Sequence[PolicyFile]) -> tuple[str, ...]:
    """The verifier keys whose signed approvals the org takes: only its own file, the first, can name them."""
    return tuple(files[0].tables.get("modes", {}).get("approvals", {}).get("keys", ()))


def revoked_approvals(files: Iterable[PolicyFile]) -> frozenset[str]:
    """The approvals that any of these files takes back, by id."""
    tables = (file.tables.get("modes", {}).get("approvals", {}) for file in files)
    return frozenset(id for table in tables for id in table.get("revoked", ()))


def redaction(files: Iterable[PolicyFile]) -> frozenset[str]:
    """What is redacted in the record: all that any of these files names, and secrets always."""
    named = (file.tables.get("log", {}).get("redact", ()) for file in files)
    return frozenset({"secrets"}.union(*named))


def keeping(files: Iterable[PolicyFile]) -> Keeping:
    """How the record is kept under these files.

    Content is sealed where any file asks for it, for all reviewers that any names, and any file may hold
    everything. How long it is kept says the first that says anything of it: the org's before the person's own.
    """
    files = list(files)
    tables = [(file.name or file.file, file.tables.get("log", {})) for file in files]
    lasting = [one for one in tables if "keep_content_days" in one[1] or "keep_days" in one[1]]
    name, terms = lasting[0] if lasting else ("", dict[str, Any]())
    return Keeping(
        seal=any("reviewers" in table for _, table in tables),
        reviewers=tuple(
            dict.fromkeys(one for _, table in tables for one in table.get("reviewers", ()))
        ),
        keep_content_days=terms.get("keep_content_days"),
        keep_days=terms.get("keep_days"),
        policy=name,
        hold=next((name for name, table in tables if table.get("hold")), ""),
    )


def witness(files: Iterable[PolicyFile]) -> Witness | None:
    """Where checkpoints go: the first file that names a witness, with the shortest patience that any has."""
    named: Witness | None = None
    patience: list[int] = []
    for file in files:
        table = file.tables.get("log", {}).get("witness", {})
        if named is None and "url" in table:
            named = Witness(table["url"], table.get("key", ""), policy=file.name or file.file)
        if "deny_writes_after_minutes" in table:
            patience.append(60 * table["deny_writes_after_minutes"])
    if named is None or not patience:
        return named
    return Witness(named.url, named.key, min(patience), named.policy)


def org_data(files: Iterable[PolicyFile]) -> tuple[dict[str, Any], str]:
    """The org's ``[data]`` table and the name of its file; empty where it has none."""
    for file in files:
        if file.org and "data" in file.tables:
            return file.tables["data"], file.name or file.file
    return {}, ""
