"""What PostgreSQL does besides when a table is changed, as its catalog says; and what it did, as its counters say."""

import json
from collections.abc import Callable
from typing import Any, cast

from devagent_sql.engines.port import Name, Touched
from devagent_sql.engines.postgres.connection import Connection
from devagent_sql.errors import SqlError
from devagent_sql.tree.side_effects import Facts, Reference

_FACTS = """
SELECT jsonb_build_object(
    'schema', n.nspname, 'name', c.relname, 'foreign', c.relkind = 'f',
    'columns', (SELECT jsonb_object_agg(a.attnum::text, a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
    'keys', (SELECT jsonb_agg(jsonb_build_object(
            'kind', k.contype, 'of', k.conrelid::int8, 'to', k.confrelid::int8, 'delete', k.confdeltype, 'update', k.confupdtype,
            'key', (SELECT jsonb_agg(a.attname) FROM unnest(k.conkey) u LEFT JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u),
            'other', (SELECT jsonb_agg(a.attname) FROM unnest(k.confkey) u JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u)))
        FROM pg_constraint k WHERE k.conrelid = c.oid OR k.confrelid = c.oid),
    'unique', (SELECT jsonb_agg(CASE WHEN i.indpred IS NULL THEN to_jsonb(i.indkey::int2[]) ELSE '[0]' END) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique),
    'triggers', (SELECT coalesce(bit_or(t.tgtype::int4), 0) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'),
    'rules', (SELECT jsonb_agg(w.ev_type::text) FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN' AND w.ev_enabled <> 'D'),
    'functions', EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND (
        (d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT x.oid FROM pg_attrdef x WHERE x.adrelid = c.oid))
        OR (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = c.oid))
        OR (d.classid = 'pg_policy'::regclass AND d.objid IN (SELECT p.oid FROM pg_policy p WHERE p.polrelid = c.oid))
        OR (d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM pg_constraint k WHERE k.conrelid = c.oid OR k.contypid IN (
            WITH RECURSIVE kind AS (
                SELECT a.atttypid AS oid FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                UNION SELECT y.typbasetype FROM kind JOIN pg_type y ON y.oid = kind.oid WHERE y.typtype = 'd'
            ) SELECT oid FROM kind))))),
    'parts', (SELECT jsonb_agg(i.inhrelid::int8) FROM pg_inherits i WHERE i.inhparent = c.oid),
    'moved', (SELECT to_jsonb(p.partattrs::int2[]) FROM pg_partitioned_table p WHERE p.partrelid = c.oid)
)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::int8::oid
"""
_TABLE = "SELECT c.oid::int8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2"
_ON_TRIGGER = {"insert": 4, "delete": 8, "update": 16}
_ON_RULE = {"update": "2", "insert": "3", "delete": "4"}
_ACTIONS = {"c": "cascade", "n": "set", "d": "set"}
_WRITTEN = """
SELECT schemaname, relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_all_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname <> 'pg_toast'
"""


def looking(connection: Connection) -> Callable[[int | str], Facts]:
    """What the catalog says of the table of an oid, asked once."""
    known: dict[int | str, Facts] = {}

    def look(table: int | str) -> Facts:
        if table not in known:
            row = connection.execute(_FACTS, [table], prepare=True).fetchone()
            if row is None:
                raise SqlError("changed", "The schema was changed meanwhile. Try again.")
            known[table] = _facts(int(table), json.loads(row[0]))
        return known[table]

    return look


def oid_of(connection: Connection, table: Name) -> int:
    row = connection.execute(_TABLE, [table[0], table[1]]).fetchone()
    if row is None:
        raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
    return int(row[0])


def _facts(oid: int, told: dict[str, Any]) -> Facts:
    columns: dict[str, str] = told["columns"] or {}
    every = frozenset(columns.values())
    keys = cast("list[dict[str, Any]]", told["keys"] or [])
    unique = [_columns(key, columns) for key in told["unique"] or ()]
    # What excludes by an operator tells as much as what is unique; expressions are of any column.
    unique += [_named(one["key"], every) for one in keys if one["kind"] == "x"]
    code = {verb for verb, bit in _ON_TRIGGER.items() if told["triggers"] & bit}
    code |= {verb for verb, kind in _ON_RULE.items() if kind in (told["rules"] or ())}
    if told["functions"] or told["foreign"]:
        code |= {*_ON_TRIGGER}
    return Facts(
        told["schema"],
        told["name"],
        tuple(unique),
        tuple(_named(one["key"], every) for one in keys if one["kind"] == "c" and one["of"] == oid),
        tuple(
            Reference(one["to"], tuple(one["key"]), tuple(one["other"]))
            for one in keys
            if one["kind"] == "f" and one["of"] == oid
        ),
        tuple(
            Reference(
                one["of"],
                tuple(one["other"]),
                tuple(one["key"]),
                _ACTIONS.get(one["delete"], "refuse"),
                _ACTIONS.get(one["update"], "refuse"),
            )
            for one in keys
            if one["kind"] == "f" and one["to"] == oid
        ),
        frozenset(code),
        tuple(told["parts"] or ()),
        _columns(told["moved"] or (), columns),
    )


def _columns(numbers: "list[int] | tuple[int, ...]", columns: dict[str, str]) -> frozenset[str]:
    """By their numbers; 0 is an expression, which may be of any."""
    if 0 in numbers:
        return frozenset(columns.values())
    return frozenset(columns[str(one)] for one in numbers)


def _named(names: "list[str | None] | None", every: frozenset[str]) -> frozenset[str]:
    listed = names or [None]
    return every if None in listed else frozenset(one for one in listed if one)


Written = dict[tuple[str, str], int]


def written(connection: Connection) -> Written:
    """How many rows of which tables this session has changed, as the server counts them."""
    return {(schema, name): rows for schema, name, rows in connection.execute(_WRITTEN).fetchall()}


def check_written(before: Written, after: Written, touched: Touched) -> None:
    """The second witness: by whatever way a row was changed, it was counted. Raises SqlError ``side_effects``."""
    changed = {table for table, rows in after.items() if rows != before.get(table, 0)}
    if changed - {(name[0], name[1]) for name in touched.writes}:
        raise SqlError(
            "side_effects",
            "The change wrote to a table that was not named for it: undone. The source's setting effects may name it.",
        )
