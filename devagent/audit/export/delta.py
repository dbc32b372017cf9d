"""Delta tables, one folder each below the target: sessions, calls, decisions, costs, partitioned by day and team.

Each commit names this export and its batch as an application transaction of the Delta protocol (``txn``), in the
same commit as the data. A batch that is written again finds its number there and adds nothing, so it does not matter
at which point a process was killed. Other computers may write to the same tables: each has an id of its own.
"""

import os
from collections.abc import Sequence
from typing import Any

from devagent.audit.export.arrow import arrow_table
from devagent.audit.export.folder import folder_error, made, real_folder
from devagent.audit.export.libraries import load
from devagent.audit.export.rows import COLUMNS, PARTITIONS, Row, Table, rows
from devagent.audit.export.target import Batch, ExportError
from devagent.core.errors import UsageError
from devagent.core.text import one_line

_NOT_IN_PATHS = frozenset("%[\\]^|<>")
"""Characters that the library takes for something else in a path: it ends, or writes elsewhere."""


class Delta:
    """Tables below ``folder`` (a ``Target``). Raises UsageError for a folder that cannot have any."""

    most_items = 20_000
    keeps_ids = False

    def __init__(self, folder: str) -> None:
        self._folder = real_folder(folder)
        if odd := sorted({c for c in self._folder if c in _NOT_IN_PATHS or not c.isprintable()}):
            raise UsageError(
                f"{one_line(self._folder)}: Delta tables cannot be below a folder with {one_line(' '.join(odd))} in its name.",
                hint="Name another folder.",
            )
        self.identity = f"delta:{self._folder}"

    def is_there(self) -> bool:
        library = _library()
        return all(library.DeltaTable.is_deltatable(self._path(table)) for table in COLUMNS)

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        del again  # the table knows
        library = _library()
        found: dict[Table, list[Row]] = {table: [] for table in COLUMNS}
        for item in batch.items:
            for table, row in rows(item):
                found[table].append(row)
        try:
            made(self._folder)
            for table, some in found.items():
                self._append(library, table, some, batch)
        except OSError as e:
            raise folder_error(self._folder, e) from e
        return ()

    def _append(self, library: Any, table: Table, some: Sequence[Row], batch: Batch) -> None:
        path = self._path(table)
        application = f"devagent/{batch.export}"
        try:
            known: Any = None
            if library.DeltaTable.is_deltatable(path):
                known = library.DeltaTable(path)
                if (known.transaction_version(application) or 0) >= batch.number:
                    return
                if not some:
                    return
            library.write_deltalake(
                known or path,
                arrow_table(some, COLUMNS[table]),
                mode="append",
                partition_by=list(PARTITIONS),
                name=f"devagent {table}",
                commit_properties=library.CommitProperties(
                    app_transactions=[library.Transaction(application, batch.number)],
                    custom_metadata={"devagent.batch": batch.name},
                ),
            )
        except OSError as e:
            raise folder_error(path, e) from e
        except library.exceptions.DeltaError as e:
            raise ExportError(
                f"The Delta table {path} did not take the batch: {str(e)[:300]}",
                hint="Run it again: what is in the table already is not added twice.",
            ) from e

    def _path(self, table: Table) -> str:
        return os.path.join(self._folder, table)


def _library() -> Any:
    return load("deltalake", "lake", "Delta tables")
