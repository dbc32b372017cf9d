"""An indexed collection on disk.

    <index>/<collection>/current.json      which generation holds, and what is known of it
    <index>/<collection>/g-<number>/       a tantivy index
    <index>/<collection>/v-<digest>/       vectors of its chunks, where embeddings are configured
    <index>/<collection>/lock              held by the one run that writes

A generation is changed by single commits, so a run that is killed leaves the last commit whole; a new
generation (another format, language or chunk size) is built beside the old one, which counts until
``current.json`` is replaced.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Generator
from typing import Any, NamedTuple

from devagent_docs import schema
from devagent_docs.chunks import MOST, WANTED
from devagent_docs.contract import DocsError


def format_digest(language: str) -> str:
    """What an index's documents depend on beside the documents."""
    parts = (schema.FORMAT, WANTED, MOST, language)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class Current(NamedTuple):
    """What ``current.json`` says. ``indexed_at`` is an ISO time in UTC; ``skipped`` maps a path to why."""

    generation: int
    format: str
    version: str
    indexed_at: str
    documents: int
    chunks: int
    skipped: dict[str, str]
    vectors: str = ""
    """The folder of its vectors; empty where there are none."""


class Store:
    """The place of one collection's index."""

    def __init__(self, root: str, collection: str) -> None:
        self.collection = collection
        self.folder = os.path.join(root, collection)

    @property
    def file(self) -> str:
        return os.path.join(self.folder, "current.json")

    def generation(self, number: int) -> str:
        """The folder of one generation."""
        return os.path.join(self.folder, f"g-{number}")

    def vectors(self, name: str) -> str:
        """The folder of vectors of that name."""
        return os.path.join(self.folder, name)

    def current(self) -> Current | None:
        """What holds; None where nothing was indexed. Raises DocsError damaged."""
        try:
            with open(self.file, encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
            return Current(**found)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise DocsError(
                f"The index of {self.collection!r} is damaged: run `devagent docs index --rebuild {self.collection}`.",
                error="damaged",
            ) from error

    def put(self, current: Current) -> None:
        """Make it hold, in one step; generations that no longer count go."""
        beside = f"{self.file}.new"
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(current._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.file)
        self.sweep(current)

    def sweep(self, current: Current) -> None:
        """Remove what does not hold: older generations and vectors, and what a killed run left."""
        keep = (f"g-{current.generation}", current.vectors)
        for name in os.listdir(self.folder):
            if name.startswith(("g-", "v-")) and name not in keep:
                shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)

    @contextlib.contextmanager
    def lock(self) -> Generator[None]:
        """Hold the right to write. Raises DocsError busy where another process has it."""
        import fcntl  # noqa: PLC0415 - POSIX, and for writing only

        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with open(os.path.join(self.folder, "lock"), "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DocsError(
                    f"Another run is indexing {self.collection!r}.", error="busy"
                ) from error
            yield  # the lock goes with the file, also when the process is killed
