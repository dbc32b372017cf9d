"""Random SELECTs over some tables, for the engines that take standard SQL."""

from hypothesis import strategies as st

Tables = dict[str, tuple[str, ...]]

_LITERALS = ("1", "'a'", "'Oslo'", "'tea'", "NULL", "'%a%'", "'+***'", "7")


@st.composite
def _clause(draw: st.DrawFn, tables: Tables) -> tuple[str, list[str]]:
    """A FROM clause of one or two tables, and the columns it offers."""
    first = draw(st.sampled_from(sorted(tables)))
    columns = [f"a.{column}" for column in tables[first]]
    if draw(st.booleans()):
        return f"{first} AS a", columns
    second = draw(st.sampled_from(sorted(tables)))
    columns += [f"b.{column}" for column in tables[second]]
    shared = sorted(set(tables[first]) & set(tables[second]))
    how = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
    left, right = draw(st.sampled_from(columns)), draw(st.sampled_from(columns))
    conditions = [f" ON {_text(left)} = {_text(right)}", *(f" USING ({name})" for name in shared)]
    return f"{first} AS a {how} {second} AS b{draw(st.sampled_from(conditions))}", columns


def _text(expression: str) -> str:
    return f"CAST({expression} AS VARCHAR(80))"


def _expressions(columns: list[str]) -> st.SearchStrategy[str]:
    """Texts: every leaf is cast, so that no engine stumbles over types."""

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.tuples(inner, st.sampled_from(["=", "<", "LIKE", "<>"]), inner).map(
            lambda parts: (
                f"CASE WHEN {parts[0]} {parts[1]} {parts[2]} THEN {parts[0]} ELSE 'no' END"
            )
        )
        return st.one_of(
            pairs,
            st.tuples(st.sampled_from(["upper", "lower", "trim"]), inner).map(
                lambda parts: f"{parts[0]}({parts[1]})"
            ),
            st.tuples(inner, inner).map(lambda parts: f"coalesce({parts[0]}, {parts[1]})"),
            st.tuples(inner, inner).map(lambda parts: f"nullif({parts[0]}, {parts[1]})"),
            inner.map(lambda one: f"(SELECT {one})"),
        )

    leaves = st.one_of(st.sampled_from(columns), st.sampled_from(_LITERALS)).map(
        lambda leaf: f"CAST({leaf} AS VARCHAR(80))"
    )
    return st.recursive(leaves, grown, max_leaves=4)


@st.composite
def statement_over(draw: st.DrawFn, tables: Tables) -> str:
    """A SELECT whose answer, but for the order of rows, does not hang on the plan."""
    clause, columns = draw(_clause(tables))
    one = _expressions(columns)
    shape = draw(
        st.sampled_from(
            ["plain", "distinct", "group", "aggregate", "cte", "union", "in", "exists", "window"]
        )
    )
    where = (
        f" WHERE {draw(one)} {draw(st.sampled_from(['=', '<', 'LIKE']))} {draw(one)}"
        if draw(st.booleans())
        else ""
    )
    shown = ", ".join(
        f"{text} AS c{place}"
        for place, text in enumerate(draw(st.lists(one, min_size=1, max_size=3)))
    )
    match shape:
        case "distinct":
            return f"SELECT DISTINCT {shown} FROM {clause}{where}"
        case "group":
            return f"SELECT x, count(*) AS n FROM (SELECT {draw(one)} AS x FROM {clause}{where}) q GROUP BY x"
        case "aggregate":
            return f"SELECT count({draw(one)}), min({draw(one)}), max({draw(one)}) FROM {clause}{where}"
        case "cte":
            return f"WITH q AS (SELECT {draw(one)} AS x FROM {clause}{where}) SELECT x, count(*) FROM q GROUP BY x HAVING count(*) < 5"
        case "union":
            return f"SELECT {draw(one)} FROM {clause}{where} UNION SELECT {draw(one)} FROM {clause}"
        case "in":
            return f"SELECT {shown} FROM {clause} WHERE {draw(one)} IN (SELECT {draw(one)} FROM {clause}{where})"
        case "exists":
            return f"SELECT {shown} FROM {clause} WHERE EXISTS (SELECT 1 FROM {clause}{where})"
        case "window":
            return f"SELECT {draw(one)} AS x, rank() OVER (ORDER BY {draw(one)}) AS r FROM {clause}{where}"
        case _:
            return f"SELECT {shown} FROM {clause}{where}"
