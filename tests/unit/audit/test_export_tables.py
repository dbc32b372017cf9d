"""Exports to Parquet and Delta tables, read back with DuckDB, and killed in the middle of a batch."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import duckdb
import pytest
from deltalake import DeltaTable

from devagent.audit.export.delta import Delta
from devagent.audit.export.fold import Teams
from devagent.audit.export.items import MOST
from devagent.audit.export.parquet import Parquet
from devagent.audit.export.rows import COLUMNS
from devagent.audit.export.target import ExportError
from devagent.core.errors import UsageError
from tests.support.exported import (
    SECRET,
    TEAMS,
    Killed,
    a_turn,
    ended_session,
    export,
    fleet,
    who,
    with_numbers_beyond_all_bounds,
)

Kind = Literal["parquet", "delta"]
KINDS: tuple[Kind, ...] = ("parquet", "delta")
pytestmark = pytest.mark.parametrize("kind", KINDS)


def target_of(kind: Kind, folder: Path) -> Parquet | Delta:
    return Parquet(str(folder)) if kind == "parquet" else Delta(str(folder))


def ask(kind: Kind, folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """What DuckDB finds in the tables, by their names."""
    with duckdb.connect() as db:
        for table in COLUMNS:
            if kind == "delta":
                files: Any = DeltaTable(str(folder / table))
                db.register(table, files.to_pyarrow_dataset())
            else:
                db.execute(
                    f"create view {table} as select * from read_parquet('{folder}/{table}/**/*.parquet',"
                    " hive_partitioning = true, union_by_name = true, hive_types_autocast = false)"
                )
        return db.execute(sql).fetchall()


def test_a_fleet_is_queried_by_an_engine_that_exists(tmp_path: Path, kind: Kind) -> None:
    fleet(tmp_path / "sessions", 2)
    lake = tmp_path / "lake"
    export(target_of(kind, lake), tmp_path, tmp_path / "sessions")
    assert ask(kind, lake, "select day, team, sum(usd_micros)::bigint, count(*) from costs group by all order by all") == [
        ("2027-01-15", "data-eng", 3_000, 2),
        ("2027-01-15", "platform/ops", None, 1),
        ("2027-01-16", "data-eng", 3_000, 2),
        ("2027-01-16", "platform/ops", None, 1),
    ]  # fmt: skip
    assert ask(kind, lake, "select principal, status, count(*) from calls where day = '2027-01-15' group by all order by all") == [
        ("ana", "allowed", 2), ("ana", "approved", 2), ("ana", "declined", 2), ("ana", "denied", 2),
        ("bo for care", "allowed", 1), ("bo for care", "approved", 1), ("bo for care", "declined", 1), ("bo for care", "denied", 1),
    ]  # fmt: skip
    assert ask(kind, lake, "select distinct session, rules[1], answer from decisions where list_contains(tags, 'pii.email') order by all")  # fmt: skip
    assert ask(kind, lake, "select count(distinct event_id), count(*), min(answer_latency_us) from decisions") == [(24, 24, 5)]  # fmt: skip
    assert ask(kind, lake, "select verified, state, count(*), max(started)::varchar from sessions group by all") == [
        (True, "ended", 4, "2027-01-16 09:00:00.002+00"),
    ]  # fmt: skip


def test_the_partitions_are_day_and_team_also_of_an_odd_name(tmp_path: Path, kind: Kind) -> None:
    ended_session(tmp_path / "sessions", [who("ana", "a/b c=d'%"), *a_turn()], at_us=1_800_000_000_000_000)  # fmt: skip
    lake = tmp_path / "lake"
    export(target_of(kind, lake), tmp_path, tmp_path / "sessions")
    assert ask(kind, lake, "select distinct day, team from calls") == [("2027-01-15", "a/b c=d'%")]
    assert (lake / "calls" / "day=2027-01-15").is_dir()
    assert not (lake / "calls" / "day=2027-01-15" / "team=a").exists()


def test_content_is_in_the_tables_only_where_it_is_asked_for(tmp_path: Path, kind: Kind) -> None:
    ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=1_800_000_000_000_000)
    bare, full = tmp_path / "bare", tmp_path / "full"
    export(target_of(kind, bare), tmp_path, tmp_path / "sessions")
    export(target_of(kind, full), tmp_path, tmp_path / "sessions", content=True)
    sql = "select c.args, c.result, d.reason, s.folder from calls c join decisions d using (session, call), sessions s where c.outcome = 'ok'"
    assert set(ask(kind, bare, sql)) == {(None, None, None, None)}
    assert set(ask(kind, full, sql)) == {
        ('{"branch":"main"}', f"{SECRET} result", "Force pushes rewrite shared history", "/home/ana/shop")
    }  # fmt: skip
    for path in bare.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def kills(module: str, name: str, at: int, *, after: bool) -> Callable[[pytest.MonkeyPatch], None]:
    """Ends the process at the so-manieth call of a function of a library, before or after it."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        library = import_module(module)
        real, left = getattr(library, name), [at]

        def mortal(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and not after:
                raise Killed
            done = real(*args, **named)
            if left[0] == 0:
                raise Killed
            return done

        monkeypatch.setattr(library, name, mortal)

    return patch


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_batch_that_is_cut_off_between_its_tables_is_there_once_in_the_end(
    tmp_path: Path, kind: Kind, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(tmp_path / "sessions", 1)
    lake = tmp_path / "lake"
    target = target_of(kind, lake)
    where = ("os", "replace") if kind == "parquet" else ("deltalake", "write_deltalake")
    with monkeypatch.context() as patched:
        kills(*where, at, after=after)(patched)
        with pytest.raises(Killed):
            export(target, tmp_path, tmp_path / "sessions")
    changed = Teams(lambda who: ("aa-new",) if who.user == "bo" else ())  # bo moved in between
    tally = export(target_of(kind, lake), tmp_path, tmp_path / "sessions", teams=changed)
    assert tally.resent == 1
    for table, count in (("sessions", 2), ("calls", 12), ("decisions", 12), ("costs", 3)):
        assert ask(kind, lake, f"select count(distinct event_id), count(*) from {table}") == [(count, count)]  # fmt: skip
    assert not list(lake.rglob("*.part"))


def test_many_batches_make_one_table_and_other_computers_write_to_it_too(
    tmp_path: Path, kind: Kind
) -> None:
    fleet(tmp_path / "sessions", 1)
    fleet(tmp_path / "others", 1)
    lake = tmp_path / "lake"
    small = target_of(kind, lake)
    small.most_items = 10
    assert export(small, tmp_path / "one", tmp_path / "sessions").batches > 3
    assert export(small, tmp_path / "two", tmp_path / "others").batches > 3
    assert export(small, tmp_path / "one", tmp_path / "sessions").events == 0
    assert ask(kind, lake, "select count(distinct event_id), count(*) from calls") == [(24, 24)]
    assert small.is_there()


def test_a_session_without_turns_makes_a_target_that_is_there(tmp_path: Path, kind: Kind) -> None:
    ended_session(tmp_path / "sessions", [who("ana")], at_us=1_800_000_000_000_000)
    lake = target_of(kind, tmp_path / "lake")
    lake.most_items = 1
    assert not lake.is_there()
    assert export(lake, tmp_path, tmp_path / "sessions").ok
    assert lake.is_there()


def test_a_target_that_cannot_be_written_is_an_error_that_says_so(
    tmp_path: Path, kind: Kind
) -> None:
    fleet(tmp_path / "sessions", 1)
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(ExportError) as caught:
        export(target_of(kind, tmp_path / "lake"), tmp_path, tmp_path / "sessions", teams=TEAMS)
    assert "lake" in caught.value.what
    os.unlink(tmp_path / "lake")
    assert export(target_of(kind, tmp_path / "lake"), tmp_path, tmp_path / "sessions").resent == 1


def test_a_log_with_numbers_beyond_all_bounds_does_not_keep_the_others_back(
    tmp_path: Path, kind: Kind
) -> None:
    with_numbers_beyond_all_bounds(tmp_path / "sessions")
    lake = tmp_path / "lake"
    tally = export(target_of(kind, lake), tmp_path, tmp_path / "sessions")
    assert (len(tally.unverified), tally.failed) == (1, [])
    assert ask(kind, lake, "select user_id, usd_micros from costs order by all") == [
        ("ana", MOST),
        ("bo", 1_500),
    ]
    assert ask(kind, lake, "select user_id, verified, input_tokens from sessions order by all") == [
        ("ana", False, MOST),
        ("bo", True, 100),
    ]  # fmt: skip
    assert ask(kind, lake, "select distinct day from calls where user_id = 'ana'") == [
        ("2262-04-11",)
    ]


def test_a_team_that_no_folder_can_bear_the_name_of_is_cut_and_told_apart(
    tmp_path: Path, kind: Kind
) -> None:
    long = "é" * 300
    for at, group in enumerate((f"{long}1", f"{long}2", "../../up", "")):
        events = [who("ana", group), *a_turn()]
        ended_session(tmp_path / "sessions", events, at_us=1_800_000_000_000_000 + at * 10**9)
    lake = tmp_path / "lake"
    assert export(target_of(kind, lake), tmp_path, tmp_path / "sessions").ok
    teams = [team for (team,) in ask(kind, lake, "select distinct team from calls order by 1")]
    assert [team[:12] for team in teams] == ["../../up", "none", "é" * 12, "é" * 12]
    assert [one.name for one in tmp_path.iterdir() if one.name == "up"] == []


def test_a_folder_by_another_way_is_the_same_target(tmp_path: Path, kind: Kind) -> None:
    fleet(tmp_path / "sessions", 1)
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to("lake")
    assert export(target_of(kind, tmp_path / "lake"), tmp_path, tmp_path / "sessions").sessions == 2
    assert (
        export(target_of(kind, tmp_path / "link"), tmp_path, tmp_path / "sessions").unchanged == 2
    )


def test_a_folder_that_the_library_takes_for_another_is_refused(tmp_path: Path, kind: Kind) -> None:
    fleet(tmp_path / "sessions", 1)
    for name in ("a%20b", "a^b", "a[b]", "a\\b"):
        if kind == "delta":
            with pytest.raises(UsageError, match="in its name"):
                target_of(kind, tmp_path / name)
        else:
            assert export(target_of(kind, tmp_path / name), tmp_path, tmp_path / "sessions").ok
            assert len(list((tmp_path / name).glob("calls/*/*/*.parquet"))) == 2
