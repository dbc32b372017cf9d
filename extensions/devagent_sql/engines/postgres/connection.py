"""A connection that can only read, as a role that may do little, with a clock.

What the session is bound to: a READ ONLY transaction of one snapshot, time limits for the statement,
for locks and for idling, a search path of ``pg_catalog`` and the source's schemas, and the extended
protocol, which takes one statement at a time.
"""

import contextlib
import threading
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import adapters as default_adapters
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import FloatLoader, IntLoader
from psycopg.types.string import ByteaLoader, TextLoader

from devagent_sql.engines.port import Clock, Undecodable
from devagent_sql.engines.postgres.errors import translated
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server

LONGEST_CONNECT_S = 10
_LONGEST_WAIT_FOR_LOCK_MS = 1_000
_IDLE_S = 60
_POWERFUL = """
    SELECT r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole OR pg_has_role(oid, 'pg_read_all_data', 'USAGE') AND r.rolsuper
        OR pg_has_role(oid, 'pg_read_server_files', 'USAGE') OR pg_has_role(oid, 'pg_write_server_files', 'USAGE')
        OR pg_has_role(oid, 'pg_execute_server_program', 'USAGE'),
        current_setting('server_encoding')
    FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user
"""


class _AnyTextLoader(Loader):
    """For databases that hold bytes of no declared encoding."""

    def load(self, data: Any) -> Any:
        raw = bytes(data)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return Undecodable(raw)


def _texts(adapters: AdaptersMap, loader: type[Loader]) -> None:
    """Let this loader read every type but numbers of the machine, truth and bytes."""
    for info in default_adapters.types:
        if info.name not in _OWN_LOADERS:
            adapters.register_loader(info.oid, loader)
        if info.array_oid:
            adapters.register_loader(info.array_oid, loader)
    adapters.register_loader(0, loader)


_OWN_LOADERS = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), IntLoader),
    **dict.fromkeys(("float4", "float8"), FloatLoader),
    "bool": BoolLoader,
    "bytea": ByteaLoader,
}


def _adapters() -> AdaptersMap:
    """All but the types above as PostgreSQL writes it, which loses nothing."""
    found = AdaptersMap(default_adapters)
    _texts(found, TextLoader)
    for name, loader in _OWN_LOADERS.items():
        found.register_loader(name, loader)
    return found


ADAPTERS = _adapters()


@contextlib.contextmanager
def connected(
    server: Server, password: str | None, clock: Clock, *, writing: bool = False
) -> Generator["psycopg.Connection[tuple[Any, ...]]"]:
    """A connection within a transaction, closed at the end. Raises SqlError only."""
    clock.check()
    milliseconds = max(1, int(clock.left * 1000))
    options = " ".join(
        f"-c {name}={value}"
        for name, value in (
            ("statement_timeout", milliseconds),
            ("lock_timeout", min(milliseconds, _LONGEST_WAIT_FOR_LOCK_MS)),
            ("idle_in_transaction_session_timeout", _IDLE_S * 1000),
            ("default_transaction_read_only", "off" if writing else "on"),
            ("bytea_output", "hex"),
            ("DateStyle", "ISO"),
            ("IntervalStyle", "postgres"),
            ("extra_float_digits", 1),
            ("jit", "off"),
        )
    )
    settings: dict[str, Any] = {
        name: value
        for name, value in (
            ("host", server.host),
            ("port", server.port or None),
            ("dbname", server.database),
            ("user", server.user),
            ("password", password),
            ("sslmode", server.tls or None),
            ("sslrootcert", server.tls_root or None),
        )
        if value
    }
    try:
        connection = psycopg.connect(
            **settings,
            connect_timeout=max(2, min(LONGEST_CONNECT_S, int(clock.left) + 1)),
            options=options,
            application_name="devagent",
            client_encoding="UTF8",
            keepalives=1,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=30_000,
            prepare_threshold=None,
            context=ADAPTERS,
            cursor_factory=psycopg.RawCursor,
        )
    except (psycopg.Error, UnicodeError, ValueError) as error:
        raise translated(error, connecting=True) from None
    done = threading.Event()
    try:
        connection.server_cursor_factory = psycopg.RawServerCursor
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = not writing
        _watch(connection, clock, done)
        _settle(connection, server)
        yield connection
    except (psycopg.Error, UnicodeError, MemoryError, SqlError) as error:
        raise translated(error) from None
    finally:
        done.set()
        # Closing rolls back what was not committed.
        connection.close()


def _settle(connection: "psycopg.Connection[tuple[Any, ...]]", server: Server) -> None:
    """The search path, and a look at who we are. Raises SqlError ``elevated_role``."""
    path = ", ".join(
        ["pg_catalog", *('"' + one.replace('"', '""') + '"' for one in server.schemas)]
    )
    row = connection.execute(
        f"{_POWERFUL.strip()} AND set_config('search_path', $1, false) IS NOT NULL", [path]
    ).fetchone()
    if row is None or (row[0] and not server.elevated):
        raise SqlError(
            "elevated_role",
            "The source's role is a superuser, bypasses row security or may read the server's files. "
            "Give it a role that may only read, or set elevated = true.",
        )
    if row[1] == "SQL_ASCII":
        connection.execute("SELECT set_config('client_encoding', 'SQL_ASCII', false)")
        _texts(connection.adapters, _AnyTextLoader)


def _watch(
    connection: "psycopg.Connection[tuple[Any, ...]]", clock: Clock, done: threading.Event
) -> None:
    """Cancel what runs when the caller no longer waits. The thread ends with the call."""
    cancelled = clock.cancelled
    if cancelled is None:
        return

    def wait() -> None:
        if cancelled.wait(clock.left + 1) and not done.is_set():
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=2)

    threading.Thread(target=wait, name="sql-cancel", daemon=True).start()
