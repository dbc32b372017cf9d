"""The child process as its parent sees it: asked by messages, killed when the time is over.

Starting Python and DuckDB takes longer than most statements, so a child waits for the next call of the same
owner, for a minute at most. It waits with no file open: it keeps nobody from writing to the database, and
nothing of one call is left for the next.
"""

import contextlib
import os
import select
import struct
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from devagent_sql.engines.pool import Pool
from devagent_sql.engines.port import Clock, Row
from devagent_sql.errors import ErrorClass, SqlError

_CHILD = Path(__file__).with_name("child.py")
_BY_CLASS: dict[str, tuple[ErrorClass, str]] = {
    "NotAQuery": ("not_a_query", "Only statements that read are run here."),
    "ParserException": ("syntax", "The statement is not valid DuckDB."),
    "BinderException": ("type_mismatch", "A name or a type does not fit: qualify columns, add casts."),
    "CatalogException": ("no_such_table", "No such table, view or function."),
    "ConversionException": ("bad_value", "A value cannot be cast as asked."),
    "OutOfRangeException": ("bad_value", "A value is out of range."),
    "InvalidInputException": ("bad_value", "A value cannot be computed as asked."),
    "OutOfMemoryException": ("too_large", "The statement needs too much memory."),
    "MemoryError": ("too_large", "The statement needs too much memory."),
    "PermissionException": ("forbidden_statement", "Only plain queries are run here."),
    "IOException": ("cannot_open", "The database file cannot be opened for reading; is it open for writing elsewhere?"),
    "NotADatabaseError": ("not_a_database", "The file is not a DuckDB database."),
    "SerializationException": ("not_a_database", "The file is not a DuckDB database of this version."),
}  # fmt: skip

_HEAD = struct.Struct(">I")
_AHEAD = 2
"""Messages of rows that are asked for before they are needed: the child makes them while they are used here."""
_LARGEST_MESSAGE = 256 * 2**20
_LONGEST_WAIT_S = 0.1
"""Until a call that nobody wants any more is noticed."""
_LONGEST_CLOSE_S = 5.0
"""It takes milliseconds, on a busy machine more; a child that does not come back is killed."""
_BIG = 1


def _whole(kind: int, data: memoryview) -> int:
    if kind != _BIG:
        raise ValueError
    return int(bytes(data))


_ROWS = msgspec.msgpack.Decoder(list[tuple[Any, ...]], ext_hook=_whole)
_TOLD = msgspec.msgpack.Decoder(dict[str, Any])


class Child:
    """One running child. A call takes it (``begin``), asks, and leaves it with no file open (``end``)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 — a file of this package
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            bufsize=0,
            close_fds=True,
            start_new_session=True,
        )
        to, from_ = self.process.stdin, self.process.stdout
        if to is None or from_ is None:  # as the types have it
            raise OSError
        self._to, self._from = to, from_
        self._answers = select.poll()
        self._answers.register(self._from, select.POLLIN)
        self._awaited = 0
        self._rows: list[Row] = []
        self._clock = Clock.of(0)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def begin(self, path: str, clock: Clock) -> None:
        """Open the file. Raises SqlError, ConnectionError where the child died while it waited."""
        self._clock = clock
        try:
            self.send({"do": "open", "path": path})
            answer = self._received()
        except EOFError:
            raise ConnectionError from None
        _checked(answer)

    def end(self) -> bool:
        """Whether it may serve another call: the file is closed and nothing is under way."""
        self._clock = Clock.of(_LONGEST_CLOSE_S)
        try:
            self.send({"do": "close"})
            self._drop_rows()
            return _TOLD.decode(self._received()) == {}
        except (SqlError, OSError, EOFError, msgspec.MsgspecError):
            return False

    def kill(self) -> None:
        self.process.kill()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()

    def ask(self, **asked: Any) -> dict[str, Any]:
        """The answer. Raises SqlError of its class, ``timeout``, or ``too_large`` where the child died."""
        with self._dying():
            self._drop_rows()
            self.send(asked)
            return _checked(self._received())

    def run(self, sql: str, key: str | None, most_rows: int) -> tuple[tuple[str, ...], tuple[str, ...]]:  # fmt: skip
        """Run a statement, of which no more than so many rows will be fetched: its columns and their types."""
        told = self.ask(do="run", sql=sql, key=key, most=most_rows)
        with self._dying():
            self._send_ahead()
        return tuple(told["columns"]), tuple(told["types"])

    def fetch(self, count: int) -> list[Row]:
        """At most so many rows, fewer only at the end. Raises as ``ask``."""
        with self._dying():
            rows = self._rows
            while len(rows) < count and self._awaited:
                message = self._received()
                self._awaited -= 1
                if message[0] >> 4 == 8:  # a small table: an error; rows are a list
                    _checked(message)
                if message == b"\x90":  # no more; what was asked for besides is as empty
                    continue
                self._send_ahead()
                found = _ROWS.decode(message)
                rows = rows + found if rows else found
        if len(rows) <= count:
            self._rows = []
            return rows
        self._rows = rows[count:]
        return rows[:count]

    def _drop_rows(self) -> None:
        """Those that were asked for and are not wanted any more."""
        self._rows = []
        while self._awaited:
            self._received()
            self._awaited -= 1

    def _send_ahead(self) -> None:
        while self._awaited < _AHEAD:
            self.send({"do": "more"})
            self._awaited += 1

    def send(self, asked: dict[str, Any]) -> None:
        """Ask without waiting for the answer. Raises OSError."""
        text = msgspec.msgpack.encode(asked)
        left = memoryview(_HEAD.pack(len(text)) + text)
        while left:
            left = left[self._to.write(left) or 0 :]

    def _received(self) -> bytes:
        (size,) = _HEAD.unpack(self._read(_HEAD.size))
        if size > _LARGEST_MESSAGE:
            raise SqlError("too_large", "A value is too large.")
        return self._read(size)

    def _read(self, size: int) -> bytes:
        """Raises EOFError where the child died, SqlError ``timeout`` where it does not answer in time."""
        chunks: list[bytes] = []
        while size > 0:
            while not self._answers.poll(min(_LONGEST_WAIT_S, self._clock.left) * 1000):
                self._clock.check()
            chunk = os.read(self._from.fileno(), size)
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            size -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @contextlib.contextmanager
    def _dying(self) -> Generator[None]:
        self._clock.check()
        try:
            yield
        except (OSError, EOFError, msgspec.MsgspecError):
            self._clock.check()
            raise SqlError("too_large", "DuckDB's process ended: the statement needs too much.") from None  # fmt: skip


def _checked(message: bytes) -> dict[str, Any]:
    told = _TOLD.decode(message)
    if "error" in told:
        fallback: tuple[ErrorClass, str] = ("invalid", "DuckDB cannot carry out the statement.")
        raise SqlError(*_BY_CLASS.get(str(told["error"]), fallback))
    return told


POOL: Pool[Child] = Pool(fit=Child.end, close=Child.kill)


@contextlib.contextmanager
def child(path: str, clock: Clock, owner: object = None) -> Generator[Child]:
    """A child with the file open; it is closed at the end, and waits for the owner's next call. Raises SqlError.

    ``owner`` stands for one principal's session: nobody else is served by its children.
    """
    clock.check()
    key = (path, owner)
    one = POOL.take(key)
    if one is not None:
        try:
            one.begin(path, clock)
        except ConnectionError:
            one.kill()
            one = None
        except BaseException:
            one.kill()
            raise
    if one is None:
        one = _started(path, clock)
    try:
        yield one
    except SqlError:
        POOL.give_back(key, one) if clock.left > 0 else one.kill()
        raise
    except BaseException:
        one.kill()
        raise
    POOL.give_back(key, one)


def _started(path: str, clock: Clock) -> Child:
    try:
        one = Child()
    except OSError:
        raise _not_started() from None
    try:
        one.begin(path, clock)
    except BaseException as error:
        one.kill()
        raise (_not_started() if isinstance(error, OSError) else error) from None
    return one


def _not_started() -> SqlError:
    return SqlError("cannot_open", "DuckDB's process cannot be started: too few resources, or not well installed.")  # fmt: skip
