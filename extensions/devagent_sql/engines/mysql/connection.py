"""Connections that can only read, as a login that may do little, with a clock.

What a session is bound to: READ ONLY transactions, time limits for the statement, for locks and for the
socket, UTF-8, the sql_mode in which the checked tree reads a text as the server does, one statement a
command, no files of this computer for the server (LOCAL INFILE is off), and ``information_schema`` as its
current database: there are no functions in it, so a call without a schema is the server's own or none.

Connections are kept for the next call (``pool``) and reset by the server's own command in between.
"""

import contextlib
import importlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from devagent_sql.engines.mysql.errors import translated
from devagent_sql.engines.pool import Pool
from devagent_sql.engines.port import Clock, Row
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

_HARMLESS_RIGHTS = frozenset(
    ("USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "INSERT", "UPDATE", "DELETE")
)
SYSTEM = ("mysql", "information_schema", "performance_schema", "sys", "ndbinfo")
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?P<on>\S+(?: \S+)?) TO ", re.DOTALL)
_TYPES = {
    0: "decimal", 1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 6: "null", 7: "timestamp", 8: "bigint",
    9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 15: "varchar", 16: "bit", 245: "json", 246: "decimal",
    247: "enum", 248: "set", 249: "text", 250: "text", 251: "text", 252: "text", 253: "varchar", 254: "char", 255: "geometry",
}  # fmt: skip
_INTEGERS, _FLOATS = (1, 2, 3, 8, 9, 13), (4, 5)
_BINARY = 63
"""The number of the character set of bytes."""


class Session(NamedTuple):
    """A connection (of the driver, which has no types), and what kind of server it leads to."""

    raw: Any
    is_mariadb: bool
    modes: str
    folds_tables: bool
    """Whether names of tables that differ in case alone are one."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a short answer."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            return list(cursor.fetchall() or ())


def conversions(driver: Any) -> dict[Any, Any]:
    """Numbers of the machine are read as such, all else as the server writes it, which loses nothing."""
    return {
        **driver.converters.encoders,
        **dict.fromkeys(_INTEGERS, int),
        **dict.fromkeys(_FLOATS, float),
    }


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
    tls = _tls(server)
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
        raw.connect(_socket(server, seconds))
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


def _socket(server: Server, seconds: int) -> socket.socket:
    if not server.host.startswith("/"):
        found = socket.create_connection((server.host or "localhost", server.port or 3306), seconds)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return found
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(seconds)
        found.connect(server.host)
    except OSError:
        found.close()
        raise
    return found


def is_local(host: str) -> bool:
    """A socket, or this computer."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(server: Server) -> dict[str, Any]:
    """As the source says; where it says nothing, in the clear on this computer and verified elsewhere."""
    wanted = server.tls or ("disable" if is_local(server.host) else "verify-full")
    if wanted == "disable":
        return {"ssl_disabled": True}
    if wanted not in ("require", "verify-ca", "verify-full"):
        raise SqlError("bad_settings", "tls must be disable, require, verify-ca or verify-full.")
    try:
        context = ssl.create_default_context(cafile=server.tls_root or None)
    except OSError:
        raise SqlError("bad_settings", "The file of tls_root cannot be read.") from None
    context.check_hostname = wanted == "verify-full"
    if wanted == "require":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


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
    if not server.elevated and any(map(_is_powerful, _grants(session))):
        raise SqlError(
            "elevated_role",
            "The source's login may do more than read and change rows (FILE, SUPER, CREATE, DROP, the server's own tables …). "
            "Give it one that may only SELECT, or set elevated = true.",
        )
    session.raw.query("START TRANSACTION READ WRITE" if writing else "START TRANSACTION READ ONLY")


def _grants(session: Session) -> list[str]:
    """What the login may do, its active roles' rights among them."""
    ((active,),) = session.rows("SELECT CURRENT_ROLE()")
    if session.is_mariadb or active in (None, "NONE"):
        rows = session.rows("SHOW GRANTS")
        if active not in (None, "NONE"):
            rows += session.rows("SHOW GRANTS FOR CURRENT_ROLE")
    else:
        # MySQL writes them as they stand after USING: `reader`@`%`, `writer`@`%`.
        rows = session.rows(f"SHOW GRANTS FOR CURRENT_USER() USING {active}")
    return [str(row[0]) for row in rows]


def _is_powerful(grant: str) -> bool:
    """Whether a line of SHOW GRANTS gives more than reading and changing rows outside the server's own schemas."""
    found = _GRANT.match(grant)
    if found is None:
        return not grant.startswith("GRANT `") and not grant.startswith("SET DEFAULT ROLE")
    rights = re.sub(r"\([^)]*\)", "", found["rights"])
    if {right.strip() for right in rights.split(",")} - _HARMLESS_RIGHTS or "GRANT OPTION" in grant:
        return True
    schema = found["on"].partition(".")[0].strip("`")
    # Whoever may read every schema may read the server's own: passwords among them.
    return (schema == "*" or schema in SYSTEM) and rights.strip() not in ("USAGE", "SHOW DATABASES")


def streamed(session: Session, sql: str) -> "Stream":
    """Run a statement, its rows not yet read."""
    driver: Any = importlib.import_module("pymysql.cursors")
    cursor = session.raw.cursor(driver.SSCursor)
    cursor.execute(sql)
    return Stream(session, cursor)


class Stream:
    """Rows as the server sends them."""

    def __init__(self, session: Session, cursor: Any) -> None:
        self._session = session
        self._cursor = cursor
        self._result = cursor._result
        fields = self._result.fields
        self.columns = tuple(str(field.name) for field in fields)
        self.types = tuple(map(_type_name, fields))
        bits = [place for place, field in enumerate(fields) if field.type_code == 16]
        for place in bits:
            self._result.converters[place] = (None, _bits)

    def fetch(self, count: int) -> list[Row]:
        """At most so many rows, fewer only at the end."""
        read = self._result._read_rowdata_packet_unbuffered
        rows: list[Row] = []
        while len(rows) < count and (row := read()) is not None:
            rows.append(row)
        return rows

    def end(self) -> None:
        """Leave the rest unread. The server would send it all, so then the connection goes."""
        if self._result.unbuffered_active:
            self._result.unbuffered_active = False
            self._session.raw._force_close()
        self._cursor.connection = None


def _type_name(field: Any) -> str:
    name = _TYPES.get(field.type_code, "other")
    if field.charsetnr == _BINARY and name in ("text", "varchar", "char"):
        return {"text": "blob", "varchar": "varbinary", "char": "binary"}[name]
    return name


def _bits(data: bytes) -> int:
    """BIT comes as bytes, the most significant first."""
    return int.from_bytes(data, "big")
