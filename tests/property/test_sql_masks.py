"""A masked column is a column of NULLs: the same statement over a shop without those values agrees."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from devagent_sql import tools
from devagent_sql.errors import SqlError
from devagent_sql.names import matches, segment
from tests.support.shop import (
    MASK_PRIVATE,
    ShopSurroundings,
    build_shop,
    build_shop_with_other_private,
    build_shop_without_private,
)

Shops = tuple[ShopSurroundings, ShopSurroundings, ShopSurroundings]


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    """Masked; with other private values and masked; without private values and not masked."""
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("shop", "other", "without")]
    build_shop(f"{folders[0]}/shop.db")
    build_shop_with_other_private(f"{folders[1]}/shop.db")
    build_shop_without_private(f"{folders[2]}/shop.db")
    return (
        ShopSurroundings(folders[0], MASK_PRIVATE),
        ShopSurroundings(folders[1], MASK_PRIVATE),
        ShopSurroundings(folders[2]),
    )


TABLES = {
    "customers": ("id", "name", "email", "phone", "city", "mail_domain"),
    "subscribers": ("email", "topic", "rowid"),
    "orders": ("id", "customer_id", "status", "note"),
    "contacts": ("id", "name", "mail"),
}
LITERALS = ("1", "'a'", "'tea'", "'Oslo'", "'paid'", "NULL", "'ana.CANARY@post.CANARY.example'")


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A FROM clause of one or two tables, and the columns it offers."""
    first = draw(st.sampled_from(sorted(TABLES)))
    columns = [f"a.{column}" for column in TABLES[first]]
    if draw(st.booleans()):
        return f"{first} AS a", columns
    second = draw(st.sampled_from(sorted(TABLES)))
    columns += [f"b.{column}" for column in TABLES[second]]
    shared = sorted(set(TABLES[first]) & set(TABLES[second]) - {"rowid"})
    how = draw(st.sampled_from(["JOIN", "LEFT JOIN", "CROSS JOIN"]))
    left, right = draw(st.sampled_from(columns)), draw(st.sampled_from(columns))
    conditions = [f" ON {left} = {right}", *(f" USING ({name})" for name in shared)]
    return f"{first} AS a {how} {second} AS b{draw(st.sampled_from(conditions))}", columns


def expressions(columns: list[str]) -> st.SearchStrategy[str]:
    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.tuples(
            inner, st.sampled_from(["=", "<", "IS", "IS NOT", "||", "LIKE", "AND", "OR"]), inner
        )
        return st.one_of(
            pairs.map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
            st.tuples(st.sampled_from(["upper", "length", "typeof", "quote", "hex"]), inner).map(
                lambda parts: f"{parts[0]}({parts[1]})"
            ),
            st.tuples(inner, inner).map(lambda parts: f"coalesce({parts[0]}, {parts[1]})"),
            st.tuples(inner, inner, inner).map(
                lambda parts: f"CASE WHEN {parts[0]} THEN {parts[1]} ELSE {parts[2]} END"
            ),
            inner.map(lambda one: f"({one} IN (SELECT email FROM subscribers))"),
            # Without aggregates: max() of an outer column belongs to the outer query, of NULL to the inner.
            inner.map(lambda one: f"(SELECT {one})"),
        )

    leaves = st.one_of(st.sampled_from(columns), st.sampled_from(LITERALS))
    return st.recursive(leaves, grown, max_leaves=5)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A SELECT whose answer, but for the order of rows, does not hang on the plan."""
    clause, columns = draw(tables())
    one = expressions(columns)
    where = f" WHERE {draw(one)}" if draw(st.booleans()) else ""
    shape = draw(st.sampled_from(["plain", "distinct", "group", "aggregate", "cte", "union"]))
    shown = ", ".join(draw(st.lists(one, min_size=1, max_size=3)))
    match shape:
        case "distinct":
            return f"SELECT DISTINCT {shown} FROM {clause}{where} ORDER BY {draw(one)}"
        case "group":
            key = draw(one)
            return (
                f"SELECT {key}, count(*), count({draw(one)}) FROM {clause}{where} GROUP BY {key}, 1"
            )
        case "aggregate":
            return f"SELECT count({draw(one)}), min({draw(one)}), max({draw(one)}) FROM {clause}{where}"
        case "cte":
            return f"WITH q AS (SELECT {draw(one)} AS x FROM {clause}{where}) SELECT x, count(*) FROM q GROUP BY x"
        case "union":
            return f"SELECT {draw(one)} FROM {clause}{where} UNION SELECT {draw(one)} FROM {clause}"
        case _:
            return f"SELECT {shown} FROM {clause}{where}"


def answer(here: ShopSurroundings, sql: str) -> tuple[str, list[str]]:
    try:
        result = tools.query(here, source="shop", sql=sql, limit=1000)
    except SqlError as error:
        return error.error, []
    return "", [str(row) for row in result.get("structured", {})["rows"]]


@settings(max_examples=50)
@given(sql=statements())
def test_a_masked_answer_is_the_answer_over_nulls(shops: Shops, sql: str) -> None:
    error, rows = answer(shops[0], sql)
    assert error in ("", "masked_join", "masked_index")
    assume(not error)
    expected_error, expected = answer(shops[2], sql)
    assert ("", sorted(rows)) == (expected_error, sorted(expected))


@given(sql=statements())
def test_a_masked_answer_does_not_depend_on_the_masked_values(shops: Shops, sql: str) -> None:
    assert answer(shops[0], sql) == answer(shops[1], sql)


@settings(max_examples=40)
@given(sql=statements())
def test_what_a_run_touched_was_named_before(shops: Shops, sql: str) -> None:
    open_shop = shops[0]._replace(obligations={})
    named = tools.resources("query", {"source": "shop", "sql": sql}, open_shop)
    found = tools.query(open_shop, source="shop", sql=sql)
    assert set(found.get("accessed", [])) == {one["id"] for one in named}


names = st.text(alphabet=st.characters(codec="utf-8"), max_size=8)


@given(first=names, second=names)
def test_two_names_are_never_spelled_alike(first: str, second: str) -> None:
    assert (segment(first) == segment(second)) == (first == second)
    assert "." not in segment(first)
    assert "*" not in segment(first)
    assert matches(segment(first), segment(first))
