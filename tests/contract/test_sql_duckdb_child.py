"""DuckDB's child process lives from call to call: what it keeps, whom it serves, and how it ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from devagent_sql import tools
from devagent_sql.engines.batches import Kept
from devagent_sql.engines.duckdb import process
from devagent_sql.engines.duckdb.engine import DuckDB
from devagent_sql.engines.duckdb.process import Child, child
from devagent_sql.engines.port import NO_RULES, Clock, Row, Touched
from devagent_sql.errors import SqlError

ENDLESS = "SELECT count(*) FROM range(100000000) a(i), range(100000) b(j) WHERE (a.i * b.j) % 7 = 3"


@pytest.fixture
def path(tmp_path: Path) -> Generator[str]:
    file = str(tmp_path / "shop.duckdb")
    with duckdb.connect(file) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT i AS id, 'name ' || i AS name FROM range(30000) r(i)"
        )
    yield file
    tools.close(str(tmp_path))


def rows(path: str, sql: str, most: int = 100_000, clock: Clock | None = None) -> list[Row]:
    kept = Kept()
    DuckDB(path).run(sql, most, kept, NO_RULES, clock or Clock.of(60))
    return kept.rows


def number_of(path: str, owner: object = None) -> int:
    with child(path, Clock.of(60), owner) as one:
        return one.pid


def gone(one: Child) -> bool:
    return not one.is_running


def test_a_child_serves_the_next_call_of_its_owner_and_nobody_else(
    path: str, tmp_path: Path
) -> None:
    other_file = str(tmp_path / "other.duckdb")
    duckdb.connect(other_file).close()
    ana, bo = object(), object()
    first = number_of(path, ana)
    assert number_of(path, ana) == first
    assert len({first, number_of(path, bo), number_of(other_file, ana)}) == 3


def test_a_child_that_waits_keeps_nobody_from_writing_and_sees_what_was_written(path: str) -> None:
    before = number_of(path)
    assert rows(path, "SELECT count(*) FROM t") == [(30_000,)]
    with duckdb.connect(path) as writer:
        writer.execute("DELETE FROM t WHERE id > 9")
        writer.execute("ALTER TABLE t ADD COLUMN later INTEGER DEFAULT 7")
    assert rows(path, "SELECT max(later), count(*) FROM t") == [(7, 10)]
    assert number_of(path) == before


def test_the_remembered_catalog_is_the_files_as_it_is(path: str) -> None:
    engine = DuckDB(path)
    named = engine.analyse("SELECT * FROM t", Clock.of(60)).reads
    with duckdb.connect(path) as writer:
        writer.execute("CHECKPOINT")
        writer.execute("ALTER TABLE t RENAME COLUMN name TO title")
    again = engine.analyse("SELECT * FROM t", Clock.of(60)).reads
    assert ("main", "t", "name") in named
    assert ("main", "t", "title") in again
    os.remove(path)
    with duckdb.connect(path) as writer:
        writer.execute("CREATE TABLE u AS SELECT 1 AS a")
    with pytest.raises(SqlError) as refused:
        engine.analyse("SELECT * FROM t", Clock.of(60))
    assert refused.value.error == "no_such_table"


def test_a_catalog_that_is_known_needs_no_child(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DuckDB(path)
    engine.analyse("SELECT id FROM t", Clock.of(60))
    tools.close("")

    def never(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(process, "Child", never)
    assert engine.analyse("SELECT name FROM t", Clock.of(60)) == Touched(
        frozenset({("main", "t"), ("main", "t", "name")}), frozenset()
    )


def test_a_file_that_is_being_written_is_refused_and_read_again_afterwards(path: str) -> None:
    writing = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read(); c.close()"
    with subprocess.Popen(
        [sys.executable, "-c", writing, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(SqlError) as refused:
            rows(path, "SELECT 1 FROM t")
        writer.stdin.close()
        assert writer.wait(60) == 0
    assert refused.value.error == "cannot_open"
    assert path not in str(refused.value)
    assert rows(path, "SELECT count(*) FROM t") == [(30_000,)]


def test_a_child_that_died_while_it_waited_is_replaced_unnoticed(path: str) -> None:
    with child(path, Clock.of(60)) as one:
        killed = one
    os.kill(killed.pid, signal.SIGKILL)
    killed.process.wait(60)
    assert rows(path, "SELECT count(*) FROM t") == [(30_000,)]
    assert number_of(path) != killed.pid


def test_a_child_that_dies_in_a_statement_is_an_error_and_the_next_call_has_another(
    path: str,
) -> None:
    class Killing(Kept):
        def begin(self, columns: tuple[str, ...], types: tuple[str, ...], touched: Touched) -> None:
            os.kill(number, signal.SIGKILL)

    number = number_of(path)
    with pytest.raises(SqlError) as died:
        DuckDB(path).run("SELECT * FROM t", 100_000, Killing(), NO_RULES, Clock.of(60))
    assert died.value.error == "too_large"
    assert len(rows(path, "SELECT * FROM t")) == 30_000


@pytest.mark.parametrize("wanted", [True, False])
def test_a_statement_over_its_time_and_one_that_nobody_wants_end_with_their_child(
    path: str, wanted: bool
) -> None:
    with child(path, Clock.of(60)) as one:
        pass
    cancelled = threading.Event()
    clock = Clock.of(1 if wanted else 60, cancelled)
    if not wanted:
        threading.Timer(1, cancelled.set).start()
    with pytest.raises(SqlError) as late:
        DuckDB(path).run(ENDLESS, 1, Kept(), NO_RULES, clock)
    assert late.value.error == "timeout"
    assert gone(one)


def test_the_end_of_the_session_ends_the_children_that_wait(path: str) -> None:
    with child(path, Clock.of(60)) as one:
        pass
    assert not gone(one)
    tools.close("")
    assert gone(one)


def test_a_child_ends_with_its_parent_in_the_midst_of_a_statement(path: str) -> None:
    one = Child()
    one.begin(path, Clock.of(60))
    one.send({"do": "run", "sql": ENDLESS, "key": None, "most": 1})
    assert one.process.stdin is not None
    one.process.stdin.close()
    assert one.process.wait(60) == 0
    one.kill()


def test_rows_left_unread_are_nothing_to_the_next_statement(path: str) -> None:
    class Few(Kept):
        def take(self, rows: Any) -> int:
            super().take(rows[:3])
            return 3

    few = Few()
    answer = DuckDB(path).run("SELECT * FROM t ORDER BY id", 100_000, few, NO_RULES, Clock.of(60))
    assert (few.rows[-1], answer.cut) == ((2, "name 2"), "bytes")
    assert rows(path, "SELECT 7") == [(7,)]


def test_an_error_among_the_rows_is_its_class_and_the_child_goes_on(path: str) -> None:
    number = number_of(path)
    with pytest.raises(SqlError) as bad:
        rows(path, "SELECT CAST(CASE WHEN id = 29999 THEN name ELSE '1' END AS INTEGER) FROM t")
    assert (bad.value.error, "29999" in str(bad.value)) == ("bad_value", False)
    assert rows(path, "SELECT count(*) FROM t") == [(30_000,)]
    assert number_of(path) == number


VALUES: list[tuple[str, object]] = [
    ("TIMESTAMPTZ '2026-01-01 10:00:00+00' = TIMESTAMPTZ '2026-01-01 12:00:00+02'", True),
    ("TIMESTAMP '2026-01-01 10:00:00.5'", "2026-01-01 10:00:00.500000"),
    ("DATE '2026-01-01'", "2026-01-01"),
    ("CAST('0044-01-01 (BC)' AS DATE)", "0044-01-01 (BC)"),
    ("TIME '10:00:00'", "10:00:00"),
    ("INTERVAL 3 DAY", "3 days, 0:00:00"),
    ("CAST(2.50 AS DECIMAL(10, 2))", "2.50"),
    ("CAST('1' AS DECIMAL(38, 10))", "1.0000000000"),
    ("CAST('170141183460469231731687303715884105727' AS HUGEINT)", 2**127 - 1),
    ("CAST('-170141183460469231731687303715884105727' AS HUGEINT)", -(2**127) + 1),
    ("CAST(5 AS HUGEINT)", 5),
    ("CAST('18446744073709551615' AS UBIGINT)", 2**64 - 1),
    ("CAST('inf' AS DOUBLE)", float("inf")),
    ("[1, NULL, 3]", "[1, null, 3]"),
    ("{'a': 1, 'b': 'x'}", '{"a": 1, "b": "x"}'),
    ("CAST('x' AS ENUM('x', 'y'))", "x"),
    ("CAST('101' AS BIT)", "101"),
    ("NULL", None),
    ("true", True),
    ("'Zoë 🦆'", "Zoë 🦆"),
    ("repeat('x', 9000)", "x" * 9000),
]  # fmt: skip


def test_values_arrive_whole(path: str) -> None:
    with child(path, Clock.of(60)) as one:
        for sql, expected in VALUES:
            one.run(f"SELECT {sql}", None, 2)
            assert one.fetch(2) == [(expected,)], sql


def test_instants_with_a_zone_bytes_and_numbers_that_are_none_arrive_whole(path: str) -> None:
    with child(path, Clock.of(60)) as one:
        one.run(
            "SELECT TIMESTAMPTZ '2026-01-01 10:00:00+02', '\\x00\\xFF'::BLOB, CAST('nan' AS DOUBLE)", None, 2
        )  # fmt: skip
        ((instant, data, number),) = one.fetch(2)
    assert isinstance(instant, str)
    assert instant.startswith("2026-01-01 ") or instant.startswith("2025-12-31 ")
    assert data == b"\x00\xff"
    assert number != number


def test_wide_rows_and_many_columns_come_in_messages_of_their_size(path: str) -> None:
    with child(path, Clock.of(60)) as one:
        one.run("SELECT id, repeat(name, 3000) FROM t LIMIT 300", None, 400)
        assert [len(str(row[1])) for row in one.fetch(400)] == [
            3000 * len(f"name {n}") for n in range(300)
        ]
        columns = ", ".join(f"id + {n}" for n in range(400))
        one.run(f"SELECT {columns} FROM t LIMIT 50", None, 50)
        assert one.fetch(100) == [tuple(range(n, n + 400)) for n in range(50)]


@pytest.mark.parametrize(
    "name",
    [
        "memory",
        "system",
        "temp",
        "main",
        "pg_catalog",
        'a"b',
        "it's",
        "Ünï 🦆",
        "a.b",
        "",
        "x;y",
        "x?y",
    ],
)
def test_a_file_of_any_name_is_open_alone_and_can_only_be_read(tmp_path: Path, name: str) -> None:
    file = str(tmp_path / f"{name}.duckdb")
    with duckdb.connect(file) as connection:
        connection.execute("CREATE SCHEMA memory; CREATE TABLE u AS SELECT 7 AS a")
        if name != "memory":  # DuckDB itself would not know which is meant
            connection.execute("CREATE TABLE memory.t AS SELECT 8 AS b")
    with child(file, Clock.of(60)) as one:
        open_here = "SELECT path, readonly FROM duckdb_databases() WHERE NOT internal"
        one.run(open_here, None, 10)
        assert one.fetch(10) == [(file, True)]
        one.run("SELECT a FROM main.u", None, 10)
        assert one.fetch(10) == [(7,)]
        if name != "memory":
            one.run("SELECT b FROM memory.t", None, 10)
            assert one.fetch(10) == [(8,)]
    tools.close(str(tmp_path))


def test_what_cannot_be_opened_is_told_by_its_class_and_the_child_goes_on(
    path: str, tmp_path: Path
) -> None:
    others = [tmp_path / name for name in ("no.duckdb", "rows.csv", "lite.db", "empty.duckdb")]
    for file, content in zip(others, (b"not a database" * 1000, b"a,b\n1,2\n", b"SQLite format 3\0" + bytes(84), b""), strict=True):  # fmt: skip
        file.write_bytes(content)
    one = Child()
    for file in (*map(str, others), str(tmp_path), str(tmp_path / "missing"), f"md:{path}"):
        with pytest.raises(SqlError) as refused:
            one.begin(file, Clock.of(60))
        expected = ("not_a_database",) if Path(file) in others else ("cannot_open",)
        assert refused.value.error in expected, file
    one.begin(path, Clock.of(60))
    one.run("SELECT count(*) FROM t", None, 2)
    assert one.fetch(2) == [(30_000,)]
    one.kill()


def test_odd_names_are_columns_like_others(tmp_path: Path) -> None:
    file = str(tmp_path / "odd.duckdb")
    names = ['a"b', "select", "Ünï", "with space", "a.b", "%s", "🦆"]
    with duckdb.connect(file) as connection:
        listed = ", ".join('"' + name.replace('"', '""') + '" INTEGER' for name in names)
        connection.execute(f'CREATE TABLE "t t" ({listed})')
        connection.execute('INSERT INTO "t t" VALUES (1, 2, 3, 4, 5, 6, 7)')
    engine, kept = DuckDB(file), Kept()
    answer = engine.run('SELECT * FROM "t t"', 10, kept, NO_RULES, Clock.of(60))
    assert (list(answer.columns), kept.rows) == (names, [(1, 2, 3, 4, 5, 6, 7)])
    assert {name[2] for name in answer.touched.reads if len(name) == 3} == set(names)
    tools.close(str(tmp_path))
