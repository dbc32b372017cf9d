"""Obligations: what an allowed call owes, and how several rules' obligations become one.

The union of all, each joined towards the stricter: a lattice, so that order and repetition are
indifferent (design, section 3, rule 6).
"""

from collections.abc import Iterable, Mapping
from typing import Any

MINIMUM = ("limit_rows", "limit_bytes", "timeout_s", "max_cost_usd")
MAXIMUM = ("min_group",)
FLAGS = ("require_reason", "two_person", "log_full")
MASKS = ("range", "partial", "tokenise", "hash", "null")
"""From the weakest to the strongest."""
HOUSE = frozenset((*FLAGS, "redact"))
"""What devagent itself carries out, whatever the extension can."""
NAMES = (*MINIMUM, *MAXIMUM, "mask", "filter", "redact", *FLAGS)


def join(obligations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The union, the stricter value wherever two meet."""
    out: dict[str, Any] = {}
    for one in obligations:
        for name, value in one.items():
            out[name] = _joined(name, out[name], value) if name in out else _copied(name, value)
    return out


def beyond(obligations: Mapping[str, Any], can: Iterable[str] | None) -> list[str]:
    """The obligations that can not be carried out; ``can`` None = every one can."""
    return [] if can is None else sorted(set(obligations) - HOUSE - set(can))


def _copied(name: str, value: Any) -> Any:
    if name == "redact":
        return sorted(set(value))
    if name == "filter":
        return {table: [expression] for table, expression in value.items()}
    return dict(value) if name == "mask" else value


def _joined(name: str, mine: Any, other: Any) -> Any:
    if name in MINIMUM:
        return min(mine, other)
    if name in MAXIMUM:
        return max(mine, other)
    if name in FLAGS:
        return mine or other
    if name == "redact":
        return sorted({*mine, *other})
    out: dict[str, Any] = dict(mine)
    for key, value in other.items():
        if name == "mask":
            out[key] = max(out.get(key, value), value, key=MASKS.index)
        else:
            out[key] = sorted({*out.get(key, ()), value})
    return out
