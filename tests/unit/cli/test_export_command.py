"""``devagent session export --to``: what it takes, tells and ends with; and the page's queries."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from devagent.cli.session import session
from devagent.cli.usage import usage
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.core.events.turns import Prompt
from devagent.settings.places import places
from tests.support.exported import SECRET, a_turn, ended_session, fleet, who
from tests.support.otlp_receiver import receiving
from tests.unit.audit.test_export_run import damaged_at

PAGE = Path(__file__).parents[3] / "docs" / "exports.md"
AT = 1_800_000_000_000_000


def run(*args: str) -> Result:
    return CliRunner().invoke(session, ["export", *args])


@pytest.fixture
def sessions() -> Path:
    return Path(places().sessions)


def test_it_says_what_was_done_and_does_it_once(sessions: Path, tmp_path: Path) -> None:
    fleet(sessions, 1)
    line = ("--to", "parquet", "--all", "-o", str(tmp_path / "lake"))
    first = run(*line)
    assert first.exit_code == 0, first.stderr
    assert "of 2 sessions exported" in first.stdout
    assert "0 events of 0 sessions exported; 2 had nothing new" in run(*line).stdout
    again = run(*line, "--again")
    assert isinstance(again.exception, UsageError)
    assert "twice" in str(again.exception)


def test_one_session_and_those_that_changed_since_can_be_named(
    sessions: Path, tmp_path: Path
) -> None:
    folders = fleet(sessions, 1)
    one = ("--to", "ocsf", "-o", str(tmp_path / "siem"))
    assert "of 1 sessions" in run(os.path.basename(folders[0]), *one).stdout
    assert "of 1 sessions" in run(*one, "--since", "1h").stdout
    os.utime(Path(folders[0], "events.jsonl"), (1, 1))
    assert "1 had nothing new" in run(*one, "--since", "1h").stdout


def test_a_log_that_does_not_verify_is_exported_told_and_exit_code_1(
    sessions: Path, tmp_path: Path
) -> None:
    damaged_at(ended_session(sessions, [who("ana"), *a_turn()], at_us=AT), 0)
    done = run("--to", "parquet", "--all", "-o", str(tmp_path / "lake"))
    assert done.exit_code == 1
    assert "of 1 sessions exported" in done.stdout
    assert "does not verify: events.jsonl:2" in done.stderr


def test_a_target_that_is_gone_is_not_taken_for_a_new_one(sessions: Path, tmp_path: Path) -> None:
    fleet(sessions, 1)
    line = ("--to", "delta", "--all", "-o", str(tmp_path / "lake"))
    assert run(*line).exit_code == 0
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    done = run(*line)
    assert isinstance(done.exception, DevagentError)
    assert "is not there any more" in str(done.exception)
    assert "--again" in str(done.exception)
    assert run(*line, "--again").exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--all",),
        ("--content",),
        ("--to", "parquet", "--all"),
        ("--to", "delta", "-o", "s3://bucket/lake"),
        ("--to", "ocsf", "-o", "x", "--endpoint", "http://localhost"),
        ("--to", "otlp", "--all", "-o", "x"),
        ("--to", "otlp", "--endpoint", "http://localhost", "--experiment", "x"),
        ("--to", "parquet", "-o", "x", "--format", "html"),
        ("--to", "parquet", "-o", "x", "last", "--all"),
        ("--to", "otlp", "--endpoint", "http://localhost", "--header", "Authorization=Bearer s3cret"),
        ("--to", "otlp", "--endpoint", "https://localhost", "--header", "A: b=env:X"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_before_anything_is_done(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    fleet(sessions, 1)
    done = run(*args)
    assert isinstance(done.exception, UsageError)
    assert "s3cret" not in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_header_is_sent_by_its_handle(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(sessions, 1)
    with receiving() as receiver:
        line = ("--to", "otlp", "--all", "--endpoint", receiver.url, "--header", "Authorization=Bearer env:OTLP_KEY")  # fmt: skip
        missing = run(*line)
        assert isinstance(missing.exception, ConfigError)
        assert "env:OTLP_KEY" in str(missing.exception)
        assert not receiver.requests
        monkeypatch.setenv("OTLP_KEY", "s3cret-value")
        done = run(*line)
        assert done.exit_code == 0, done.stderr
        assert {one[1]["authorization"] for one in receiver.requests} == {"Bearer s3cret-value"}
        assert "s3cret" not in done.output
        kept = list(Path(places().data, "exports").iterdir())
        assert kept
        assert not any(b"s3cret" in path.read_bytes() for path in kept)


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [("parquet", "pyarrow", "lake"), ("delta", "deltalake", "lake"), ("otlp", "opentelemetry.sdk", "otel"), ("mlflow", "opentelemetry.sdk", "otel")],
)  # fmt: skip
def test_a_library_that_is_missing_is_named_with_its_extra(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, library: str, extra: str
) -> None:  # fmt: skip
    fleet(sessions, 1)
    for name in [name for name in sys.modules if name.partition(".")[0] == library.partition(".")[0]]:  # fmt: skip
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    where = ("-o", str(tmp_path / "x")) if extra == "lake" else ("--endpoint", "http://127.0.0.1:9")
    done = run("--to", kind, "--all", *where)
    assert isinstance(done.exception, ConfigError), done.output
    assert f"`{extra}` extra" in str(done.exception)
    assert f"--with {extra}" in str(done.exception)


def test_content_passes_todays_redaction_once_more(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "zq81-Kd92-unheard-of"
    events = [who("ana"), *(Prompt(turn=1, text=f"use {secret}") if isinstance(e, Prompt) else e for e in a_turn())]  # fmt: skip
    ended_session(sessions, events, at_us=AT)
    monkeypatch.setenv("SHOP_API_TOKEN", secret)
    done = run("--to", "ocsf", "--all", "--content", "-o", str(tmp_path / "siem"))
    assert done.exit_code == 0
    text = "".join(path.read_text() for path in (tmp_path / "siem").iterdir())
    assert SECRET in text
    assert secret not in text


def test_the_pages_queries_answer_what_they_are_for(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(sessions, 2)
    damaged_at(ended_session(sessions, [who("ana", "x"), *a_turn()], at_us=AT + 99_000_000), 0)
    monkeypatch.chdir(tmp_path)
    assert run("--to", "parquet", "--all", "--output", "lake").exit_code == 1
    queries = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    with duckdb.connect() as db:
        spent, reached, refused, quick, stand = [
            [json.loads(row) for (row,) in db.execute(f"select to_json(t)::varchar from ({sql}) t").fetchall()]
            for sql in queries
        ]  # fmt: skip
    assert spent[0] == {"day": "2027-01-15", "team": "data-eng", "usd": 0.003, "replies": 2, "unpriced": 0}  # fmt: skip
    assert {(one["principal"], one["tool"], one["status"], one["rules"][0]) for one in reached} == {("ana", "git.query", "allowed", "org/acme#no-force")}  # fmt: skip
    assert refused == [{"rule": "org/acme#no-force", "tool": "git.push", "refusals": 14, "people": 3}]  # fmt: skip
    assert quick == [{"answered_by": "ana", "tool": "git.push", "quick": 7}]
    assert [one["verified"] for one in stand] == [False, True, True, True, True]
    assert "prev is not the hash" in stand[0]["problem"]


def test_usage_is_a_parquet_file_too(sessions: Path, tmp_path: Path) -> None:
    fleet(sessions, 1)
    out = tmp_path / "usage.parquet"
    done = CliRunner().invoke(usage, ["--by", "user", "--since", "2026-01-01", "--format", "parquet", "-o", str(out)])  # fmt: skip
    assert done.exit_code == 0, done.output
    with duckdb.connect() as db:
        found = db.execute(f"select key, usd, replies, calls, sessions from '{out}' order by key").fetchall()  # fmt: skip
    assert found == [("ana", 0.003, 2.0, 8, 1), ("bo for care", 0.0, 1.0, 4, 1)]
    assert out.stat().st_mode & 0o777 == 0o600


def test_nothing_heavy_is_loaded_where_a_session_is_only_written_down() -> None:
    code = (
        "import sys, devagent.cli.session.export, devagent.cli.usage; "
        "print([m for m in ('pyarrow', 'deltalake', 'opentelemetry', 'sqlite3', 'urllib.request') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)  # fmt: skip
    assert done.stdout == "[]\n"
