"""The statement that runs: written anew from its checked tree, its outputs named as SQLite would have.

What a statement reads is SQLite's own word (see ``guard`` and ``program``), on the text that is made here.
"""

from typing import NamedTuple

from sqlglot import exp

from devagent_sql.engines.port import Rules
from devagent_sql.engines.sqlite.catalog import Catalog
from devagent_sql.engines.sqlite.lexer import Token, tokens
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree import parse
from devagent_sql.tree.dialects import SQLITE
from devagent_sql.tree.groups import keep_large
from devagent_sql.tree.relations import Relation
from devagent_sql.tree.scopes import Reference

_PLAN = "EXPLAIN QUERY PLAN "


class Regenerated(NamedTuple):
    """``text`` is the statement; ``unqualified`` the same without ``main.``; ``ctes`` the folded names in WITH.
    ``is_plan``: the statement asks for a plan alone."""

    text: str
    unqualified: str
    ctes: frozenset[str]
    is_plan: bool


def regenerated(sql: str, catalog: Catalog, rules: Rules) -> Regenerated:
    """Raises SqlError of the classes of ``tree.parse`` and ``small_group``."""
    found = list(tokens(sql))
    words = [token.text if token.kind == "word" else "" for token in found[:4]]
    plan = words[:3] == ["explain", "query", "plan"] and len(found) > 3
    statement = sql[found[3].start :] if plan else sql
    if words[:1] == ["table"]:
        raise SqlError("forbidden_statement", "Only SELECT, WITH and VALUES are run here.")
    tree = parse.statement(statement, SQLITE)
    parse.check_sizes(tree)
    _name_outputs(tree, statement)
    ctes = frozenset(fold(cte.alias) for cte in tree.find_all(exp.CTE))
    if rules.min_group:
        keep_large(_references(tree, catalog, ctes), rules.min_group)
    text = parse.written(tree, SQLITE)
    for node in tree.find_all(exp.Table, exp.Column):
        if fold(node.text("db")) == "main":
            node.set("db", None)
    unqualified = parse.written(tree, SQLITE)
    prefix = _PLAN if plan else ""
    return Regenerated(prefix + text, prefix + unqualified, ctes, plan)


def _references(tree: exp.Query, catalog: Catalog, ctes: frozenset[str]) -> list[Reference]:
    """The tables of the database that are read, for the small-group rule."""
    found: list[Reference] = []
    for node in tree.find_all(exp.Table):
        name = fold(node.name)
        member = catalog.members.get(name)
        if name in ctes and member is not None:
            raise SqlError("small_group", "A name in WITH is that of a table: choose another.")
        if member is not None:
            relation = Relation("main", member.name, member.kind, ())
            found.append(Reference(node, relation, node.alias_or_name, grouped=False))
        elif name not in ctes:
            raise SqlError(
                "small_group", "Policy gives only counts, sums and averages over tables."
            )
    return found


def _name_outputs(tree: exp.Query, sql: str) -> None:
    """Outputs that are no columns and have no name are named by their text, as SQLite does."""
    node: exp.Expr = tree
    while isinstance(node, exp.SetOperation):
        node = node.this
    if not isinstance(node, exp.Select):
        return
    texts = _output_texts(sql)
    if len(texts) != len(node.expressions):
        return
    for one, text in zip(list(node.expressions), texts, strict=True):
        if not isinstance(one, exp.Alias | exp.Column | exp.Star):
            name = exp.Identifier(this=text, quoted=True)
            one.replace(exp.Alias(this=one.copy(), alias=name))


def _output_texts(sql: str) -> list[str]:
    """The texts between the commas of the first SELECT that is in no parentheses."""
    depth, start = 0, -1
    texts: list[str] = []
    found = list(tokens(sql))
    for at, token in enumerate(found):
        if token.kind == "sign" and token.text in "([":
            depth += 1
        elif token.kind == "sign" and token.text in ")]":
            depth -= 1
        if depth:
            continue
        if start < 0:
            if token.kind == "word" and token.text == "select":
                start = _after(found, at, sql)
        elif token.kind == "sign" and token.text == ",":
            texts.append(sql[start : token.start].strip())
            start = token.start + 1
        elif (token.kind == "sign" and token.text == ";") or (
            token.kind == "word" and token.text in _AFTER_OUTPUTS
        ):
            return [*texts, sql[start : token.start].strip()]
    return [*texts, sql[start:].strip()] if start >= 0 else texts


_AFTER_OUTPUTS = frozenset(
    ["from", "where", "group", "having", "order", "limit", "union", "except", "intersect", "window"]
)


def _after(found: list[Token], at: int, sql: str) -> int:
    following = found[at + 1] if at + 1 < len(found) else None
    if following is not None and following.kind == "word" and following.text in ("distinct", "all"):
        following = found[at + 2] if at + 2 < len(found) else None
    return following.start if following is not None else len(sql)
