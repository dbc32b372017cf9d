"""What the database says of the tables that a statement names: columns, views, what lies beneath them."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from devagent_sql.engines.port import Column, Name, Table
from devagent_sql.engines.postgres.connection import Connection, prove_path
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server
from devagent_sql.tree.relations import Relation, RelationColumn

SYSTEM = ("pg_catalog", "information_schema", "pg_toast")
_KINDS = {"r": "table", "p": "table", "f": "table", "v": "view", "m": "materialized view"}
_CATEGORIES = {"N": "number", "S": "text", "D": "time"}

_NAMED = """
WITH RECURSIVE named AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) AND c.relname = ANY ($1::text[])
      AND (n.nspname = ANY ($2::text[]) OR n.nspname || '.' || c.relname = ANY ($3::text[]))
)"""
_REACH = f"""{_NAMED}, reach(top, oid, col) AS (
    SELECT oid, oid, 0::int FROM named
    UNION
    SELECT r.top, d.oid, d.col FROM reach r CROSS JOIN LATERAL (
        SELECT p.refobjid AS oid, p.refobjsubid::int AS col
        FROM pg_rewrite w JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid
          AND p.refclassid = 'pg_class'::regclass AND p.refobjid <> w.ev_class
        WHERE w.ev_class = r.oid
        UNION ALL
        SELECT i.inhparent, coalesce((
            SELECT o.attnum FROM pg_attribute a JOIN pg_attribute o ON o.attrelid = i.inhparent AND o.attname = a.attname
            WHERE a.attrelid = p.refobjid AND a.attnum = p.refobjsubid), 0)::int
        FROM pg_rewrite w JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid
          AND p.refclassid = 'pg_class'::regclass AND p.refobjid <> w.ev_class
        JOIN pg_inherits i ON i.inhrelid IN (SELECT p.refobjid UNION SELECT pg_partition_ancestors(p.refobjid))
        WHERE w.ev_class = r.oid
        UNION ALL
        SELECT i.inhrelid, a.attnum::int FROM pg_inherits i
        JOIN pg_attribute a ON a.attrelid = i.inhrelid AND (a.attnum > 0 AND NOT a.attisdropped)
        WHERE i.inhparent = r.oid
    ) d
), met AS MATERIALIZED (SELECT DISTINCT oid FROM reach)
"""  # noqa: S608 — parts of our own
_FINGERPRINT = """
(SELECT encode(sha256(convert_to(coalesce(string_agg(line, ',' ORDER BY line), ''), 'UTF8')), 'hex') FROM met CROSS JOIN LATERAL (
    SELECT format('c%s/%s/%s/%s/%s', c.oid, c.xmin, n.oid, n.xmin, pg_has_role(c.relowner, 'USAGE')) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = met.oid
    UNION ALL SELECT format('a%s/%s/%s', a.attrelid, a.attnum, a.xmin) FROM pg_attribute a WHERE a.attrelid = met.oid AND a.attnum > 0
    UNION ALL SELECT format('w%s/%s', w.oid, w.xmin) FROM pg_rewrite w WHERE w.ev_class = met.oid
    UNION ALL SELECT format('d%s/%s', d.oid, d.xmin) FROM pg_attrdef d WHERE d.adrelid = met.oid
    UNION ALL SELECT format('i%s/%s/%s', i.inhrelid, i.inhparent, i.xmin) FROM pg_inherits i WHERE met.oid IN (i.inhparent, i.inhrelid)
    OFFSET 0
) AS lines)
"""
"""Of the rows of the system's catalogs that say what these relations are: whatever changes one, changes it."""

_PROOF = f"{_NAMED}, met AS MATERIALIZED (SELECT oid FROM named UNION SELECT unnest($4::oid[])) SELECT {_FINGERPRINT}"  # noqa: S608
_RELATIONS = f"""{_REACH}
SELECT n.nspname, c.relname, c.relkind::text, c.oid::int8,
    (SELECT coalesce(json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), t.typcategory::text,
                CASE WHEN a.attgenerated = '' THEN '[]' ELSE coalesce((
                    SELECT json_agg(o.attname) FROM pg_attrdef x
                    JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = x.oid AND p.refobjid = a.attrelid
                    JOIN pg_attribute o ON o.attrelid = a.attrelid AND o.attnum = p.refobjsubid AND o.attnum <> a.attnum
                    WHERE x.adrelid = a.attrelid AND x.adnum = a.attnum), '[]') END) ORDER BY a.attnum), '[]')::text
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
    (SELECT coalesce(json_agg(json_build_array(bn.nspname, bc.relname, coalesce(ba.attname, ''))), '[]')::text
          FROM reach r JOIN pg_class bc ON bc.oid = r.oid JOIN pg_namespace bn ON bn.oid = bc.relnamespace
          LEFT JOIN pg_attribute ba ON ba.attrelid = bc.oid AND ba.attnum = r.col AND r.col > 0
          WHERE r.top = c.oid AND r.oid <> c.oid) AS beneath,
    EXISTS (SELECT FROM reach r JOIN pg_rewrite w ON w.ev_class = r.oid AND w.ev_type = '1'
            JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid AND p.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
            WHERE r.top = c.oid AND NOT EXISTS (
                SELECT FROM pg_depend e WHERE e.classid = p.refclassid AND e.objid = p.refobjid AND e.deptype = 'e')) AS calls,
    pg_has_role(c.relowner, 'USAGE'), f.oids, f.print
FROM (SELECT ARRAY(SELECT oid FROM met)::text AS oids, {_FINGERPRINT} AS print) AS f
LEFT JOIN (named JOIN pg_class c ON c.oid = named.oid JOIN pg_namespace n ON n.oid = c.relnamespace) ON true
"""  # noqa: S608

Names = tuple[tuple[str, str], ...]


class Facts(NamedTuple):
    """What the catalog said of some names, and the fingerprint of where it said so: of the rows about
    these relations and those beneath, ``oids`` (as PostgreSQL writes an array)."""

    relations: dict[tuple[str, str], Relation]
    owned: frozenset[tuple[str, str]]
    oids: str
    fingerprint: str


_MOST_REMEMBERED = 256
_remembered: OrderedDict[tuple[Server, Names], Facts] = OrderedDict()
_lock = threading.Lock()


def _recalled(key: tuple[Server, Names]) -> Facts | None:
    with _lock:
        return _remembered.get(key)


def _remember(key: tuple[Server, Names], facts: Facts) -> None:
    with _lock:
        _remembered[key] = facts
        if len(_remembered) > _MOST_REMEMBERED:
            _remembered.popitem(last=False)


def _forget(key: tuple[Server, Names]) -> None:
    with _lock:
        _remembered.pop(key, None)


class Catalog:
    """See ``tree.relations.Relations``. Facts of an earlier call are used again, and proved in this one:
    once the statement is planned, and so holds its locks, ``prove`` looks whether they still hold."""

    def __init__(self, connection: Connection, server: Server, *, remembering: bool) -> None:
        self._connection = connection
        self._server = server
        self._remembering = remembering
        self._facts: dict[Names, Facts] = {}
        self._asked: set[tuple[str, str]] = set()
        self.in_doubt = False
        """Whether facts of an earlier call were used that have not been proved."""

    def looked_up(self, names: Iterable[tuple[str, str]]) -> "Catalog":
        """This catalog, knowing the relations of these (schema or "", name)."""
        wanted = tuple(sorted({*names} - self._asked))
        if not wanted:
            return self
        self._asked.update(wanted)
        facts = _recalled((self._server, wanted)) if self._remembering else None
        if facts is not None:
            self.in_doubt = True
        else:
            facts = self._read(wanted)
            _remember((self._server, wanted), facts)
        self._facts[wanted] = facts
        return self

    def _read(self, wanted: Names) -> Facts:
        # The definitions of views must name their tables with their schemas: for that, no path.
        path = self._connection.execute(
            "SELECT current_setting('search_path'), set_config('search_path', 'pg_catalog', true)"
        ).fetchone()
        rows = self._connection.execute(
            _RELATIONS, self._parameters(wanted), prepare=True
        ).fetchall()
        self._connection.execute("SELECT set_config('search_path', $1, true)", [path and path[0]])
        relations: dict[tuple[str, str], Relation] = {}
        owned: set[tuple[str, str]] = set()
        for schema, name, kind, _, columns, definition, beneath, calls, is_owner, _, _ in rows:
            if schema is None or schema in SYSTEM:
                continue
            relations[schema, name] = Relation(
                schema,
                name,
                _KINDS[kind],
                tuple(map(_column, json.loads(columns))),
                (definition or "").rstrip().rstrip(";"),
                _names(json.loads(beneath)),
                bool(calls),
            )
            if is_owner:
                owned.add((schema, name))
        return Facts(relations, frozenset(owned), rows[0][-2], rows[0][-1])

    def _parameters(self, wanted: Names) -> list[list[str]]:
        return [
            [name for _, name in wanted],
            list(self._server.schemas),
            [f"{schema}.{name}" for schema, name in wanted if schema],
        ]

    def prove(self) -> None:
        """Raises SqlError ``changed`` where anything that was said is no longer so, of functions too."""
        prove_path(self._connection, self._server)
        for wanted, facts in self._facts.items():
            parameters = [*self._parameters(wanted), facts.oids]
            row = self._connection.execute(_PROOF, parameters, prepare=True).fetchone()
            if row is None or row[0] != facts.fingerprint:
                _forget((self._server, wanted))
                raise SqlError("changed", "The schema was changed meanwhile. Try again.")
        self.in_doubt = False

    def forget(self) -> None:
        """Remember nothing of what this call used."""
        for wanted in self._facts:
            _forget((self._server, wanted))

    def find(self, schema: str, name: str) -> Relation:
        if (schema, name) not in self._asked:
            self.looked_up([(schema, name)])
        if schema in SYSTEM or (not schema and name.startswith("pg_")):
            raise SqlError("unsupported_table", "System tables are not offered; use describe.")
        for one in (schema,) if schema else self._server.schemas:
            for facts in self._facts.values():
                relation = facts.relations.get((one, name))
                if relation is not None:
                    if (one, name) in facts.owned and not self._server.elevated:
                        raise SqlError(
                            "elevated_role",
                            "The source's role owns that table. Give it a role that may only read, "
                            "or set elevated = true.",
                        )
                    return relation
        raise SqlError("no_such_table", "No such table or view. Use describe to list them.")


def _column(said: tuple[str, str, str, list[str]]) -> RelationColumn:
    name, kind, category, made_of = said
    return RelationColumn(name, kind, _CATEGORIES.get(category, ""), tuple(made_of))


def _names(said: list[tuple[str, str, str]]) -> frozenset[Name]:
    names: set[Name] = set()
    for schema, table, column in said:
        names.add((schema, table))
        if column:
            names.add((schema, table, column))
    return frozenset(names)


_TABLES = """
SELECT n.nspname, c.relname, c.relkind::text, greatest(c.reltuples, 0)::int8, c.reltuples >= 0
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname = ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)
  AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.attgenerated <> '',
    coalesce((SELECT array_position(i.indkey::int2[], a.attnum) FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary), -1) + 1,
    coalesce((SELECT fc.relname || '(' || fa.attname || ')' FROM pg_constraint k
        JOIN pg_class fc ON fc.oid = k.confrelid
        JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = k.confkey[array_position(k.conkey, a.attnum)]
        WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey) LIMIT 1), ''),
    coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute a
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attnum
"""


def listed(connection: Connection, schemas: tuple[str, ...]) -> list[Table]:
    """Every table and view of these schemas that the role may read, with the planner's row estimate."""
    rows = connection.execute(_TABLES, [list(schemas)]).fetchall()
    return [
        Table(schema, name, _KINDS[kind], count if known and kind != "v" else None, ())
        for schema, name, kind, count, known in rows
    ]


def columns_of(connection: Connection, relation: Relation) -> Table:
    """One table with the columns that the role may read."""
    row = connection.execute(
        "SELECT c.oid::int8, c.reltuples::int8, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = $1 AND c.relname = $2",
        [relation.schema, relation.name],
    ).fetchone()
    if row is None:
        raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
    columns = tuple(
        Column(name, kind, nullable, place, generated, references, comment)
        for name, kind, nullable, generated, place, references, comment in connection.execute(
            _COLUMNS, [row[0]]
        ).fetchall()
    )
    count = row[1] if row[1] >= 0 and row[2] != "v" else None
    return Table(relation.schema, relation.name, relation.kind, count, columns)
