"""Random grouped statements, and their answers by plain Python."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.support.sql_worlds import COLUMNS, Row, Value

_CONSTANTS: dict[str, list[Value]] = {"int": [0, 1, 3, 5, 100], "text": ["Oslo", "a", "paid", "m"], "day": ["2025-01-01"]}  # fmt: skip
_OPERATORS = ("=", "<>", "<", ">=")


class Grouped(NamedTuple):
    """``aggregates`` are (function, column; "" = every row). ``where`` is (column, operator, constant)."""

    table: str
    keys: tuple[str, ...]
    aggregates: tuple[tuple[str, str], ...]
    where: tuple[tuple[str, str, Value], ...]

    @property
    def sql(self) -> str:
        shown = [*self.keys, *(f"{name}({column or '*'})" for name, column in self.aggregates)]
        where = " AND ".join(f"{column} {how} {_literal(value)}" for column, how, value in self.where)  # fmt: skip
        group = f" GROUP BY {', '.join(self.keys)}" if self.keys else ""
        return f"SELECT {', '.join(shown)} FROM {self.table}{f' WHERE {where}' if where else ''}{group}"

    def fits(self, types: dict[str, dict[str, str]]) -> bool:
        """Whether no column that it computes with or compares has become another type."""
        used = {column for name, column in self.aggregates if name != "count"}
        used |= {column for column, _, _ in self.where} | {*self.keys}
        return all(types[self.table][column] == COLUMNS[self.table][column] for column in used)

    def answer(self, rows: dict[str, list[Row]], least: int) -> list[list[Any]]:
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows[self.table]:
            if all(_holds(row[column], how, value) for column, how, value in self.where):
                groups.setdefault(tuple(row[key] for key in self.keys), []).append(row)
        found: list[list[Any]] = []
        for key, members in groups.items():
            values = {column: [one[column] for one in members if one[column] is not None] for _, column in self.aggregates if column}  # fmt: skip
            if len(members) < least or any(len(one) < least for one in values.values()):
                continue
            found.append([*key, *(_computed(name, values.get(column, []), len(members), column) for name, column in self.aggregates)])  # fmt: skip
        return found


def _computed(name: str, values: list[Any], rows: int, column: str) -> Any:
    match name:
        case "count":
            return len(values) if column else rows
        case "sum":
            return sum(values)
        case _:
            return sum(values) / len(values)


def _holds(value: Any, how: str, other: Any) -> bool:
    if value is None:
        return False
    return {"=": value == other, "<>": value != other, "<": value < other, ">=": value >= other}[how]  # fmt: skip


def _literal(value: Value) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


@st.composite
def grouped_statements(draw: st.DrawFn) -> Grouped:
    table = draw(st.sampled_from(sorted(COLUMNS)))
    columns = COLUMNS[table]
    keys = draw(st.lists(st.sampled_from(sorted(columns)), max_size=2, unique=True))
    numbers = [name for name, type_ in columns.items() if type_ == "int"]
    aggregates = [("count", ""), *(("count", name) for name in columns)]
    aggregates += [(how, name) for name in numbers for how in ("sum", "avg")]
    chosen = draw(st.lists(st.sampled_from(aggregates), min_size=1, max_size=2, unique=True))
    where: list[tuple[str, str, Value]] = []
    for _ in range(draw(st.integers(0, 2))):
        column = draw(st.sampled_from(sorted(columns)))
        constant = draw(st.sampled_from(_CONSTANTS[columns[column]]))
        where.append((column, draw(st.sampled_from(_OPERATORS)), constant))
    return Grouped(table, tuple(keys), tuple(chosen), tuple(where))
