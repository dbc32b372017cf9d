"""What lies beneath a view, found out from its definition as the catalog shows it."""

from devagent_sql.errors import SqlError
from devagent_sql.tree.dialects import Dialect
from devagent_sql.tree.govern import DEEPEST_VIEWS, read_by
from devagent_sql.tree.relations import Relation, Relations
from devagent_sql.tree.resolve import Resolver
from devagent_sql.tree.shields import view_query


class Beneath:
    """For catalogs that keep no record of what a view reads. ``relations`` finds the tables that it names,
    and asks here in turn for the views among them."""

    def __init__(self, dialect: Dialect, relations: Relations) -> None:
        self._dialect = dialect
        self._relations = relations
        self._known: dict[tuple[str, str], Relation] = {}
        self._opening: list[tuple[str, str]] = []

    def of(self, view: Relation) -> Relation:
        """The view with all that its query reads. Raises SqlError ``unsupported_table`` where that is not seen."""
        place = (view.schema, view.name)
        if place not in self._known:
            if len(self._opening) >= DEEPEST_VIEWS or place in self._opening:
                raise SqlError("too_large", "Views are nested too deeply.")
            self._opening.append(place)
            try:
                resolver = Resolver(self._relations, self._dialect)
                resolver.statement(view_query(view, self._dialect))
            except SqlError as error:
                if error.error == "too_large":
                    raise
                raise SqlError(
                    "unsupported_table",
                    "That view's definition, or a table that it reads, is not shown to this login or not understood.",
                ) from None
            finally:
                self._opening.pop()
            self._known[place] = view._replace(beneath=read_by(resolver.references).reads)
        return self._known[place]
