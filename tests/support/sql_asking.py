"""What a call of the tools gives of a statement, told in the few ways in which tests want it."""

import json
from typing import Any

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.shop import ShopSurroundings


def outcome(here: ShopSurroundings, sql: str) -> tuple[str, str]:
    """The error's class, and everything that is told."""
    try:
        return "", json.dumps(tools.query(here, source="shop", sql=sql))
    except SqlError as error:
        return error.error, str(error)


def error_of(here: ShopSurroundings, sql: str) -> str:
    """Its class; "" where there is none."""
    return outcome(here, sql)[0]


def rows(here: ShopSurroundings, sql: str, limit: int = 1000) -> list[Any]:
    return tools.query(here, source="shop", sql=sql, limit=limit).get("structured", {})["rows"]


def unordered(here: ShopSurroundings, sql: str) -> tuple[str, list[str]]:
    """The error's class, and the rows in no order."""
    try:
        return "", sorted(map(str, rows(here, sql)))
    except SqlError as error:
        return error.error, []


def ids(here: ShopSurroundings, sql: str) -> set[str]:
    """What the statement is said to touch."""
    return {one["id"] for one in tools.resources("query", {"source": "shop", "sql": sql}, here)}
