"""Parquet files: ``TABLE/day=…/team=…/<export>-<batch>.parquet``, as engines read them that know no table format.

A file's name says which batch it is of, so a batch that is written again takes the place of itself. A file appears
when it is whole and on the disk.
"""

import glob
import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from devagent.audit.export.arrow import write_parquet
from devagent.audit.export.folder import folder_error, made, real_folder, whole_file
from devagent.audit.export.rows import COLUMNS, PARTITIONS, Column, Row, Table, rows
from devagent.audit.export.target import Batch

# Day and team stand in the path, as engines read it.
_IN_FILES: Mapping[Table, Mapping[str, Column]] = {
    table: {name: kind for name, kind in columns.items() if name not in PARTITIONS}
    for table, columns in COLUMNS.items()
}


class Parquet:
    """Files below ``folder`` (a ``Target``)."""

    most_items = 20_000
    keeps_ids = False

    def __init__(self, folder: str) -> None:
        self._folder = real_folder(folder)
        self.identity = f"parquet:{self._folder}"

    def is_there(self) -> bool:
        return os.path.isdir(self._folder)

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        kept: set[str] = set()
        try:
            made(self._folder)
            for (table, day, team), found in partitioned(batch).items():
                folder = os.path.join(
                    self._folder, table, f"day={day}", f"team={quote(team, safe='')}"
                )
                name = f"{batch.name}.parquet"
                with whole_file(folder, name) as file:
                    write_parquet(found, _IN_FILES[table], file)
                kept.add(os.path.join(folder, name))
            if again:
                self._remove_others(batch, kept)
        except OSError as e:
            raise folder_error(self._folder, e) from e
        return ()

    def _remove_others(self, batch: Batch, kept: set[str]) -> None:
        """What the first attempt wrote elsewhere: a person's team may have changed in between."""
        pattern = os.path.join(
            glob.escape(self._folder), "*", "day=*", "team=*", f"{batch.name}.parquet"
        )
        for path in glob.iglob(pattern):
            if path not in kept:
                os.unlink(path)


def partitioned(batch: Batch) -> dict[tuple[Table, str, str], list[Row]]:
    """The batch's rows by table, day and team."""
    found: dict[tuple[Table, str, str], list[Row]] = {}
    for item in batch.items:
        for table, row in rows(item):
            found.setdefault((table, row["day"], row["team"]), []).append(row)
    return found
