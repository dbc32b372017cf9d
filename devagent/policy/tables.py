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
reviewers = ["age1…"]           # content is sealed, for these and the person's own key; [] = for that alone
keep_content_days = 90          # what `session prune` erases the content of,
keep_days = 400                 # and what it removes whole
hold = true                     # legal hold: nothing is erased or removed

[log.witness]
url = "https://witness.acme.example"
key = "acme-witness+1f2e3d4c+BA…"   # whose cosignatures count
deny_writes_after_minutes = 60  # calls that write are denied once a checkpoint has waited so long
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
LOG_KEYS = ("redact", "reviewers", "keep_content_days", "keep_days", "hold", "witness")
WITNESS_KEYS = ("url", "key", "deny_writes_after_minutes")
AGE_KEY = r"^age1[02-9ac-hj-np-z]{58}$"
VERIFIER_KEY = r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$"
WITNESS_URL = r"^https?://[^\s/?#]+[^\s?#]*$"
MOST_KEEP_DAYS = 36_500
MOST_MINUTES = 60 * 24 * 365
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
    for number, key in enumerate(checks.listed(table.get("reviewers", []), (*path, "reviewers"))):
        _fits(key, AGE_KEY, (*path, "reviewers", number), 'an age recipient ("age1…")')
    for name in ("keep_content_days", "keep_days"):
        if name in table:
            _at_most(table[name], MOST_KEEP_DAYS, (*path, name))
    if "hold" in table:
        checks.truth(table["hold"], (*path, "hold"))
    if "witness" in table:
        _witness(checks.table(table["witness"], (*path, "witness")), (*path, "witness"))


def _witness(table: dict[str, Any], path: Path) -> None:
    checks.known_keys(table, WITNESS_KEYS, path, "[log.witness]")
    if "url" in table:
        _fits(table["url"], WITNESS_URL, (*path, "url"), "an https:// address")
    if "key" in table:
        _fits(table["key"], VERIFIER_KEY, (*path, "key"), "a verifier key (name+id+base64)")
    if "deny_writes_after_minutes" in table:
        where = (*path, "deny_writes_after_minutes")
        _at_most(table["deny_writes_after_minutes"], MOST_MINUTES, where)


def _fits(value: object, pattern: str, path: Path, what: str) -> None:
    import re  # noqa: PLC0415  (only for a file that says so, and beside tomllib, which loads it)

    if not re.match(pattern, checks.text(value, path)):
        raise Refusal(path, f"{checks.name_of(path)} must be {what}")


def _at_most(value: object, most: int, path: Path) -> None:
    if checks.whole(value, path, least=1) > most:
        raise Refusal(path, f"{checks.name_of(path)} must be at most {most}")


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
