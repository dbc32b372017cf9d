"""The child process as its parent sees it: asked line by line, killed when the time is over."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from devagent_sql.engines.port import Clock
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
    "SerializationException": ("not_a_database", "The file is not a DuckDB database of this version."),
}  # fmt: skip


class Child:
    """One running child."""

    def __init__(self, process: "subprocess.Popen[str]", clock: Clock) -> None:
        self._process = process
        self._clock = clock

    def ask(self, **asked: Any) -> dict[str, Any]:
        """The answer. Raises SqlError of its class, ``timeout``, or ``unreachable`` where the child died."""
        self._clock.check()
        line = ""
        to_child, from_child = self._process.stdin, self._process.stdout
        if to_child is not None and from_child is not None:
            with contextlib.suppress(OSError, ValueError):
                to_child.write(json.dumps(asked) + "\n")
                to_child.flush()
                line = from_child.readline()
        if not line:
            self._clock.check()
            raise SqlError("too_large", "DuckDB's process ended: the statement needs too much.")
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            fallback: tuple[ErrorClass, str] = ("invalid", "DuckDB cannot carry out the statement.")
            raise SqlError(*_BY_CLASS.get(str(told["error"]), fallback))
        return told


@contextlib.contextmanager
def child(path: str, clock: Clock) -> Generator[Child]:
    """A child with the file open; it is gone at the end. Raises SqlError."""
    clock.check()
    process = subprocess.Popen(  # noqa: S603 — a file of this package
        [sys.executable, "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        text=True,
        encoding="utf-8",
        close_fds=True,
        start_new_session=True,
    )
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(process, clock, done), daemon=True)
    watch.start()
    try:
        one = Child(process, clock)
        one.ask(path=path)
        yield one
    finally:
        done.set()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()
        watch.join()


def _watch(process: "subprocess.Popen[str]", clock: Clock, done: threading.Event) -> None:
    """Kill the child when the clock runs out or nobody waits any more."""
    while not done.wait(min(0.1, clock.left)):
        if clock.left <= 0:
            process.kill()
            return
