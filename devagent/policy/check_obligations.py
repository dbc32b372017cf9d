"""What may stand in ``obligations``."""

from typing import Any

from devagent.policy.check_globs import resource
from devagent.policy.checks import (
    Refusal,
    choice,
    known_keys,
    listed,
    number,
    shortened,
    table,
    text,
    truth,
    whole,
)
from devagent.policy.obligations import FLAGS, MASKS, NAMES
from devagent.policy.positions import Path


def obligations(value: object, path: Path) -> dict[str, Any]:
    """A whole ``obligations`` table, given back as it is."""
    owed = table(value, path)
    known_keys(owed, NAMES, path, "obligations")
    for name, want in owed.items():
        _check(name, want, (*path, name))
    return owed


def _check(name: str, want: object, path: Path) -> None:
    if name in FLAGS:
        truth(want, path)
    elif name in ("timeout_s", "max_cost_usd"):
        number(want, path, least=0)
    elif name == "mask":
        for pattern, how in table(want, path).items():
            _data_pattern(pattern, (*path, pattern), ("column", "tag", "table"))
            choice(how, MASKS, (*path, pattern))
    elif name == "filter":
        for pattern, expression in table(want, path).items():
            _data_pattern(pattern, (*path, pattern), ("table",))
            if not text(expression, (*path, pattern)).strip():
                raise Refusal((*path, pattern), "a filter must be an SQL expression")
    elif name == "redact":
        for i, what in enumerate(listed(want, path)):
            if not text(what, (*path, i)):
                raise Refusal((*path, i), "redact names what to redact; this is empty")
    else:
        whole(want, path)


def _data_pattern(pattern: str, path: Path, kinds: tuple[str, ...]) -> None:
    kind = resource(pattern, path).partition(":")[0]
    if kind not in kinds:
        valid = ", ".join(f"{one}:" for one in kinds)
        raise Refusal(path, f'"{shortened(pattern)}" has no columns or rows', f"Valid: {valid}")
