"""Results as files: what is written, what spreadsheets make of it, and where no file is made."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from devagent_sql import export_file, tools
from devagent_sql.errors import SqlError
from tests.support.shop import CANARY, MASK_PRIVATE, ShopSurroundings, build_shop


@pytest.fixture
def here(tmp_path: Path) -> ShopSurroundings:
    build_shop(str(tmp_path / "shop.db"))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE cells (id INTEGER, t, n INTEGER, b BLOB)")
        connection.executemany(
            "INSERT INTO cells VALUES (?, ?, ?, ?)",
            [
                (1, "=1+1", 1, b"\x00\xff"),
                (2, "@sum", -2, None),
                (3, "-1.5", None, b""),
                (4, "+cmd|' /C calc'!A0", 2**62, None),
                (5, 'quote " comma , line\nend', 0, None),
                (6, "", 0, None),
                (7, None, 0, None),
                (8, "\tTAB", 0, None),
                (9, "plain", 0, None),
            ],
        )
    return ShopSurroundings(str(tmp_path))


def exported(here: ShopSurroundings, sql: str, path: str = "out.csv", **more: Any) -> str:
    tools.export(here, source="shop", sql=sql, path=path, **more)
    return (Path(here.folder) / path).read_bytes().decode()


def error_of(here: ShopSurroundings, sql: str, path: str) -> str:
    with pytest.raises(SqlError) as raised:
        tools.export(here, source="shop", sql=sql, path=path)
    return raised.value.error


def test_a_text_that_a_spreadsheet_would_run_is_written_as_text(here: ShopSurroundings) -> None:
    lines = exported(here, "SELECT id, t FROM cells WHERE id NOT IN (5) ORDER BY id").split("\r\n")
    assert lines == [
        "id,t",
        "1,'=1+1",
        "2,'@sum",
        "3,-1.5",
        "4,'+cmd|' /C calc'!A0",
        '6,""',
        "7,",
        "8,'\tTAB",
        "9,plain",
        "",
    ]
    named = exported(here, 'SELECT 1 AS "=cmd()", 2 AS n, 3 AS n', "names.csv")
    assert named == "'=cmd(),n,n\r\n1,2,3\r\n"
    marked = exported(here, 'SELECT 1 AS "\ufeff=cmd()"', "marked.csv")
    assert marked == "'\ufeff=cmd()\r\n1\r\n"


def test_texts_and_bytes_are_told_apart_from_null(here: ShopSurroundings) -> None:
    text = exported(here, "SELECT t, b FROM cells WHERE id IN (1, 3, 5) ORDER BY id")
    assert text == 't,b\r\n\'=1+1,\\x00ff\r\n-1.5,\\x\r\n"quote "" comma , line\nend",\r\n'


def test_masks_and_limits_of_policy_hold_in_the_file(here: ShopSurroundings) -> None:
    masked = here._replace(obligations={**MASK_PRIVATE, "limit_rows": 2})
    assert exported(masked, "SELECT id, email FROM customers ORDER BY id") == "id,email\r\n1,\r\n2,\r\n"  # fmt: skip
    small = here._replace(obligations={"limit_bytes": 30})
    result = tools.export(small, source="shop", sql="SELECT name FROM customers", path="small.csv")
    assert "size limit" in result["text"]
    assert os.path.getsize(f"{here.folder}/small.csv") <= 30


def test_what_is_told_of_an_export_holds_none_of_it(here: ShopSurroundings) -> None:
    result = tools.export(here, source="shop", sql="SELECT email FROM customers", path="all.csv")
    assert CANARY not in str(result)
    assert result.get("taint") == ["sql.shop", "pii.email"]
    assert result.get("structured", {})["rows"] == 10


def test_the_file_is_a_resource_that_is_written(here: ShopSurroundings) -> None:
    found = tools.resources(
        "export", {"source": "shop", "sql": "SELECT name FROM staff", "path": "a.csv"}, here
    )
    assert {"id": "path:a.csv", "access": "write", "tags": ["sql.export"]} in found
    assert "column:shop.main.staff.name" in {one["id"] for one in found}


def test_no_file_is_made_where_one_is_or_outside_the_workspace(
    here: ShopSurroundings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Path(here.folder)
    other = tmp_path_factory.mktemp("other")
    (folder / "there.csv").write_text("kept")
    (folder / "link.csv").symlink_to(other / "x.csv")
    (folder / "away").symlink_to(other)
    (folder / ".git").mkdir()
    sql = "SELECT 1"
    assert error_of(here, sql, "there.csv") == "file_exists"
    assert error_of(here, sql, "link.csv") == "file_exists"
    assert error_of(here, sql, "away/x.csv") == "outside_workspace"
    assert error_of(here, sql, "../x.csv") == "outside_workspace"
    assert error_of(here, sql, str(other / "x.csv")) == "outside_workspace"
    assert error_of(here, sql, ".git/x.csv") == "outside_workspace"
    assert error_of(here, sql, "none/x.csv") == "bad_arguments"
    assert error_of(here, sql, "x.sh") == "bad_arguments"
    assert (folder / "there.csv").read_text() == "kept"
    assert list(other.iterdir()) == []


def test_a_folder_that_became_a_link_meanwhile_is_not_followed(
    here: ShopSurroundings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    (other / "b").mkdir()
    inner = Path(here.folder) / "a" / "b"
    inner.mkdir(parents=True)
    target = export_file.target_of(here.folder, "a/b/x.csv")
    inner.rmdir()
    inner.parent.rmdir()
    inner.parent.symlink_to(other)
    with pytest.raises(SqlError) as raised, export_file.made(target):
        pass
    assert raised.value.error == "outside_workspace"
    assert list((other / "b").iterdir()) == []


def test_a_statement_that_fails_leaves_no_file(here: ShopSurroundings) -> None:
    for path in ("x.csv", "x.parquet"):
        assert error_of(here, "DELETE FROM staff", path) == "not_a_query"
        assert error_of(here, "SELECT nosuch FROM staff", path) == "no_such_column"
        assert not (Path(here.folder) / path).exists()


def test_parquet_keeps_types_nulls_and_every_name(here: ShopSurroundings) -> None:
    sql = "SELECT id, t, n, b, id AS n FROM cells ORDER BY id"
    tools.export(here, source="shop", sql=sql, path="out.parquet")
    with duckdb.connect() as connection:
        read = connection.execute(f"SELECT * FROM '{here.folder}/out.parquet'")
        described = [(name, str(kind)) for name, kind, *_ in read.description or ()]
        rows = read.fetchall()
    assert [name for name, _ in described] == ["id", "t", "n", "b", "n_2"]
    assert [kind for _, kind in described] == ["BIGINT", "VARCHAR", "BIGINT", "BLOB", "BIGINT"]
    assert rows[0] == (1, "=1+1", 1, b"\x00\xff", 1)
    assert rows[2] == (3, "-1.5", None, b"", 3)
    assert rows[4][1] == 'quote " comma , line\nend'
    assert (rows[5][1], rows[6][1]) == ("", None)


def test_a_sample_is_a_few_rows_under_the_same_rules(here: ShopSurroundings) -> None:
    masked = here._replace(obligations=MASK_PRIVATE)
    result = tools.sample(masked, source="shop", table="contacts", columns="name,mail", limit=2)
    assert result.get("structured", {})["rows"] == [["Ana", None], ["Bo", None]]
    named = {one["id"] for one in tools.resources("sample", {"source": "shop", "table": "contacts"}, here)}  # fmt: skip
    assert "column:shop.main.customers.email" in named
    assert "column:shop.main.customers.email" in {
        one["id"] for one in tools.resources("profile", {"source": "shop", "table": "contacts"}, here)
    }  # fmt: skip
