"""INSERT, UPDATE and DELETE of one table as checked trees, and what can be said of them beforehand."""

from typing import Any, NamedTuple, cast

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from devagent_sql.engines.port import NO_RULES, Name, Touched, Verb
from devagent_sql.errors import SqlError
from devagent_sql.tree import parse
from devagent_sql.tree.dialects import Dialect
from devagent_sql.tree.govern import Lookup, named_tables, read_by
from devagent_sql.tree.resolve import Resolver, normalise
from devagent_sql.tree.scopes import Reference
from devagent_sql.tree.shields import put

SAMPLED = 5
"""Rows that are shown as they were and as they will be."""

_DDL = frozenset(
    ["create", "drop", "alter", "truncate", "rename", "grant", "revoke", "comment", "reindex"]
)
_PARTS: dict[type[exp.Expr], set[str]] = {
    exp.Insert: {"this", "expression"},
    exp.Update: {"this", "expressions", "where"},
    exp.Delete: {"this", "where"},
}


class Change(NamedTuple):
    """A change that was checked. ``sample`` reads the rows it is about (empty for INSERT), ``columns`` of them;
    ``written`` are the columns that it sets. What the database changes besides is not in ``touched``."""

    verb: Verb
    text: str
    table: Name
    columns: tuple[str, ...]
    sample: str
    unbounded: bool
    written: tuple[str, ...]
    touched: Touched

    @property
    def facts(self) -> frozenset[str]:
        return frozenset({self.verb, *(["unbounded"] if self.unbounded else [])})


def is_definition(sql: str, dialect: Dialect) -> bool:
    return parse.tokenised(sql, dialect)[0].text.lower() in _DDL


def checked(sql: str, dialect: Dialect) -> exp.Insert | exp.Update | exp.Delete:
    """The tree of one change. Raises SqlError ``forbidden_statement`` for what is not of these three."""
    tokens = parse.tokenised(sql, dialect)
    if tokens[0].token_type not in (TokenType.INSERT, TokenType.UPDATE, TokenType.DELETE):
        raise _refusal()
    tree = parse.one_tree(tokens, sql, dialect)
    if not isinstance(tree, exp.Insert | exp.Update | exp.Delete):
        raise _refusal()
    if any(value for name, value in tree.args.items() if name not in _PARTS[type(tree)]):
        raise _refusal()
    for part in tree.iter_expressions():
        if isinstance(part, exp.Schema):
            if not all(isinstance(one, exp.Identifier) for one in part.expressions):
                raise _refusal()
            part = part.this
        parse.check_nodes(part, dialect)
    parse.check_sizes(tree)
    target = target_of(tree)
    if not isinstance(target.this, exp.Identifier) or target.args.get("alias"):
        raise _refusal()
    return tree


def target_of(tree: exp.Insert | exp.Update | exp.Delete) -> exp.Table:
    found = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(found, exp.Table):
        raise _refusal()
    return found


def is_unbounded(tree: exp.Insert | exp.Update | exp.Delete) -> bool:
    """An UPDATE or DELETE whose condition leaves no row out, as far as its form shows."""
    where = tree.args.get("where")
    return not isinstance(tree, exp.Insert) and (where is None or not _narrows(where.this))


def _narrows(condition: exp.Expr) -> bool:
    """Whether it compares a column with something other than itself; each side of an OR must."""
    match condition:
        case exp.Paren():
            return _narrows(condition.this)
        case exp.And():
            return _narrows(condition.this) or _narrows(condition.expression)
        case exp.Or():
            return _narrows(condition.this) and _narrows(condition.expression)
        case exp.Not():
            inner = condition.this.unnest()
            empty = isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)
            return not empty and _narrows(inner)
        case exp.Exists():
            where = condition.find(exp.Where)
            return where is not None and _narrows(where.this)
        case exp.Binary():
            sides = [condition.this.unnest(), condition.expression.unnest()]
            return sides[0] != sides[1] and condition.find(exp.Column) is not None
        case _:
            return condition.find(exp.Column) is not None


def verb_of(tree: exp.Insert | exp.Update | exp.Delete) -> Verb:
    match tree:
        case exp.Insert():
            return "insert"
        case exp.Update():
            return "update"
        case _:
            return "delete"


def govern_change(sql: str, dialect: Dialect, lookup: Lookup, key: tuple[str, ...]) -> Change:
    """The change with every name resolved; ``key`` are the columns that rows are told apart by."""
    tree = checked(sql, dialect)
    unbounded = is_unbounded(tree)
    relations = lookup(named_tables(tree, dialect))
    normalise(tree, dialect)
    target = target_of(tree)
    relation = relations.find(target.text("db"), target.name)
    if relation.kind != "table":
        raise SqlError("unsupported_table", "Only tables are changed here.")
    resolver = Resolver(relations, dialect)
    written = _set_columns(tree)
    unknown = [name for name in written if relation.column(name) is None]
    if unknown:
        raise SqlError("no_such_column", "No such column. Use describe with the table's name.")
    shown = tuple(dict.fromkeys((*key, *(written if isinstance(tree, exp.Update) else ()))))
    if isinstance(tree, exp.Insert):
        # Columns that are not listed get their defaults: they are set as well.
        written = tuple(column.name for column in relation.columns)
    references = _resolved(tree, target, resolver)
    if resolver.guessed:
        raise SqlError(
            "unsupported_syntax", "A name may be a function's or a column: use column aliases."
        )
    for reference in references:
        put(reference, NO_RULES, dialect, None)
    target.set("db", exp.to_identifier(relation.schema, quoted=True))
    where = tree.args.get("where")
    sample = ""
    if not isinstance(tree, exp.Insert) and shown:
        select = exp.Select(
            expressions=[exp.Column(this=exp.to_identifier(name, quoted=True)) for name in shown],
            from_=exp.From(this=target.copy()),
            limit=exp.Limit(expression=exp.Literal.number(SAMPLED)),
        )
        if where is not None:
            select.set("where", where.copy())
        sample = parse.written(select, dialect)
    table = (relation.schema, relation.name)
    writes: set[Name] = {table, *((*table, name) for name in written)}
    reads = set(read_by(resolver.references).reads) - {table}
    reads |= {(*table, name) for name in shown if sample}
    text = parse.spoken(tree, dialect)
    return Change(
        verb_of(tree),
        text,
        table,
        shown,
        sample,
        unbounded,
        written,
        Touched(frozenset(reads), frozenset(writes)),
    )


def _set_columns(tree: exp.Insert | exp.Update | exp.Delete) -> tuple[str, ...]:
    if isinstance(tree, exp.Insert):
        schema = tree.this
        return (
            tuple(one.name for one in schema.expressions) if isinstance(schema, exp.Schema) else ()
        )
    if isinstance(tree, exp.Delete):
        return ()
    names: list[str] = []
    for one in cast("list[exp.Expr]", tree.expressions):
        if not isinstance(one, exp.EQ) or not isinstance(one.this, exp.Column) or one.this.table:
            raise _refusal()
        names.append(one.this.name)
    return tuple(names)


def _resolved(
    tree: exp.Insert | exp.Update | exp.Delete, target: exp.Table, resolver: Resolver
) -> list[Reference]:
    """Resolve what the change reads, as a SELECT from its table would; the references but the table's own."""
    if isinstance(tree, exp.Insert):
        if isinstance(tree.expression, exp.Values | exp.Query):
            resolver.query(tree.expression, None, {})
        else:
            raise _refusal()
        return list(resolver.references)
    values = [one.expression for one in tree.expressions] if isinstance(tree, exp.Update) else []
    where: Any = tree.args.get("where")
    standing = target.copy()
    # The nodes are moved into the SELECT while it is resolved, and back again.
    select = exp.Select(
        expressions=[exp.Paren(this=one) for one in values], from_=exp.From(this=standing)
    )
    if where is not None:
        select.set("where", where)
    resolver.query(select, None, {})
    for one, value in zip(tree.expressions, select.expressions, strict=False):
        one.set("expression", value.this)
    if where is not None:
        tree.set("where", select.args["where"])
    return [one for one in resolver.references if one.node is not standing]


def _refusal() -> SqlError:
    return SqlError(
        "forbidden_statement",
        "Only INSERT … VALUES or SELECT, UPDATE … SET … WHERE and DELETE … WHERE of one table are run here.",
    )
