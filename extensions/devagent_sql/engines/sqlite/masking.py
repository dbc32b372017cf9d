"""The masks of SQLite as one function of Python, registered for shields only (see ``shields``)."""

import hashlib
import hmac
import math
import re

from devagent_sql.engines.port import Cell

FUNCTION = "devagent_mask"
"""No statement may call it: it is on no list, and whoever could call it could try values out."""

_DAY = re.compile(r"(\d{4})-\d\d(-\d\d.*)?", re.DOTALL)


def masked(kind: object, value: Cell, key: str) -> Cell:
    """What the mask makes of a value; NULL stays NULL, and what it cannot do is NULL."""
    if value is None:
        return None
    match kind:
        case "hash":
            return _digest(value, key)
        case "tokenise":
            return "tok_" + _digest(value, "tok" + key)
        case "partial":
            return _text(value)[:1] + "***"
        case "range":
            return _range(value)
        case _:
            return None


def _text(value: Cell) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _digest(value: Cell, key: str) -> str:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return hmac.new(key.encode(), data, hashlib.sha256).hexdigest()[:16]


def _range(value: Cell) -> Cell:
    """A number to its first digit, towards zero; a day to its year."""
    if isinstance(value, str):
        day = _DAY.fullmatch(value)
        return f"{day[1]}-01-01" if day else None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if value == 0:
        return 0
    if isinstance(value, int):
        step = 10 ** (len(str(abs(value))) - 1)
        return value // step * step if value > 0 else -(-value // step * step)
    step = 10.0 ** math.floor(math.log10(abs(value)))
    return math.trunc(value / step) * step
