"""Where the workspace defines functions, classes and types, for ``@``: found by ``git grep`` in a process of its own, once
somebody types the first ``@``; where there is no repository, by ``grep``.

One line of a definition is enough to be found by; what a language hides from such a look is found by its file.
"""

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from devagent.repl.files import GIT, LEFT_OUT
from devagent.repl.fuzzy import Fuzzy

MOST = 100_000
LIMIT_S = 60
_ENDINGS = (
    "py", "pyi", "js", "jsx", "mjs", "ts", "tsx", "go", "rs", "java", "kt", "kts", "scala", "swift", "c", "h", "cc",
    "cpp", "hpp", "cs", "rb", "php", "ex", "exs", "lua", "sql", "proto", "sh", "dart", "zig",
)  # fmt: skip
_BEFORE = (
    "export|default|declare|public|private|protected|internal|static|abstract|final|sealed|async|pub|pub\\([a-z]+\\)|unsafe|open|"
    "override|data|inline|virtual|extern|partial|create|temporary|or|replace"
)
_WORDS = (
    "def|defp|defmodule|class|func|fun|fn|function|interface|struct|enum|trait|module|protocol|type|record|object|namespace|"
    "message|service|table|view|macro_rules!"
)
_PATTERN = f"^[[:space:]]*(({_BEFORE})[[:space:]]+)*({_WORDS})[[:space:]]+(\\([^)]*\\)[[:space:]]*)?[A-Za-z_]"
_NAME = re.compile(
    rf"^\s*(?:(?:{_BEFORE})\s+)*({_WORDS})\s+(?:\([^)]*\)\s*)?([A-Za-z_][\w.]*)", re.IGNORECASE
)


class Symbol(NamedTuple):
    """``kind`` is the word that defines it, in lower case; ``line`` counts from 1."""

    name: str
    kind: str
    path: str
    line: int


class Symbols:
    """The definitions. ``look`` has them found, once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._found: tuple[Sequence[Symbol], Fuzzy] = ((), Fuzzy())
        self._thread: threading.Thread | None = None
        self.ready = threading.Event()

    def look(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._list, name="symbols", daemon=True)
            self._thread.start()

    def _list(self) -> None:
        found = list(self._grepped(self._in_repository()))
        if not found:
            found = list(self._grepped(self._in_folder()))
        self._found = (found, Fuzzy([one.name for one in found]))
        self.ready.set()

    def _in_repository(self) -> list[str]:
        only = [f"*.{ending}" for ending in _ENDINGS]
        options = ["--untracked", "--no-recurse-submodules", "-I", "-n", "-i", "-z", "--no-color", "-E"]  # fmt: skip
        return [*GIT, "grep", *options, "-e", _PATTERN, "--", *only]

    def _in_folder(self) -> list[str]:
        only = [f"--include=*.{ending}" for ending in _ENDINGS]
        without = [f"--exclude-dir={name}" for name in sorted(LEFT_OUT)]
        return ["grep", "-rInisZE", *only, *without, "-e", _PATTERN, "--", "."]

    def _grepped(self, command: list[str]) -> Iterator[Symbol]:
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed command
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            )  # fmt: skip
        except OSError:
            return
        alarm = threading.Timer(LIMIT_S, process.kill)
        alarm.daemon = True
        alarm.start()
        count = 0
        try:
            for row in process.stdout or ():
                found = _symbol(row.decode(errors="replace"))
                if found is not None:
                    yield found
                    count += 1
                if count >= MOST:
                    break
        finally:
            alarm.cancel()
            process.kill()
            process.communicate()

    def found(self, typed: str, most: int) -> Sequence[Symbol]:
        """Those that fit best."""
        symbols, fuzzy = self._found
        return [symbols[n] for n in fuzzy.found(typed, most)]


def _symbol(row: str) -> Symbol | None:
    """A row of ``grep``: path, NUL, line number, ``:`` or NUL, text."""
    path, _, rest = row.partition("\0")
    number, text = re.split("[:\0]", rest, maxsplit=1) if re.search("[:\0]", rest) else (rest, "")
    defined = _NAME.match(text)
    if defined is None or not number.isdecimal() or not path.isprintable():
        return None
    return Symbol(defined[2], defined[1].lower(), path.removeprefix("./"), int(number))
