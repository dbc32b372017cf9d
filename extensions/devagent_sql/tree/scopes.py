"""Scopes: what stands in FROM, and which columns it offers."""

from collections.abc import Iterable

from sqlglot import exp

from devagent_sql.errors import SqlError
from devagent_sql.tree.relations import Relation

Outputs = list[str | None]
"""Names of a query's columns; None where only the engine knows."""

Expressions = dict[str, tuple[str, Outputs]]
"""Common table expressions in reach: the key of the name → the name that stands for it, and its outputs."""


class Reference:
    """One place where a relation of the catalog is read."""

    def __init__(self, node: exp.Table, relation: Relation, alias: str, *, grouped: bool) -> None:
        self.node = node
        self.relation = relation
        self.alias = alias
        self.grouped = grouped
        self.used: set[str] = set()
        self.starred = False
        self.renamed: tuple[str, ...] = ()

    def use_all(self) -> None:
        """All that a star shows."""
        self.starred = True
        self.used |= {column.name for column in self.relation.columns if not column.hidden}


class Source:
    """Something in a FROM clause. ``columns`` maps the key of a name to the name of the relation's column.

    ``loose``: a function, whose columns the engine knows better; its names stay unqualified. Of those
    that are not ``certain`` the engine may have none, and take a column of that name from elsewhere."""

    def __init__(
        self,
        name: str,
        columns: Iterable[tuple[str, str]],
        reference: Reference | None,
        *,
        loose: bool = False,
        certain: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.loose = loose
        self.certain = frozenset(certain)
        self.columns = dict(columns)
        self.reference = reference
        self.schema = (
            reference.relation.schema if reference and not reference.node.args.get("alias") else ""
        )

    @property
    def shown(self) -> list[str]:
        """The keys of the columns that a star shows, and that NATURAL joins by."""
        if self.reference is None:
            return list(self.columns)
        hidden = {column.name for column in self.reference.relation.columns if column.hidden}
        return [name for name, column in self.columns.items() if column not in hidden]

    def use(self, column: str) -> None:
        if self.reference is not None:
            self.reference.used.add(self.columns[column])

    def use_all(self) -> None:
        if self.reference is not None:
            self.reference.use_all()


class Scope:
    def __init__(self, outer: "Scope | None", ctes: Expressions, *, grouped: bool) -> None:
        self.outer = outer
        self.ctes = ctes
        self.grouped = grouped
        self.sources: list[Source] = []
        self.start = 0
        self.merged: dict[str, set[int]] = {}

    def visible(self, *, joined_only: bool) -> list[Source]:
        return self.sources[self.start :] if joined_only else self.sources


def with_names(outputs: Outputs, columns: list[str]) -> Outputs:
    return [*columns, *outputs[len(columns) :]]


def unsupported() -> SqlError:
    return SqlError("unsupported_syntax", "The statement uses a construct not allowed here.")


def no_such_column() -> SqlError:
    return SqlError("no_such_column", "No such column. Use describe with the table's name.")
