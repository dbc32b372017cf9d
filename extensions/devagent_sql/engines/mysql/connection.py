"""Connections that can only read, as a login that may do little, with a clock.

What a session is bound to: READ ONLY transactions, time limits for the statement, for locks and for the
socket, UTF-8, the sql_mode in which the checked tree reads a text as the server does, one statement a
command, no files of this computer for the server (LOCAL INFILE is off), and ``information_schema`` as its
current database: there are no functions in it, so a call without a schema is the server's own or none.

Connections are kept for the next call (``pool``) and reset by the server's own command in between.
"""

import contextlib
import importlib
import ssl
from collections.abc import Generator
from typing import Any

from devagent_sql.engines.mysql.errors import translated
from devagent_sql.engines.mysql.rights import may_more
from devagent_sql.engines.mysql.rows import conversions
from devagent_sql.engines.mysql.session import Session
from devagent_sql.engines.mysql.transport import connected_socket, tls_arguments
from devagent_sql.engines.pool import Pool
from devagent_sql.engines.port import Clock
from devagent_sql.engines.watch import Watch
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server

LONGEST_CONNECT_S = 10
_LONGEST_WAIT_FOR_LOCK_S = 1
_COM_RESET_CONNECTION = 0x1F
_LARGEST_PACKET = 64 * 2**20

_HARMLESS_MODES = frozenset(
    [
        "ONLY_FULL_GROUP_BY",
        "STRICT_TRANS_TABLES",
        "STRICT_ALL_TABLES",
        "NO_ZERO_IN_DATE",
        "NO_ZERO_DATE",
        "ERROR_FOR_DIVISION_BY_ZERO",
        "NO_ENGINE_SUBSTITUTION",
        "NO_AUTO_CREATE_USER",
        "NO_UNSIGNED_SUBTRACTION",
        "NO_AUTO_VALUE_ON_ZERO",
        "ALLOW_INVALID_DATES",
        "PAD_CHAR_TO_FULL_LENGTH",
        "TIME_ROUND_FRACTIONAL",
        "TIME_TRUNCATE_FRACTIONAL",
        "NO_DIR_IN_CREATE",
    ]
)
"""Of the server's own modes these stay. ANSI_QUOTES, PIPES_AS_CONCAT, NO_BACKSLASH_ESCAPES, IGNORE_SPACE,
HIGH_NOT_PRECEDENCE, ORACLE … change what a text means: they are taken away."""


def _is_fit(session: Session) -> bool:
    raw = session.raw
    try:
        raw.rollback()
        raw._execute_command(_COM_RESET_CONNECTION, b"")
        raw._read_ok_packet()
    except Exception:
        return False
    return bool(raw.open)


def _close(session: Session) -> None:
    with contextlib.suppress(Exception):
        session.raw.close()


POOL: Pool[Session] = Pool(fit=_is_fit, close=_close)


@contextlib.contextmanager
def connected(
    server: Server, password: str | None, clock: Clock, *, writing: bool = False
) -> Generator[Session]:
    """A connection within a transaction, which is rolled back at the end. Raises SqlError only."""
    clock.check()
    key = (server, password, writing)
    session = POOL.take(key)
    if session is not None:
        try:
            _settle(session, server, clock, writing=writing)
        except SqlError:
            _close(session)
            raise
        except Exception:
            # The server closed it meanwhile; nothing was asked of it yet.
            _close(session)
            session = None
    if session is None:
        session = _opened(server, password, clock, writing=writing)

    def cancel() -> None:
        number = int(session.raw.thread_id())
        with contextlib.suppress(SqlError):
            other = _opened(server, password, Clock.of(5), writing=False)
            with contextlib.suppress(Exception):
                other.raw.query(f"KILL QUERY {number}")
            _close(other)

    watch = Watch(clock, cancel)
    try:
        yield session
    except SqlError:
        raise
    except Exception as error:
        # A driver in Python: whatever it stumbles over is told by class alone.
        told = translated(error)
        if clock.left <= 0 and told.error == "unreachable":
            told = SqlError("timeout", "The time limit was reached. Narrow the statement.")
        raise told from None
    finally:
        # Closed: where rows were left unread.
        if watch.ended() and session.raw.open:
            POOL.give_back(key, session)
        else:
            _close(session)


def _opened(server: Server, password: str | None, clock: Clock, *, writing: bool) -> Session:
    driver: Any = importlib.import_module("pymysql")
    seconds = max(2, min(LONGEST_CONNECT_S, int(clock.left) + 1))
    tls = tls_arguments(server)
    try:
        raw = driver.connect(
            host=server.host or "localhost",
            user=server.user or None,
            password=password or "",
            database="information_schema",
            charset="utf8mb4",
            conv=conversions(driver),
            autocommit=False,
            local_infile=False,
            client_flag=driver.constants.CLIENT.FOUND_ROWS,
            max_allowed_packet=_LARGEST_PACKET,
            read_timeout=seconds,
            write_timeout=LONGEST_CONNECT_S,
            program_name="devagent",
            defer_connect=True,
            **tls,
        )
        # The driver leaves a socket open that finds nobody.
        raw._secure = server.host.startswith("/")
        raw.connect(connected_socket(server, seconds))
    except ssl.SSLError:
        raise SqlError("unreachable", "The server's certificate is not trusted, or it offers no TLS.") from None  # fmt: skip
    except Exception as error:
        raise translated(error, connecting=True) from None
    session = Session(raw, False, "", False)
    try:
        version, modes, folding = session.rows("SELECT VERSION(), @@SESSION.sql_mode, @@lower_case_table_names")[0]  # fmt: skip
        kept = [mode for mode in str(modes).split(",") if mode in _HARMLESS_MODES]
        session = Session(raw, "mariadb" in str(version).lower(), ",".join(kept), bool(folding))
        _settle(session, server, clock, writing=writing)
        found = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        if not session.rows(found, [server.database]):
            raise SqlError("no_such_database", "The server has no database of that name, or the login may not see it.")  # fmt: skip
    except Exception as error:
        _close(session)
        raise translated(error) from None
    return session


def _settle(session: Session, server: Server, clock: Clock, *, writing: bool) -> None:
    """Begin: modes, limits, a look at who we are, the transaction. Raises SqlError ``elevated_role``."""
    seconds = max(0.001, clock.left)
    # The socket outlasts the statement's own limit a little.
    session.raw._read_timeout = seconds + 2
    limit = f"max_statement_time = {seconds:.3f}" if session.is_mariadb else f"max_execution_time = {int(seconds * 1000) or 1}"  # fmt: skip
    with session.raw.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute(
            f"SET SESSION sql_mode = %s, {limit}, lock_wait_timeout = %s, innodb_lock_wait_timeout = %s",
            (session.modes, _LONGEST_WAIT_FOR_LOCK_S, _LONGEST_WAIT_FOR_LOCK_S),
        )
    if not server.elevated and may_more(session):
        raise SqlError(
            "elevated_role",
            "The source's login may do more than read and change rows (FILE, SUPER, CREATE, DROP, the server's own tables …). "
            "Give it one that may only SELECT, or set elevated = true.",
        )
    session.raw.query("START TRANSACTION READ WRITE" if writing else "START TRANSACTION READ ONLY")
