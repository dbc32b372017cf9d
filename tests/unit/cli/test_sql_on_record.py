"""What a session's log has on SQL: fingerprint, tables, columns, masks, rows; and what policy keeps from ``describe``."""

import json
from pathlib import Path
from typing import Any

import pytest

from devagent.cli.entry import run_command_line
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from tests.support.command_line import logged, logs, own_file
from tests.support.shop import build_shop

POLICY = """\
version = 1
name = "mine"
layer = "local"

[[rule]]
id = "read"
effect = "allow"
tools = ["sql.*"]
obligations = { mask = { "column:**.phone" = "partial" }, filter = { "table:shop.main.orders" = "id < 9" } }

[[rule]]
id = "no-email"
effect = "deny"
resources = ["column:**.email", "column:**.mail_domain", "table:**.staff"]
why = "Addresses stay"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    build_shop(str(tmp_path / "shop.db"))
    own_file("policy.toml", POLICY)
    own_file("config.toml", '[extensions.sql.sources.shop]\ntype = "sqlite"\npath = "shop.db"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder: Path, capsys: pytest.CaptureFixture[str], *calls: tuple[str, dict[str, Any]]) -> list[Event]:  # fmt: skip
    """The session's log after a model made these calls, one after the other."""
    replies = [
        f'[[reply]]\ntext = ""\n[[reply.call]]\nname = "c{at}"\ntool = "sql.{tool}"\n'
        f"args = {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in args.items())} }}\n"
        for at, (tool, args) in enumerate(calls)
    ]
    script = folder / "script.toml"
    script.write_text('name = "calls"\n' + "".join(replies) + '[[reply]]\ntext = "Done."\n')
    code = run_command_line(
        ["run", "Do it", "--extension", "sql", "--model", f"rehearsal:{script}"]
    )
    _, err = capsys.readouterr()
    assert code in (0, 3), err
    return list(logged(logs()[0]))


def query(sql: str) -> tuple[str, dict[str, Any]]:
    return "query", {"source": "shop", "sql": sql}


def test_the_log_has_fingerprint_tables_columns_masks_and_rows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = run(
        folder,
        capsys,
        query("SELECT name, phone FROM customers WHERE id IN (1, 2)"),
        query("select name,phone from customers where id in (5) -- the same but for its constants"),
        query("SELECT count(*) FROM orders"),
        query("SELECT email FROM customers"),
    )
    judged = [one for one in log if isinstance(one, ToolJudged)]
    finished = [one for one in log if isinstance(one, ToolFinished)]
    assert {one.id for one in judged[0].resources} == {
        "source:shop",
        "table:shop.main.customers",
        *(f"column:shop.main.customers.{name}" for name in ("id", "name", "phone")),
    }
    first, second, third = (one.structured for one in finished)
    assert [one.rows for one in finished] == [2, 1, 1]
    assert first["masked"] == ["column:shop.main.customers.phone"]
    assert judged[0].decision.obligations["mask"] == {"column:**.phone": "partial"}
    assert len(first["fingerprint"]) == 16
    assert first["fingerprint"] == second["fingerprint"] != third["fingerprint"]
    assert first["sql"] == "SELECT name, phone FROM customers WHERE id IN (1, 2)"
    assert third["rows"] == [[8]]
    assert judged[3].decision.effect == "deny"
    assert "column:shop.main.customers.email" in {one.id for one in judged[3].resources}


def test_describe_sample_and_profile_tell_only_of_what_policy_lets_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = run(
        folder,
        capsys,
        ("describe", {"source": "shop"}),
        ("describe", {"source": "shop", "table": "customers"}),
        ("sample", {"source": "shop", "table": "customers"}),
        ("profile", {"source": "shop", "table": "customers"}),
        ("describe", {"source": "shop", "table": "staff"}),
        ("sample", {"source": "shop", "table": "customers", "columns": "email"}),
    )
    finished = [one for one in log if isinstance(one, ToolFinished)]
    assert [one.outcome for one in finished] == ["ok"] * 4
    tables = {row[0]: row[2] for row in finished[0].structured["rows"]}
    assert {"customers", "orders"} < tables.keys()
    assert "staff" not in tables
    assert (tables["customers"], tables["orders"]) == (10, None)
    for one in finished:
        assert "email" not in one.text
        assert "mail_domain" not in one.text
    shown = ["id", "name", "phone", "city", "joined"]
    assert [row[0] for row in finished[1].structured["rows"]] == shown
    assert finished[2].structured["columns"] == shown
    assert [row[0] for row in finished[3].structured["rows"]] == shown
    assert [one.decision.effect for one in log if isinstance(one, ToolJudged)][4:] == ["deny"] * 2
