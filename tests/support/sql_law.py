"""The law that random statements and policies are held to: an answer under a policy is the engine's own answer over a
database without what the policy forbids."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.shop import ShopSurroundings
from tests.support.sql_worlds import VIEWS, Digest, Policy, removed, script

OURS = ("masked_join", "masked_index", "masked_view", "unsupported_syntax", "too_large", "grouping")
"""Refusals of the house: they depend on the statement and the rules, on no value."""

Rows = list[str]
Oracle = Callable[[list[str], str], "Rows | None"]
"""(statements that make a database, query) → its rows; None = the engine refuses it."""


class World(NamedTuple):
    """An engine with the world in it: what governs it, and what answers without being governed."""

    here: ShopSurroundings
    schema: str
    types: dict[str, str]
    digest: Digest
    oracle: Oracle
    any_case: bool = False
    """Whether it takes texts that differ in case alone for one, and shows any of them."""


def sorted_rows(rows: Sequence[Sequence[Any]]) -> Rows:
    return sorted(str([None if cell is None else str(cell) for cell in row]) for row in rows)


def views(run: Callable[[str], object], failure: type[Exception]) -> None:
    """Those whose tables and columns are left."""
    for name, (sql, _) in VIEWS.items():
        try:
            run(f"CREATE VIEW {name} AS {sql}")
        except failure:
            continue


def asked(world: World, policy: Policy, sql: str, **more: int) -> tuple[str, Rows]:
    """The error's class, and the rows; ``more`` are obligations besides."""
    here = world.here._replace(obligations={**policy.obligations(world.schema), **more})
    try:
        result = tools.query(here, source="shop", sql=sql, limit=1000)
    except SqlError as error:
        return error.error, []
    return "", sorted_rows(result.get("structured", {})["rows"])


def is_denied(world: World, policy: Policy, sql: str) -> bool:
    """Whether policy, asked about what the statement names, would refuse it."""
    found = tools.resources("query", {"source": "shop", "sql": sql}, world.here)
    names = {one["id"].partition(":")[2] for one in found}
    return any(".".join(["shop", world.schema, *one]) in names for one in policy.denied)


STATIC = ("syntax", "type_mismatch", "ambiguous_column", "invalid", "too_large", "no_such_column")


def check(world: World, policy: Policy, sql: str) -> str:
    """The law; how the statement fared."""
    refused = ""
    denied = False
    try:
        denied = is_denied(world, policy, sql)
    except SqlError as error:
        refused = error.error
    if refused or denied:
        assert denied or refused in STATIC, (refused, sql)
        return refused or "denied"
    error, rows = asked(world, policy, sql)
    if error in OURS:
        return error
    expected = world.oracle(script(removed(policy, world.digest), world.types), sql)
    if error or expected is None:
        assert (error != "") == (expected is None), (error, expected, sql)
        return error
    if world.any_case:
        rows, expected = (sorted(map(str.lower, one)) for one in (rows, expected))
    if policy.most:
        assert len(rows) == min(policy.most, len(expected)), sql
        left = list(expected)
        for row in rows:
            left.remove(row)
    else:
        assert rows == expected, sql
    return "answered"
