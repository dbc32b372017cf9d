"""The configured databases: ``settings["sources"]`` read once, strictly."""

import os.path
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from devagent_sql.errors import SqlError
from devagent_sql.names import Name, matches, parts_of, resource_id

_COMMON = {"type", "env", "owner", "description", "tags", "effects"}
_FILE_KEYS = {"path"}
_SERVER_KEYS = {
    "host",
    "port",
    "database",
    "user",
    "secret",
    "tls",
    "tls_root",
    "schemas",
    "elevated",
}
_WAREHOUSE_KEYS = {
    "account",
    "host",
    "http_path",
    "warehouse",
    "location",
    "database",
    "role",
    "user",
    "login",
    "secret",
    "schemas",
    "most_bytes",
}
WAREHOUSES = ("snowflake", "databricks", "bigquery")
FILES = {"sqlite": "sqlite", "duckdb": "duckdb"}
SERVERS = {"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}
"""What ``type`` may say, and which engine that is."""


class Server(NamedTuple):
    """Where a database server is and who logs in; ``secret`` is the handle of the password, never itself.

    ``schemas`` are searched in this order for names without one. ``elevated`` permits a role that is a
    superuser or owns the tables. ``tls`` is the driver's word (``verify-full``, ``require``, …).
    """

    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    secret: str = ""
    tls: str = ""
    tls_root: str = ""
    schemas: tuple[str, ...] = ("public",)
    elevated: bool = False


class Warehouse(NamedTuple):
    """Where a warehouse is and who logs in. ``database`` is Databricks' catalog, BigQuery's project; ``login``
    is password (empty) or oauth; ``most_bytes`` what one statement of BigQuery may read, 0 = no bound."""

    database: str = ""
    schemas: tuple[str, ...] = ()
    account: str = ""
    host: str = ""
    http_path: str = ""
    warehouse: str = ""
    location: str = ""
    role: str = ""
    user: str = ""
    login: str = ""
    secret: str = ""
    most_bytes: int = 0


class Source(NamedTuple):
    """One database. ``tags`` are pairs of a resource pattern and the labels it gives; ``effects`` of a
    pattern of tables and what the database's own code changes besides when one of them is changed."""

    name: str
    type: str
    path: str
    env: str = ""
    owner: str = ""
    description: str = ""
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    server: Server = Server()
    warehouse: Warehouse = Warehouse()
    effects: tuple[tuple[str, tuple[Name, ...]], ...] = ()

    @property
    def secret(self) -> str:
        """The handle of the password or token; empty = none."""
        return self.server.secret or self.warehouse.secret

    def tags_of(self, resource: str) -> list[str]:
        """The labels of a resource id, sorted, each once."""
        return sorted(
            {tag for pattern, tags in self.tags if matches(pattern, resource) for tag in tags}
        )

    def effects_of(self, schema: str, table: str) -> frozenset[Name] | None:
        """What was declared of a table; None = nothing was."""
        name = self.table_id(schema, table)
        found = [names for pattern, names in self.effects if matches(pattern, name)]
        return frozenset(one for names in found for one in names) if found else None

    def table_id(self, schema: str, table: str) -> str:
        return resource_id("table", self.name, schema, table)

    def column_id(self, schema: str, table: str, column: str) -> str:
        return resource_id("column", self.name, schema, table, column)

    @property
    def id(self) -> str:
        return resource_id("source", self.name)


def _table(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SqlError("bad_settings", f"{what} must be a table of the settings.")
    return cast("Mapping[str, Any]", value)


def _text(entry: Mapping[str, Any], key: str, what: str) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str) or "\0" in value:
        raise SqlError("bad_settings", f"{what}: {key} must be a text.")
    return value


def _tags(entry: Mapping[str, Any], what: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for pattern, tags in _table(entry.get("tags", {}), f"{what}: tags").items():
        if pattern.partition(":")[0] not in ("source", "table", "column"):
            raise SqlError(
                "bad_settings", f"{what}: tags are for source:, table: or column: patterns."
            )
        listed = cast("list[object]", tags) if isinstance(tags, list) else [None]
        labels = tuple(tag for tag in listed if isinstance(tag, str))
        if len(labels) != len(listed):
            raise SqlError(
                "bad_settings", f"{what}: the tags of a pattern must be a list of texts."
            )
        found.append((pattern, labels))
    return tuple(found)


def _effects(
    entry: Mapping[str, Any], source: str, what: str
) -> tuple[tuple[str, tuple[Name, ...]], ...]:
    found: list[tuple[str, tuple[Name, ...]]] = []
    for pattern, effects in _table(entry.get("effects", {}), f"{what}: effects").items():
        listed = cast("list[object]", effects) if isinstance(effects, list) else [None]
        names = tuple(_effect(one, source) for one in listed)
        if not pattern.startswith("table:") or None in names:
            raise SqlError(
                "bad_settings",
                f"{what}: effects are lists of table:{source}.SCHEMA.TABLE and column: names, by table: patterns.",
            )
        found.append((pattern, tuple(one for one in names if one is not None)))
    return tuple(found)


def _effect(value: object, source: str) -> Name | None:
    try:
        kind, parts = parts_of(value) if isinstance(value, str) else ("", ())
    except ValueError:
        return None
    match kind, parts:
        case "table", (name, schema, table) if name == source:
            return schema, table
        case "column", (name, schema, table, column) if name == source:
            return schema, table, column
        case _:
            return None


def read_sources(settings: Mapping[str, Any]) -> dict[str, Source]:
    """All sources by name, in the order of the settings. Raises SqlError ``bad_settings``."""
    return {
        name: _source(name, value)
        for name, value in _table(settings.get("sources", {}), "sources").items()
    }


def _source(name: str, value: object) -> Source:
    what = f"Source {name!r}"
    entry = _table(value, what)
    kind = _text(entry, "type", what) or "sqlite"
    served = kind in SERVERS
    # The keys of an engine that is not known are its own; whoever calls it hears that there is none.
    stored = kind in WAREHOUSES
    known = _COMMON | (_SERVER_KEYS if served else _WAREHOUSE_KEYS if stored else _FILE_KEYS)
    unknown = sorted(set(entry) - known)
    if unknown:
        raise SqlError("bad_settings", f"{what}: unknown key {unknown[0]!r}.")
    source = Source(
        name,
        SERVERS.get(kind, kind),
        _text(entry, "path", what),
        _text(entry, "env", what),
        _text(entry, "owner", what),
        _text(entry, "description", what),
        _tags(entry, what),
        _server(entry, what, SERVERS[kind]) if served else Server(),
        _warehouse(entry, what, kind) if stored else Warehouse(),
        _effects(entry, name, what),
    )
    if not served and not stored and not source.path:
        raise SqlError("bad_settings", f"{what}: path is missing.")
    return source


def _server(entry: Mapping[str, Any], what: str, kind: str) -> Server:
    port, elevated = entry.get("port", 0), entry.get("elevated", False)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65_536:
        raise SqlError("bad_settings", f"{what}: port must be a number to 65535.")
    if not isinstance(elevated, bool):
        raise SqlError("bad_settings", f"{what}: elevated must be true or false.")
    database = _text(entry, "database", what)
    if not database:
        raise SqlError("bad_settings", f"{what}: database is missing.")
    names = _schemas(entry, what, ["public"] if kind == "postgres" else [database])
    texts = [_text(entry, key, what) for key in ("host", "user", "secret", "tls", "tls_root")]
    host, user, secret, tls, tls_root = texts
    return Server(host, port, database, user, secret, tls, tls_root, names, elevated)


def _schemas(entry: Mapping[str, Any], what: str, default: list[str]) -> tuple[str, ...]:
    listed: object = entry.get("schemas", default)
    schemas = cast("list[object]", listed) if isinstance(listed, list) else []
    names = tuple(one for one in schemas if isinstance(one, str) and one and "\0" not in one)
    if not names or len(names) != len(schemas):
        raise SqlError("bad_settings", f"{what}: schemas must be a list of names.")
    return names


def _warehouse(entry: Mapping[str, Any], what: str, kind: str) -> Warehouse:
    needed = {
        "snowflake": ("account", "database"),
        "databricks": ("host", "http_path", "database"),
        "bigquery": ("database",),
    }
    for name in needed[kind]:
        if not _text(entry, name, what):
            raise SqlError("bad_settings", f"{what}: {name} is missing.")
    most = entry.get("most_bytes", 0)
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise SqlError("bad_settings", f"{what}: most_bytes must be a number.")
    login = _text(entry, "login", what)
    if login not in ("", "oauth"):
        raise SqlError("bad_settings", f"{what}: login must be oauth, or left out for a password.")
    texts = {
        name: _text(entry, name, what)
        for name in ("database", "account", "host", "http_path", "warehouse", "location", "role", "user", "secret")
    }  # fmt: skip
    schemas = _schemas(entry, what, ["PUBLIC"] if kind == "snowflake" else [])
    return Warehouse(schemas=schemas, login=login, most_bytes=most, **texts)


def find_source(settings: Mapping[str, Any], name: str) -> Source:
    """The source of that exact name. Raises SqlError ``unknown_source`` or ``bad_settings``."""
    sources = read_sources(settings)
    if name not in sources:
        raise SqlError("unknown_source", "No source of that name. Use sources to list them.")
    return sources[name]


def database_file(source: Source, folder: str) -> str:
    """The real path of a file source.

    A relative path must stay in the workspace once its links are followed: whoever can write there
    could otherwise swap the database for any other file. An absolute path is taken as configured.
    Raises SqlError ``no_such_database``, ``outside_workspace`` or ``not_a_database``.
    """
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, source.path))
    if not os.path.isabs(source.path) and os.path.commonpath([root, path]) != root:
        raise SqlError(
            "outside_workspace",
            f"The file of source {source.name!r} leads out of the workspace; "
            "configure its absolute path if that is meant.",
        )
    if not os.path.exists(path):
        raise SqlError("no_such_database", f"The file of source {source.name!r} does not exist.")
    if not os.path.isfile(path):
        raise SqlError("not_a_database", f"Source {source.name!r} is not a regular file.")
    return path
