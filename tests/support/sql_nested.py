"""Random SELECTs, nested: queries in FROM, WITH, UNION, LATERAL, functions in FROM, groups by key and place, windows.

Their answer, but for the order of rows, does not hang on the plan. Texts are cast, so that no engine stumbles over types.
"""

from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.sql_worlds import COLUMNS, VIEWS

RELATIONS: dict[str, tuple[str, ...]] = {name: tuple(columns) for name, columns in COLUMNS.items()} | {name: columns for name, (_, columns) in VIEWS.items()}  # fmt: skip
_LITERALS = ("1", "'a'", "'Oslo'", "'tea'", "NULL", "'%a%'", "'+***'", "7", "'2024-01-01'", "100")


class Speech(NamedTuple):
    """What an engine has: ``text`` casts, ``lateral``, ``ordered`` (an aggregate with ORDER BY), ``series`` in FROM (with
    column x), ``star`` may be taken of what is joined."""

    text: str = "VARCHAR(80)"
    lateral: bool = True
    ordered: str = "string_agg({0}, ',' ORDER BY {0})"
    series: str = "generate_series(1, 2) AS {0}(x)"
    by_place: bool = True
    concat: str = "concat({}, {})"


class _Writer:
    def __init__(self, draw: st.DrawFn, speech: Speech) -> None:
        self._draw = draw
        self._speech = speech
        self._count = 0

    def alias(self) -> str:
        self._count += 1
        return f"q{self._count}"

    def one_of(self, *choices: str) -> str:
        return self._draw(st.sampled_from(choices))

    def chance(self, of: int) -> bool:
        return self._draw(st.integers(1, of)) == 1

    def text(self, expression: str) -> str:
        return f"CAST({expression} AS {self._speech.text})"

    def value(self, columns: list[str], depth: int) -> str:
        """An expression of type text over these columns."""
        if depth <= 0 or self.chance(3):
            leaf = self._draw(st.sampled_from([*columns, *columns, *_LITERALS]))
            return self.text(leaf)

        def inner() -> str:
            return self.value(columns, depth - 1)

        match self.one_of("case", "call", "coalesce", "nullif", "scalar", "correlated", "concat"):
            case "case":
                return f"CASE WHEN {self.condition(columns, depth - 1)} THEN {inner()} ELSE {inner()} END"  # fmt: skip
            case "call":
                return f"{self.one_of('upper', 'lower', 'trim')}({inner()})"
            case "coalesce":
                return f"coalesce({inner()}, {inner()})"
            case "nullif":
                return f"nullif({inner()}, {inner()})"
            case "scalar":
                clause, own = self.source(0)
                how = self.one_of("min", "max", "count")
                return self.text(f"(SELECT {how}({self.text(self._draw(st.sampled_from(own)))}) FROM {clause})")  # fmt: skip
            case "correlated":
                clause, own = self.source(0)
                mine = self._draw(st.sampled_from(own))
                return f"(SELECT max({self.text(mine)}) FROM {clause} WHERE {self.text(self._draw(st.sampled_from(own)))} = {inner()})"  # fmt: skip
            case _:
                return self._speech.concat.format(inner(), inner())

    def condition(self, columns: list[str], depth: int) -> str:
        kind = self.one_of("compare", "compare", "null", "in", "exists", "not", "and")
        if depth <= 0 and kind in ("in", "exists", "not", "and"):
            kind = "compare"
        left = self.value(columns, depth - 1)
        match kind:
            case "null":
                return f"{left} IS {self.one_of('', 'NOT ')}NULL"
            case "in":
                return f"{left} {self.one_of('', 'NOT ')}IN ({self.select(depth - 1, 1)[0]})"
            case "exists":
                clause, own = self.source(0)
                return f"{self.one_of('', 'NOT ')}EXISTS (SELECT 1 FROM {clause} WHERE {self.text(self._draw(st.sampled_from(own)))} = {left})"  # fmt: skip
            case "not":
                return f"NOT ({self.condition(columns, depth - 1)})"
            case "and":
                return f"({self.condition(columns, depth - 1)} {self.one_of('AND', 'OR')} {self.condition(columns, depth - 1)})"  # fmt: skip
            case _:
                return f"{left} {self.one_of('=', '<', '<>', 'LIKE', '>=')} {self.value(columns, depth - 1)}"  # fmt: skip

    def source(self, depth: int) -> tuple[str, list[str]]:
        """Something in FROM, and the columns that it offers, qualified."""
        name = self.alias()
        kinds = ["table"] * 3 + (["query"] * 2 + ["join"] * 3 + ["series"] if depth > 0 else [])
        if depth > 0 and self._speech.lateral:
            kinds.append("lateral")
        match self._draw(st.sampled_from(kinds)):
            case "query":
                sql, names = self.select(depth - 1)
                return f"({sql}) AS {name}", [f"{name}.{one}" for one in names]
            case "series" if self._speech.series:
                clause, columns = self.source(depth - 1)
                return f"{clause}, {self._speech.series.format(name)}", [*columns, f"{name}.x"]
            case "lateral":
                clause, columns = self.source(depth - 1)
                inner, own = self.source(0)
                shown = self._draw(st.sampled_from(own))
                where = f"{self.text(self._draw(st.sampled_from(own)))} {self.one_of('=', '<')} {self.text(self._draw(st.sampled_from(columns)))}"  # fmt: skip
                return f"{clause} CROSS JOIN LATERAL (SELECT {self.text(shown)} AS x FROM {inner} WHERE {where}) AS {name}", [*columns, f"{name}.x"]  # fmt: skip
            case "join":
                return self._join(depth)
            case _:
                table = self._draw(st.sampled_from(sorted(RELATIONS)))
                return f"{table} AS {name}", [f"{name}.{one}" for one in RELATIONS[table]]

    def _join(self, depth: int) -> tuple[str, list[str]]:
        if self.chance(3):
            one, other = self._draw(st.permutations(["customers", "subscribers", "contacts"]))[:2]
            a, b = self.alias(), self.alias()
            shared = sorted({*RELATIONS[one]} & {*RELATIONS[other]})
            columns = [f"{a}.{c}" for c in RELATIONS[one]] + [f"{b}.{c}" for c in RELATIONS[other]]
            if shared:
                how = self.one_of(f"JOIN {other} AS {b} USING ({shared[0]})", f"LEFT JOIN {other} AS {b} USING ({shared[0]})", f"NATURAL JOIN {other} AS {b}")  # fmt: skip
                bare = shared if "NATURAL" in how else shared[:1]
                return f"{one} AS {a} {how}", [*columns, *bare]
        left, mine = self.source(depth - 1)
        right, theirs = self.source(0)
        condition = f"{self.text(self._draw(st.sampled_from(mine)))} = {self.text(self._draw(st.sampled_from(theirs)))}"  # fmt: skip
        return f"{left} {self.one_of('JOIN', 'LEFT JOIN')} {right} ON {condition}", [*mine, *theirs]

    def select(self, depth: int, width: int = 0) -> tuple[str, list[str]]:
        """A query and the names of its columns."""
        width = width or self._draw(st.integers(1, 3))
        names = [f"c{place}" for place in range(width)]
        shape = self.one_of("plain", "plain", "distinct", "group", "place", "aggregate", "union", "with", "window", "limit")  # fmt: skip
        if shape == "union":
            how = self.one_of("UNION", "UNION ALL", "EXCEPT", "INTERSECT")
            return f"{self._plain(depth, names)} {how} {self._plain(depth, names)}", names
        if shape == "with" and depth > 0:
            name = self.alias()
            inner, columns = self.select(depth - 1)
            shown = ", ".join(f"{self.value([f'{name}.{c}' for c in columns], 1)} AS {one}" for one in names)  # fmt: skip
            return f"SELECT {shown} FROM (WITH {name}w AS ({inner}) SELECT * FROM {name}w) AS {name}", names  # fmt: skip
        clause, columns = self.source(depth)
        where = f" WHERE {self.condition(columns, depth)}" if self.chance(2) else ""
        values = [self.value(columns, depth) for _ in names]
        shown = ", ".join(f"{value} AS {name}" for value, name in zip(values, names, strict=True))
        match shape:
            case "distinct":
                return f"SELECT DISTINCT {shown} FROM {clause}{where}", names
            case "group" | "place":
                key = self.text(self._draw(st.sampled_from(columns)))
                counted = [self._aggregate(columns) for _ in names[1:]]
                listed = ", ".join(f"{value} AS {name}" for value, name in zip([key, *counted], names, strict=True))  # fmt: skip
                by = "1" if shape == "place" and self._speech.by_place else key
                having = f" HAVING count(*) {self.one_of('>', '<', '=')} 2" if self.chance(3) else ""  # fmt: skip
                return f"SELECT {listed} FROM {clause}{where} GROUP BY {by}{having}", names
            case "aggregate":
                listed = ", ".join(f"{self._aggregate(columns)} AS {name}" for name in names)
                return f"SELECT {listed} FROM {clause}{where}", names
            case "window":
                over = f"OVER (PARTITION BY {self.text(self._draw(st.sampled_from(columns)))} ORDER BY {self.text(self._draw(st.sampled_from(columns)))})"  # fmt: skip
                how = self.one_of("rank()", "dense_rank()", "count(*)", f"min({values[0]})")
                first = f"{self.text(f'{how} {over}')} AS {names[0]}"
                rest = [f"{v} AS {n}" for v, n in zip(values[1:], names[1:], strict=True)]
                return f"SELECT {', '.join([first, *rest])} FROM {clause}{where}", names
            case "limit":
                order = ", ".join(names)
                return f"SELECT * FROM (SELECT {shown} FROM {clause}{where}) AS {self.alias()} ORDER BY {order} LIMIT {self.one_of('1', '3')} OFFSET {self.one_of('0', '1')}", names  # fmt: skip
            case _:
                return f"SELECT {shown} FROM {clause}{where}", names

    def _plain(self, depth: int, names: list[str]) -> str:
        clause, columns = self.source(depth)
        shown = ", ".join(f"{self.value(columns, depth)} AS {name}" for name in names)
        return f"SELECT {shown} FROM {clause}"

    def _aggregate(self, columns: list[str]) -> str:
        one = self.text(self._draw(st.sampled_from(columns)))
        kinds = ["count({})", "count(DISTINCT {})", "min({})", "max({})"]
        if self._speech.ordered:
            kinds.append(self._speech.ordered.replace("{0}", "{}") if self._speech.ordered.count("{0}") == 1 else "ordered")  # fmt: skip
        kind = self._draw(st.sampled_from(kinds))
        found = self._speech.ordered.format(one) if kind == "ordered" else kind.format(one)
        return self.text(found)


@st.composite
def nested_statements(draw: st.DrawFn, speech: Speech = Speech()) -> str:  # noqa: B008 — of values
    return _Writer(draw, speech).select(2)[0]
