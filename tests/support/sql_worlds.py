"""A small world of rows, random policies over it, and the world that is left when what a policy forbids is removed.

All of it is plain Python: the removed world is made here, row by row, and shares no code with what it judges.
"""

import hashlib
import hmac
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

Value = int | float | str | None
Row = dict[str, Value]
KINDS = ("range", "partial", "tokenise", "hash", "null")
"""From the weakest to the strongest."""

COLUMNS: dict[str, dict[str, str]] = {
    "customers": {"id": "int", "name": "text", "email": "text", "phone": "text", "city": "text", "tenant": "int", "joined": "day"},
    "orders": {"id": "int", "customer_id": "int", "status": "text", "note": "text", "cents": "int"},
    "subscribers": {"email": "text", "topic": "text"},
}  # fmt: skip
VIEWS = {
    "contacts": ("SELECT id, name, email AS mail FROM customers", ("id", "name", "mail")),
    "totals": (
        "SELECT customer_id, count(*) AS n, sum(cents) AS cents FROM orders GROUP BY customer_id",
        ("customer_id", "n", "cents"),
    ),
    "friends": (
        "SELECT c.id, c.city, s.topic FROM contacts k JOIN customers c ON c.id = k.id LEFT JOIN subscribers s ON s.email = k.mail",
        ("id", "city", "topic"),
    ),
}
"""Each over tables or views before it; with the names of its columns."""

_NAMES = ("Ana", "Bo", "Chidi", "Dara", "Elif", "Femi", "Gita", "Hugo")


def world() -> dict[str, list[Row]]:
    """The rows of each table, the same every time."""
    customers: list[Row] = [
        {
            "id": n,
            "name": name,
            "email": f"{name.lower()}@{('post', 'mail')[n % 2]}",
            "phone": None if n == 4 else f"+{n % 3}7 55{n % 2}",
            "city": ("Lagos", "Lisbon", "Oslo")[n % 3],
            "tenant": n % 2,
            "joined": f"20{24 + n % 3}-0{n}-1{n}",
        }
        for n, name in enumerate(_NAMES, 1)
    ]
    orders: list[Row] = [
        {
            "id": n,
            "customer_id": 1 + n * 5 % 9,
            "status": ("paid", "sent", "a")[n % 3],
            "note": f"gate {n % 4}" if n % 5 else None,
            "cents": n * 137 % 900 - 50,
        }
        for n in range(1, 15)
    ]
    subscribers: list[Row] = [
        *({"email": "ana@mail", "topic": "tea"}, {"email": "bo@post", "topic": "a"}),
        *({"email": None, "topic": "tea"}, {"email": "zed@none", "topic": None}),
    ]
    return {"customers": customers, "orders": orders, "subscribers": subscribers}


def _is(column: str, test: Callable[[Any], bool]) -> Callable[[Row], bool]:
    return lambda row: row[column] is not None and test(row[column])


FILTERS: dict[str, list[tuple[str, Callable[[Row], bool]]]] = {
    "customers": [
        ("tenant = 1", _is("tenant", lambda v: v == 1)),
        ("city <> 'Oslo'", _is("city", lambda v: v != "Oslo")),
        ("phone IS NOT NULL", lambda row: row["phone"] is not None),
        ("email LIKE '%post'", _is("email", lambda v: v.endswith("post"))),
        ("id < 6 OR city = 'Oslo'", lambda row: _is("id", lambda v: v < 6)(row) or row["city"] == "Oslo"),
        ("id < 0", lambda _row: False),
    ],
    "orders": [
        ("status IN ('paid', 'a')", _is("status", lambda v: v in ("paid", "a"))),
        ("cents BETWEEN 0 AND 500", _is("cents", lambda v: 0 <= v <= 500)),
        ("NOT (note = 'gate 1')", _is("note", lambda v: v != "gate 1")),
        ("customer_id > 3 AND id <> 7", lambda row: _is("customer_id", lambda v: v > 3)(row) and row["id"] != 7),
    ],
    "subscribers": [
        ("topic = 'tea'", _is("topic", lambda v: v == "tea")),
        ("email IS NULL OR email LIKE 'a%'", lambda row: row["email"] is None or str(row["email"]).startswith("a")),
    ],
}  # fmt: skip


class Policy(NamedTuple):
    """``masks``: (table, column) → kind. ``filters``: table → places in ``FILTERS``. ``denied`` are tables and
    (table, column). ``most``: rows of an answer, 0 = any. ``spelled`` chooses how patterns are written."""

    masks: dict[tuple[str, str], str]
    filters: dict[str, tuple[int, ...]]
    denied: frozenset[tuple[str, ...]]
    most: int
    spelled: int

    def obligations(self, schema: str) -> dict[str, Any]:
        """As the house hands them to a tool, for the source ``shop``."""
        found: dict[str, Any] = {}
        if self.masks:
            found["mask"] = {self._pattern(schema, *place): kind for place, kind in self.masks.items()}  # fmt: skip
        if self.filters:
            found["filter"] = {
                self._pattern(schema, table): [FILTERS[table][one][0] for one in chosen]
                for table, chosen in self.filters.items()
            }
        if self.most:
            found["limit_rows"] = self.most
        return found

    def _pattern(self, schema: str, table: str, column: str = "") -> str:
        kind = "column" if column else "table"
        start = (f"shop.{schema}.", "shop.*.", "**.")[self.spelled]
        return f"{kind}:{start}{table}{'.' + column if column else ''}"


_places = st.sampled_from([(t, c) for t, columns in COLUMNS.items() for c in columns])


_kinds: st.SearchStrategy[str] = st.sampled_from(KINDS)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    masks = draw(st.dictionaries(_places, _kinds, max_size=5))
    filters = {
        table: tuple(sorted(draw(st.sets(st.integers(0, len(FILTERS[table]) - 1), min_size=1, max_size=2))))
        for table in draw(st.sets(st.sampled_from(sorted(COLUMNS)), max_size=3))
    }  # fmt: skip
    columns = st.sets(_places, max_size=2) if draw(st.booleans()) else st.just(set[tuple[str, str]]())  # fmt: skip
    denied: set[tuple[str, ...]] = {*draw(columns)}
    if draw(st.integers(0, 5)) == 0:
        denied.add((draw(st.sampled_from(sorted(COLUMNS))),))
    most = draw(st.sampled_from([0, 0, 0, 1, 3]))
    return Policy(masks, filters, frozenset(denied), most, draw(st.integers(0, 2)))


Digest = Callable[[str, str], str]
"""(what goes before the key, text) → 16 hexadecimal digits, as the engine makes them."""


def keyed_hmac(key: str) -> Digest:
    return lambda before, text: hmac.new(f"{before}{key}".encode(), text.encode(), hashlib.sha256).hexdigest()[:16]  # fmt: skip


def keyed_sha(key: str) -> Digest:
    return lambda before, text: hashlib.sha256(f"{before}{key}{text}{key}".encode()).hexdigest()[:16]  # fmt: skip


def _masked(kind: str, value: Value, type_: str, digest: Digest) -> Value:
    if value is None:
        return None
    match kind:
        case "hash":
            return digest("", str(value))
        case "tokenise":
            return "tok_" + digest("tok", str(value))
        case "partial":
            return str(value)[:1] + "***"
        case "range" if type_ == "int" and isinstance(value, int):
            if value == 0:
                return 0
            step = 10 ** math.floor(math.log10(abs(value)))
            return int(value / step) * step
        case "range" if type_ == "day":
            return f"{str(value)[:4]}-01-01"
        case _:
            return None


class Removed(NamedTuple):
    """What is left: rows by table, and the kind of each column (int, text, day, or ranged.int, ranged.day)."""

    rows: dict[str, list[Row]]
    types: dict[str, dict[str, str]]


def removed(policy: Policy, digest: Digest) -> Removed:
    """The world without what the policy forbids: rows filtered, values masked, columns and tables not there."""
    rows: dict[str, list[Row]] = {}
    types: dict[str, dict[str, str]] = {}
    for table, every in world().items():
        if (table,) in policy.denied:
            continue
        tests = [FILTERS[table][one][1] for one in policy.filters.get(table, ())]
        columns = [name for name in COLUMNS[table] if (table, name) not in policy.denied]
        kinds = {name: policy.masks.get((table, name), "") for name in columns}
        types[table] = {name: _type_of(COLUMNS[table][name], kinds[name]) for name in columns}
        rows[table] = [
            {name: _masked(kinds[name], row[name], COLUMNS[table][name], digest) if kinds[name] else row[name] for name in columns}
            for row in every
            if all(test(row) for test in tests)
        ]  # fmt: skip
    return Removed(rows, types)


def _type_of(type_: str, kind: str) -> str:
    if kind in ("hash", "tokenise", "partial"):
        return "text"
    return f"ranged.{type_}" if kind == "range" and type_ != "text" else type_


def script(left: Removed, types: Mapping[str, str], prefix: str = "") -> list[str]:
    """The statements that make it, views as far as their columns are left; ``types`` are the engine's."""
    found: list[str] = []
    for table, columns in left.types.items():
        listed = ", ".join(f"{name} {types[type_]}" for name, type_ in columns.items()) or "nothing int"  # fmt: skip
        found.append(f"CREATE TABLE {prefix}{table} ({listed})")
        if left.rows[table] and columns:
            values = ", ".join(f"({', '.join(map(_literal, row.values()))})" for row in left.rows[table])  # fmt: skip
            found.append(f"INSERT INTO {prefix}{table} VALUES {values}")
    return found


def whole() -> Removed:
    """The world as it is."""
    return removed(Policy({}, {}, frozenset(), 0, 0), keyed_hmac(""))


def _literal(value: Value) -> str:
    return "NULL" if value is None else str(value) if isinstance(value, int | float) else f"'{value}'"  # fmt: skip
