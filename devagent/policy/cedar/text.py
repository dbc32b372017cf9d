"""Cedar's text: literals, names, and the few ways of joining boolean expressions.

Expressions are strings; ``TRUE`` and ``FALSE`` are simplified away while joining. Everything joined is in
parentheses, so that no precedence has to be known.
"""

import re
from collections.abc import Iterable, Sequence

TRUE, FALSE = "true", "false"
NAMESPACE = "Devagent"
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
LINE = 90
BESIDE = 12
"""So many operands stand side by side; more are paired, since Cedar's evaluation nests by operator."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    ("true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar", "context")
)


def text(value: str, *, star: str = "*") -> str:
    """A string literal. ``star`` is how a literal star is written (``\\*`` in a pattern)."""
    return f'"{"".join(_character(c, star) for c in value)}"'


def _character(c: str, star: str) -> str:
    if c == "*":
        return star
    if c in '"\\':
        return f"\\{c}"
    return c if c.isprintable() else f"\\u{{{ord(c):x}}}"


def pattern(literals: Sequence[str]) -> str:
    """The right side of ``like``: the literals with any run between each two."""
    return '"' + "*".join(text(one, star="\\*")[1:-1] for one in literals) + '"'


def entity(kind: str, name: str) -> str:
    """A reference to an entity."""
    return f"{NAMESPACE}::{kind}::{text(name)}"


def attribute(record: str, name: str) -> str:
    """The attribute of a record."""
    return f"{record}.{name}" if _is_plain(name) else f"{record}[{text(name)}]"


def has(record: str, name: str) -> str:
    """Whether a record has an attribute."""
    return f"({record} has {name if _is_plain(name) else text(name)})"


def declared(name: str) -> str:
    """An attribute's name in a schema."""
    return name if _is_plain(name) else text(name)


def _is_plain(name: str) -> bool:
    return _IDENTIFIER.fullmatch(name) is not None and name not in _RESERVED


def listed(values: Iterable[str]) -> str:
    """A set of expressions."""
    return f"[{', '.join(values)}]"


def all_of(expressions: Iterable[str]) -> str:
    """True where each is; no expression is true."""
    return _joined(expressions, "&&", TRUE, FALSE)


def any_of(expressions: Iterable[str]) -> str:
    """True where one is; no expression is false."""
    return _joined(expressions, "||", FALSE, TRUE)


def if_then(condition: str, then: str, otherwise: str) -> str:
    """One of two expressions."""
    if then == otherwise:
        return then
    return f"(if {condition} then {then} else {otherwise})"


def in_lines(expression: str) -> str:
    """The expression over several lines, where it is long and joined from several."""
    if not isinstance(expression, _Joined) or len(expression) < LINE:
        return expression
    return f"\n  {expression.operator} ".join(expression.parts)


def negated(expression: str) -> str:
    """The opposite."""
    if expression in (TRUE, FALSE):
        return FALSE if expression == TRUE else TRUE
    if expression.startswith("!(") and _closes_last(expression):
        return expression[1:]
    return f"!{expression}" if expression.startswith("(") else f"!({expression})"


def _closes_last(expression: str) -> bool:
    """Whether the parenthesis after ``!`` closes at the very end; quoted text is skipped."""
    depth, quoted, escaped = 0, False, False
    for position, c in enumerate(expression):
        if quoted:
            quoted = escaped or c != '"'
            escaped = not escaped and c == "\\"
        elif c == '"':
            quoted = True
        elif c in "()":
            depth += 1 if c == "(" else -1
            if not depth:
                return position == len(expression) - 1
    return False


class _Joined(str):
    """An expression that knows what it was joined from, so that the same join around it is one list."""

    __slots__ = ("operator", "parts")

    operator: str
    parts: list[str]


def _joined(expressions: Iterable[str], operator: str, neutral: str, decisive: str) -> str:
    flat: dict[str, None] = {}
    for one in expressions:
        flat.update(dict.fromkeys(_parts(one, operator)))
    flat.pop(neutral, None)
    parts = list(flat)
    if decisive in parts:
        return decisive
    if len(parts) < 2:
        return parts[0] if parts else neutral
    shown = parts
    while len(shown) > BESIDE:
        shown = [
            _side_by_side(shown[i : i + BESIDE], operator) for i in range(0, len(shown), BESIDE)
        ]
    joined = _Joined(_side_by_side(shown, operator))
    joined.operator, joined.parts = operator, parts
    return joined


def _parts(expression: str, operator: str) -> list[str]:
    if isinstance(expression, _Joined) and expression.operator == operator:
        return expression.parts
    return [expression]


def _side_by_side(parts: list[str], operator: str) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {operator} '.join(parts)})"
