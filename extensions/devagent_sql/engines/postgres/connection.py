"""Connections that can only read, as a role that may do little, with a clock.

What a session is bound to: READ ONLY transactions, time limits for the statement, for locks and for
idling, a search path of ``pg_catalog`` and the source's schemas, and the extended protocol, which takes
one statement at a time.

Connecting costs ten times what a check does, so a connection is kept for the next call (``pool``). Each
call has a transaction of its own, with its own limits and path, and looks anew at who it is; what a call
left behind is undone before the next.
"""

import contextlib
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import adapters as default_adapters
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import FloatLoader, IntLoader
from psycopg.types.string import ByteaLoader, TextLoader

from devagent_sql.engines.pool import Pool
from devagent_sql.engines.port import Clock, Undecodable
from devagent_sql.engines.postgres.errors import translated
from devagent_sql.engines.watch import Watch
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server
from devagent_sql.tree.dialects import POSTGRES

Connection = psycopg.Connection[tuple[Any, ...]]

LONGEST_CONNECT_S = 10
_LONGEST_WAIT_FOR_LOCK_MS = 1_000
_IDLE_S = 60
_SETTLE_MS = 10_000
"""For our own statements before a call's limit is set."""
_NEVER_BY_ITSELF = 2**31
"""Runs of a statement after which psycopg prepares it unasked; with None it would not where it is asked either."""

_FIXED = {
    "bytea_output": "hex",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""In force from the start, and set anew in each transaction: a pooler may ignore what a connection asks for."""

_ALLOWED = "'{" + ",".join(sorted(POSTGRES.functions)) + "}'::text[]"
_PATH = f"""
    SELECT string_agg(quote_ident(w.name), ', ' ORDER BY w.at) FROM unnest($1::text[]) WITH ORDINALITY AS w (name, at)
    LEFT JOIN pg_namespace n ON n.nspname = w.name AND w.at > 1
    WHERE n.oid IS NULL OR NOT EXISTS (
            SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = ANY ({_ALLOWED})
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' OFFSET 0)
            OFFSET 0
        ) AND NOT EXISTS (
            SELECT FROM pg_operator o WHERE o.oprnamespace = n.oid
              AND EXISTS (SELECT FROM pg_operator b WHERE b.oprname = o.oprname AND b.oprnamespace = 'pg_catalog'::regnamespace OFFSET 0)
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e' OFFSET 0)
            OFFSET 0
        )
"""  # noqa: S608 — parts of our own
"""$1 but for the schemas in which somebody put a function or an operator of the name of one that is allowed.

OFFSET 0 keeps the planner from joining over the whole of pg_proc: this is asked twice a call."""
_SETTLED = f"""
    SELECT bool_or(r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole
        OR pg_has_role(r.oid, 'pg_read_server_files', 'USAGE') OR pg_has_role(r.oid, 'pg_write_server_files', 'USAGE')
        OR pg_has_role(r.oid, 'pg_execute_server_program', 'USAGE')),
        current_setting('server_encoding'), set_config('statement_timeout', $2, true), set_config('lock_timeout', $3, true),
        {", ".join(f"set_config('{name}', '{value}', true)" for name, value in _FIXED.items())},
        set_config('search_path', ({_PATH}), true)
    FROM pg_catalog.pg_roles AS r WHERE r.rolname IN (session_user, current_user)
""".encode()  # noqa: S608 — parts of our own
_SAME_PATH = f"SELECT ({_PATH}) = current_setting('search_path')".encode()
_RESET = (
    "CLOSE ALL",
    "UNLISTEN *",
    "RESET SESSION AUTHORIZATION",
    "RESET ALL",
    "SELECT pg_advisory_unlock_all()",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
)
"""DISCARD ALL but for prepared statements: our own look-ups stay prepared, nobody else can make any."""


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


def _is_fit(connection: Connection) -> bool:
    """Undo what a call left; False = the connection is not to be used again."""
    try:
        if not _rolled_back(connection):
            return False
        connection.autocommit = True
        connection.execute("; ".join(_RESET).encode(), prepare=False)
        connection.autocommit = False
    except psycopg.Error:
        return False
    return connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _rolled_back(connection: Connection) -> bool:
    """Undo the transaction. What a view's function does would stay with a commit, a READ ONLY one's as well (NOTIFY,
    large objects); after a rollback of its own psycopg would have every look-up prepared anew, so it is not told."""
    match connection.pgconn.transaction_status:
        case psycopg.pq.TransactionStatus.IDLE:
            return True
        case psycopg.pq.TransactionStatus.ACTIVE:
            return False
        case _:
            return connection.pgconn.exec_(b"ROLLBACK").status == psycopg.pq.ExecStatus.COMMAND_OK


POOL: Pool[Connection] = Pool(fit=_is_fit, close=lambda connection: connection.close())


@contextlib.contextmanager
def connected(
    server: Server, password: str | None, clock: Clock, *, writing: bool = False
) -> Generator[Connection]:
    """A connection within a transaction, which is rolled back at the end. Raises SqlError only.

    A kept connection that the server has closed meanwhile shows before anything was asked of it, and
    another is opened. One that breaks later is an error: the statement may be why it was ended.
    """
    clock.check()
    key = (server, password, writing)
    connection = POOL.take(key)
    if connection is not None:
        try:
            _settle(connection, server, clock)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            connection.close()
            connection = None
        except (psycopg.Error, SqlError) as error:
            connection.close()
            raise translated(error) from None
    if connection is None:
        connection = _opened(server, password, clock, writing=writing)

    def cancel() -> None:
        with contextlib.suppress(psycopg.Error):
            connection.cancel_safe(timeout=2)

    watch = Watch(clock, cancel)
    try:
        yield connection
    except (psycopg.Error, UnicodeError, MemoryError, SqlError) as error:
        raise translated(error) from None
    finally:
        if watch.ended():
            POOL.give_back(key, connection)
        else:
            connection.close()


def _opened(server: Server, password: str | None, clock: Clock, *, writing: bool) -> Connection:
    options = " ".join(
        f"-c {name}={value}"
        for name, value in (
            ("search_path", "pg_catalog"),
            ("statement_timeout", _SETTLE_MS),
            ("lock_timeout", _LONGEST_WAIT_FOR_LOCK_MS),
            ("idle_in_transaction_session_timeout", _IDLE_S * 1000),
            ("default_transaction_read_only", "off" if writing else "on"),
            *_FIXED.items(),
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
            prepare_threshold=_NEVER_BY_ITSELF,
            context=ADAPTERS,
            cursor_factory=psycopg.RawCursor,
        )
    except (psycopg.Error, UnicodeError, ValueError) as error:
        raise translated(error, connecting=True) from None
    try:
        connection.server_cursor_factory = psycopg.RawServerCursor
        if writing:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = not writing
        if _is_shared(connection):
            connection.prepare_threshold = None
        _settle(connection, server, clock)
    except (psycopg.Error, SqlError) as error:
        connection.close()
        raise translated(error) from None
    return connection


def _is_shared(connection: Connection) -> bool:
    """Whether a pooler stands between, which ignores what a connection asks for: the next transaction may be another
    session's, where nothing of ours is prepared."""
    row = connection.execute("SELECT current_setting('plan_cache_mode')", prepare=False).fetchone()
    return row != (_FIXED["plan_cache_mode"],)


def _settle(connection: Connection, server: Server, clock: Clock) -> None:
    """Begin: the path, the limits, and a look at who we are. Raises SqlError ``elevated_role``.

    Tables are written with their schemas; the path is for functions and operators. A schema where somebody put one of
    the name of one that is allowed, which might fit the statement's types better, is not on it; extensions may.
    """
    milliseconds = max(1, int(clock.left * 1000))
    row = connection.execute(
        _SETTLED,
        [
            _path(server),
            str(milliseconds),
            str(min(milliseconds, _LONGEST_WAIT_FOR_LOCK_MS)),
        ],
        prepare=True,
    ).fetchone()
    if row is None or row[0] is None or (row[0] and not server.elevated):
        raise SqlError(
            "elevated_role",
            "The source's role is a superuser, bypasses row security or may read the server's files. "
            "Give it a role that may only read, or set elevated = true.",
        )
    if row[1] == "SQL_ASCII":
        connection.execute("SELECT set_config('client_encoding', 'SQL_ASCII', false)")
        _texts(connection.adapters, _AnyTextLoader)


def _path(server: Server) -> list[str]:
    return ["pg_catalog", *server.schemas]


def prove_path(connection: Connection, server: Server) -> None:
    """Once a statement is planned, and so its functions are found: raises SqlError ``changed`` where one of the
    name of an allowed one came into a schema of the path since the call began."""
    row = connection.execute(_SAME_PATH, [_path(server)], prepare=True).fetchone()
    if row is None or not row[0]:
        raise SqlError("changed", "A function was put into the schema meanwhile. Try again.")
