"""Filters and masks in SQLite: temporary views that stand before the tables of the same name.

An unqualified name means the temporary schema first, so every mention of a shielded table, also in the
views of the database (copied beside it), means its shield. The authorizer then refuses each read of a
shielded table that does not come from its shield: it is the engine that holds the rule, not the rewriting.
"""

import sqlite3
from itertools import pairwise

from devagent_sql.engines.port import Rules
from devagent_sql.engines.sqlite.catalog import Catalog, Member, quoted
from devagent_sql.engines.sqlite.lexer import tokens
from devagent_sql.engines.sqlite.masking import FUNCTION, masked
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree.dialects import SQLITE
from devagent_sql.tree.masks import KEY
from devagent_sql.tree.relations import Relation, RelationColumn
from devagent_sql.tree.shields import row_filter
from devagent_sql.tree.speakers import speaker


def kinds_of(catalog: Catalog, table: str, rules: Rules) -> dict[str, str]:
    """Column → mask; null for a generated column that is made of a masked one."""
    found: dict[str, str] = {}
    for column in catalog.columns(table):
        made_of = catalog.closure(table, column.name) - {column.name}
        if any(rules.mask("main", table, other) for other in made_of):
            found[column.name] = "null"
        elif kind := rules.mask("main", table, column.name):
            found[column.name] = kind
    return found


def needing_shields(catalog: Catalog, mentioned: set[str], rules: Rules) -> list[Member]:
    """The tables with a filter, or with a mask that shows something of the value."""
    found: list[Member] = []
    for name in sorted(mentioned):
        member = catalog.members[fold(name)]
        if member.kind != "table":
            if any(kind != "null" for kind in kinds_of(catalog, name, rules).values()) or rules.filters("main", name):  # fmt: skip
                raise SqlError(
                    "masked_view", "A view cannot be filtered or masked other than as NULL here."
                )
            continue
        kinds = kinds_of(catalog, name, rules)
        if rules.filters("main", name) or any(kind != "null" for kind in kinds.values()):
            found.append(member)
    return found


def put(
    connection: sqlite3.Connection,
    catalog: Catalog,
    tables: list[Member],
    views: list[Member],
    rules: Rules,
) -> None:
    """Make the shields of these tables and copies of these views, in the temporary schema."""

    def mask(kind: object, value: int | float | str | bytes | None) -> int | float | str | bytes | None:  # fmt: skip
        return masked(kind, value, KEY)

    connection.create_function(FUNCTION, 2, mask, deterministic=True)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA query_only = OFF")
    for view in views:
        _check_view(view)
        # The engine itself wrote these two words.
        connection.execute(f"CREATE TEMP VIEW{view.sql.removeprefix('CREATE VIEW')}")
    for table in tables:
        connection.execute(_shield(catalog, table, rules))
    connection.execute("PRAGMA query_only = ON")


def _check_view(view: Member) -> None:
    found = list(tokens(view.sql))
    qualified = any(
        fold(one.text) == "main" and after.text == "." for one, after in pairwise(found)
    )
    if qualified or not view.sql.startswith("CREATE VIEW"):
        raise SqlError(
            "masked_view", "A view names a masked or filtered table with its schema: query the table."
        )  # fmt: skip


def _shield(catalog: Catalog, table: Member, rules: Rules) -> str:
    kinds = kinds_of(catalog, table.name, rules)
    columns = catalog.columns(table.name)
    shown = ", ".join(
        _masked_column(quoted(column.name), kinds.get(column.name, "")) for column in columns
    )
    relation = Relation(
        "main", table.name, "table", tuple(RelationColumn(c.name, c.type, "") for c in columns)
    )
    text = f"CREATE TEMP VIEW {quoted(table.name)} AS SELECT {shown} FROM main.{quoted(table.name)}"  # noqa: S608 — quoted names
    conditions = [
        row_filter(one, relation, SQLITE).sql(speaker("sqlite"))
        for one in rules.filters("main", table.name)
    ]
    # With a LIMIT the statement's own conditions are not evaluated on rows that the filter keeps out.
    return f"{text} WHERE {' AND '.join(conditions)} LIMIT -1" if conditions else text


def _masked_column(name: str, kind: str) -> str:
    if not kind:
        return name
    return f"NULL AS {name}" if kind == "null" else f"{FUNCTION}('{kind}', {name}) AS {name}"
