"""Results as a new file of the workspace: CSV as spreadsheets may open it, or Parquet.

The file is made anew, never opened where something is there already, and lies in the workspace by its
own name, not through a link. Where anything goes wrong it is gone again.

In CSV a text that a spreadsheet would take for a formula is written with ``'`` before it; NULL is empty,
the empty text is ``""``, bytes are ``\\x`` and hexadecimal digits. Parquet is written by DuckDB from a file
of its own making, and keeps every text as it is.
"""

import contextlib
import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from typing import IO, Any, NamedTuple

from devagent_sql.engines.port import Cell, Row, Touched
from devagent_sql.errors import SqlError

MOST_BYTES = 256 * 2**20
"""Of one file, where policy sets no lower bound."""
_CHUNK = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MADE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Target(NamedTuple):
    """Where the file will lie: its folder's real path, its name, and what rules call it."""

    folder: str
    name: str
    relative: str

    @property
    def id(self) -> str:
        return f"path:{self.relative}"

    @property
    def is_parquet(self) -> bool:
        return self.name.endswith(".parquet")


def target_of(workspace: str, path: str) -> Target:
    """Raises SqlError ``bad_arguments``, ``outside_workspace`` or ``file_exists``."""
    root = os.path.realpath(workspace)
    if not path.isprintable() or not path.endswith((".csv", ".parquet")):
        raise SqlError(
            "bad_arguments", "path must be a plain name that ends with .csv or .parquet."
        )
    whole = os.path.normpath(os.path.join(root, path))
    folder, name = os.path.split(whole)
    relative = os.path.relpath(whole, root)
    if relative.startswith("..") or os.path.realpath(folder) != folder:
        raise SqlError(
            "outside_workspace", "The file must lie in the workspace, and not through a link."
        )
    if any(part.casefold() in (".git", ".devagent") for part in relative.split(os.sep)):
        raise SqlError("outside_workspace", "No file is made in a folder of a tool's own.")
    if not os.path.isdir(folder):
        raise SqlError("bad_arguments", "The folder of that path does not exist.")
    if os.path.lexists(whole):
        raise SqlError("file_exists", "There is a file of that name already; choose another.")
    return Target(folder, name, relative)


def csv_cell(cell: Cell) -> str:
    """One value as CSV."""
    match cell:
        case None:
            return ""
        case bytes():
            text = f"\\x{cell.hex()}"
        case str():
            text = cell
            # The mark of byte order is dropped where a file begins with it.
            if text.lstrip("\ufeff").startswith(_FORMULA) and _NUMBER.fullmatch(text) is None:
                text = f"'{text}"
        case _:
            return str(cell)
    if not text or any(c in text for c in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


class CsvSink:
    """Writes rows to an open file while they fit. ``check`` is told what is about to be read.

    ``plain``: for DuckDB to read: no names of columns, no care for spreadsheets."""

    def __init__(
        self, file: IO[bytes], most_bytes: int, check: Callable[[Touched], None], *, plain: bool
    ) -> None:
        self._file = file
        self._left = most_bytes
        self._check = check
        self._plain = plain
        self._cell = _plain_cell if plain else csv_cell
        self.rows = 0
        self.columns: tuple[str, ...] = ()
        self.kinds: list[set[type]] = []

    def begin(self, columns: tuple[str, ...], types: tuple[str, ...], touched: Touched) -> None:
        del types
        self._check(touched)
        self.columns = columns
        self.kinds = [set() for _ in columns]
        if not self._plain:
            self._write(",".join(map(csv_cell, columns)))

    def take(self, rows: Sequence[Row]) -> int:
        for taken, row in enumerate(rows):
            if not self._write(",".join(map(self._cell, row))):
                return taken
            for kinds, cell in zip(self.kinds, row, strict=True):
                large = isinstance(cell, int) and not -(2**63) <= cell < 2**63
                kinds.add(str if large else type(cell))
            self.rows += 1
        return len(rows)

    def _write(self, line: str) -> bool:
        raw = line.encode("utf-8", "surrogatepass") + (b"\n" if self._plain else b"\r\n")
        self._left -= len(raw)
        if self._left >= 0:
            self._file.write(raw)
        return self._left >= 0


def _plain_cell(cell: Cell) -> str:
    """As DuckDB reads it back: every text in quotes, so that it is no NULL."""
    if cell is None:
        return ""
    text = cell.hex() if isinstance(cell, bytes) else str(cell)
    return '"' + text.replace('"', '""') + '"'


@contextlib.contextmanager
def made(target: Target) -> Generator[IO[bytes]]:
    """The new file, open for writing; removed where the block raises."""
    folder = _opened(target)
    try:
        try:
            descriptor = os.open(target.name, _MADE, 0o600, dir_fd=folder)
        except FileExistsError:
            raise SqlError("file_exists", "There is a file of that name already; choose another.") from None  # fmt: skip
        try:
            with open(descriptor, "wb", buffering=_CHUNK) as file:
                yield file
        except BaseException:
            os.unlink(target.name, dir_fd=folder)
            raise
    except OSError as error:
        raise SqlError("cannot_open", f"The file cannot be written ({error.strerror}).") from None
    finally:
        os.close(folder)


def _opened(target: Target) -> int:
    """The folder, step by step from the workspace: none of them may have become a link meanwhile."""
    parts = target.relative.split(os.sep)[:-1]
    root = target.folder
    for _ in parts:
        root = os.path.dirname(root)
    try:
        folder = os.open(root, _FOLDER)
        for part in parts:
            outer = folder
            try:
                folder = os.open(part, _FOLDER, dir_fd=outer)
            finally:
                os.close(outer)
    except OSError:
        raise SqlError("outside_workspace", "The file's folder is no longer what it was.") from None
    return folder


def write_parquet(target: Target, fill: Callable[[IO[bytes]], CsvSink]) -> CsvSink:
    """The same rows as Parquet. ``fill`` writes them all as CSV to what it is given."""
    try:
        duckdb: Any = importlib.import_module("duckdb")
    except ImportError:
        raise SqlError("driver_missing", "Parquet is written by DuckDB: install devagent[duckdb].") from None  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="devagent-") as work:
        rows, parquet = f"{work}/rows.csv", f"{work}/rows.parquet"
        with open(rows, "wb", buffering=_CHUNK) as file:
            sink = fill(file)
        names = [f"c{place}" for place in range(len(sink.kinds))]
        shown = ", ".join(
            f"{_converted(name, kinds)} AS {_quoted(column)}"
            for name, kinds, column in zip(
                names, sink.kinds, _told_apart(sink.columns), strict=True
            )
        )
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        source = (
            f"read_csv('{rows}', header = false, columns = {{{types}}}, auto_detect = false, delim = ',', quote = '\"', "
            "escape = '\"', nullstr = '', allow_quoted_nulls = false, new_line = '\\n', strict_mode = true, parallel = false)"
        )
        connection = duckdb.connect(
            ":memory:",
            config={"threads": 2, "memory_limit": "1GB", "preserve_insertion_order": True},
        )
        try:
            copied = f"COPY (SELECT {shown} FROM {source}) TO '{parquet}' (FORMAT parquet)"  # noqa: S608 — names of our own, quoted
            connection.execute(copied)
        except duckdb.Error as error:
            raise SqlError("bad_value", f"The rows cannot be written as Parquet ({type(error).__name__}).") from None  # fmt: skip
        finally:
            connection.close()
        with open(parquet, "rb") as written, made(target) as file:
            shutil.copyfileobj(written, file, _CHUNK)
        return sink


def _told_apart(names: Sequence[str]) -> list[str]:
    """Parquet takes each name once: the second ``n`` is ``n_2``."""
    found: list[str] = []
    for name in names:
        free, number = name or "column", 2
        while free.lower() in {one.lower() for one in found}:
            free, number = f"{name or 'column'}_{number}", number + 1
        found.append(free)
    return found


def _converted(name: str, kinds: set[type]) -> str:
    found = kinds - {type(None)}
    if found == {int}:
        return f"CAST({name} AS BIGINT)"
    if found and found <= {int, float}:
        return f"CAST({name} AS DOUBLE)"
    if found and all(issubclass(kind, bytes) for kind in found):
        return f"from_hex({name})"
    return name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
