"""The tables of a policy file that are no rules: what each may hold (``bounds`` says what they do).

[budget]
prices = "/etc/devagent/prices.json"   # a price table in place of the shipped one
[budget.turn]           # also [budget.session]; what is used up stops the turn, exit code 5
usd = 0.50
tokens = 200_000
calls = 50              # of tools
seconds = 600
[budget.day]            # what one principal's sessions on this machine may use up in a day (UTC), without seconds
usd = 20
[budget.team.data-eng]  # what those of a group's members may use up together in a day
usd = 100

[models]
allow = ["claude-sonnet-*"]     # which models may be asked; * is any run

[modes.approvals]       # how far a person's yes may reach beyond the call that was shown
scope = "session"       # once | session | project | always
days = 7                # how long one on file may live
keys = ["acme/ci+1f0e2a91+AS…"] # whose signed files of approvals are taken, beside this computer's own
revoked = ["3f2a90c1d2e4"]      # approvals that answer nothing any more

[extensions]
allow = ["git", "workspace"]    # which may run, MCP servers too
[extensions.digests]
github = ["6f1c…"]              # what an extension's digest must be (`devagent ext list --digests`)

[data.sources.shop]     # the org's file only: which databases there are (settings/data_sources)
type = "postgres"

[data.tags]
"column:**.email" = ["pii.email"]

[log]
redact = ["secrets", "pii"]     # what the record does not keep; secrets it never keeps
"""

from collections.abc import Callable
from typing import Any

from devagent.core.approvals import SCOPES
from devagent.policy import checks
from devagent.policy.checks import Refusal
from devagent.policy.positions import Path

BUDGET_KEYS = ("turn", "session", "day", "team", "prices")
SPENT_KEYS = ("usd", "tokens", "calls", "seconds")
SHARED_KEYS = ("usd", "tokens", "calls")
"""Time is counted for a turn and a session alone."""
MODELS_KEYS = ("allow",)
EXTENSIONS_KEYS = ("allow", "digests")
MODES_KEYS = ("approvals",)
APPROVALS_KEYS = ("scope", "days", "keys", "revoked")
MOST_DAYS = 365
LOG_KEYS = ("redact",)
REDACTED = ("secrets", "pii")


def budget(table: dict[str, Any], path: Path) -> None:
    """Check ``[budget]``. Raises Refusal."""
    checks.known_keys(table, BUDGET_KEYS, path, "[budget]")
    for scope, value in table.items():
        here = (*path, scope)
        match scope:
            case "prices":
                checks.text(value, here)
            case "team":
                for group, amounts in checks.table(value, here).items():
                    _amounts(amounts, SHARED_KEYS, (*here, group), f"[budget.team.{group}]")
            case "day":
                _amounts(value, SHARED_KEYS, here, "[budget.day]")
            case _:
                _amounts(value, SPENT_KEYS, here, f"[budget.{scope}]")


def _amounts(value: object, keys: tuple[str, ...], path: Path, name: str) -> None:
    amounts = checks.table(value, path)
    checks.known_keys(amounts, keys, path, name)
    for key, amount in amounts.items():
        number = checks.number(amount, (*path, key), least=0)
        if key in ("tokens", "calls") and not isinstance(number, int):
            raise Refusal((*path, key), f"{key} must be a whole number")


def models(table: dict[str, Any], path: Path) -> None:
    """Check ``[models]``. Raises Refusal."""
    checks.known_keys(table, MODELS_KEYS, path, "[models]")
    for number, glob in enumerate(checks.listed(table.get("allow", []), (*path, "allow"))):
        checks.text(glob, (*path, "allow", number))


def extensions(table: dict[str, Any], path: Path) -> None:
    """Check ``[extensions]``. Raises Refusal."""
    checks.known_keys(table, EXTENSIONS_KEYS, path, "[extensions]")
    for number, glob in enumerate(checks.listed(table.get("allow", []), (*path, "allow"))):
        checks.text(glob, (*path, "allow", number))
    here = (*path, "digests")
    for name, digests in checks.table(table.get("digests", {}), here).items():
        for number, digest in enumerate(checks.listed(digests, (*here, name))):
            checks.text(digest, (*here, name, number))


def modes(table: dict[str, Any], path: Path) -> None:
    """Check ``[modes]``. Raises Refusal."""
    checks.known_keys(table, MODES_KEYS, path, "[modes]")
    if "approvals" not in table:
        return
    path = (*path, "approvals")
    approvals = checks.table(table["approvals"], path)
    checks.known_keys(approvals, APPROVALS_KEYS, path, "[modes.approvals]")
    if "scope" in approvals:
        checks.choice(approvals["scope"], SCOPES, (*path, "scope"))
    if "days" in approvals:
        days = checks.number(approvals["days"], (*path, "days"), least=1)
        if not isinstance(days, int) or days > MOST_DAYS:
            raise Refusal((*path, "days"), f"days must be a whole number up to {MOST_DAYS}")
    for key in ("keys", "revoked"):
        for number, value in enumerate(checks.listed(approvals.get(key, []), (*path, key))):
            checks.text(value, (*path, key, number))


def log(table: dict[str, Any], path: Path) -> None:
    """Check ``[log]``. Raises Refusal."""
    checks.known_keys(table, LOG_KEYS, path, "[log]")
    if "redact" in table:
        checks.choices(table["redact"], REDACTED, (*path, "redact"))


DATA_KEYS = ("sources", "tags")
_TAGGED = ("source", "table", "column")


def data(table: dict[str, Any], path: Path) -> None:
    """Check ``[data]``; what a source may hold beside tags is for the extension to know. Raises Refusal."""
    checks.known_keys(table, DATA_KEYS, path, "[data]")
    _tags(table.get("tags", {}), (*path, "tags"))
    here = (*path, "sources")
    for name, value in checks.table(table.get("sources", {}), here).items():
        source = checks.table(value, (*here, name))
        _tags(source.get("tags", {}), (*here, name, "tags"))


def _tags(value: Any, path: Path) -> None:
    for pattern, labels in checks.table(value, path).items():
        if pattern.partition(":")[0] not in _TAGGED:
            raise Refusal((*path, pattern), "tags are for source:, table: and column: patterns")
        for number, label in enumerate(checks.listed(labels, (*path, pattern))):
            checks.text(label, (*path, pattern, number))


CHECKS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "budget": budget,
    "data": data,
    "extensions": extensions,
    "log": log,
    "models": models,
    "modes": modes,
}
"""Table → its check."""
