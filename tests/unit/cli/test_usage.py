"""``devagent usage``: every cent counted once, by whatever one asks about; what could be had for less is said."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from devagent.audit.spending_report import BY
from devagent.audit.writer import SessionLog
from devagent.cli.usage import since_s, sparkline, usage
from devagent.core.errors import UsageError
from devagent.core.events.calls import ToolCalled, ToolFinished
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionStarted
from devagent.core.principal import Principal
from devagent.core.usage import Cost, Usage
from devagent.settings.places import places

DAY_S = 86_400
NOON = 20_600 * DAY_S + DAY_S // 2


class Session:
    """A session on record, whose clock the test moves."""

    def __init__(self, user: str, folder: str, at: float = NOON) -> None:
        self.at = at
        self._log = SessionLog.create(places().sessions, clock=lambda: int(self.at * 1e9))
        self.sid = self._log.sid
        self._calls = 0
        who = Principal(user=user, groups=("eng",) if user == "ana" else ())
        self._log.write(
            SessionStarted(
                principal=who,
                agent="",
                mode="run",
                model="m",
                versions={},
                policy="",
                folder=folder,
            )
        )

    def reply(
        self,
        usd: float | None,
        *tools: str,
        usage: Usage = Usage(100, 10),  # noqa: B008 - frozen
        size: int = 10,
        model: str = "claude-x",
    ) -> None:
        cost = None if usd is None else Cost(round(usd * 1e6), "p")
        self._log.write(
            ModelReplied(turn=1, model=model, stop="", content=[], usage=usage, cost=cost)
        )
        for tool in tools:
            self._calls += 1
            call, (ext, _, name) = f"c{self._calls}", tool.partition(".")
            self._log.write(ToolCalled(turn=1, call=call, ext=ext, tool=name, args={}))
            self._log.write(ToolFinished(turn=1, call=call, outcome="ok", bytes=size))
        os.utime(os.path.join(self._log.folder, "events.jsonl"), (self.at, self.at))


@pytest.fixture
def recorded(tmp_path: Path) -> list[Session]:
    (tmp_path / "shop/.git").mkdir(parents=True)
    (tmp_path / "shop/src").mkdir()
    ana = Session("ana", str(tmp_path / "shop/src"))
    ana.reply(0.30, "git.log", "git.log", "sql.query")
    ana.at += DAY_S
    ana.reply(0.10)
    bo = Session("bo", str(tmp_path / "elsewhere"))
    bo.reply(0.05, "git.log", model="claude-y")
    bo.reply(None, model="claude-z")
    return [ana, bo]


def told(*arguments: str, since: str = "2020-01-01") -> str:
    done = CliRunner().invoke(usage, ["--since", since, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(by: str, *arguments: str) -> dict[str, Any]:
    plain = json.loads(told("--by", by, "--format", "json", *arguments))
    return {row["key"]: row["usd"] for row in plain["rows"]}


def test_each_question_has_its_answer(recorded: Sequence[Session], tmp_path: Path) -> None:
    ana, bo = recorded
    assert rows("user") == {"ana": 0.4, "bo": 0.05}
    assert rows("session") == {ana.sid: 0.4, bo.sid: 0.05}
    assert rows("tool") == {"git.log": 0.25, "(answer)": 0.1, "sql.query": 0.1}
    assert rows("model") == {"claude-x": 0.4, "claude-y": 0.05, "claude-z": 0}
    assert rows("repo") == {str(tmp_path / "shop"): 0.4, str(tmp_path / "elsewhere"): 0.05}
    assert rows("team") == {"eng": 0.4, "(none)": 0.05}
    assert sorted(rows("day").values()) == [0.1, 0.35]
    assert rows("step", "--session", ana.sid) == {f"{ana.sid}/0001": 0.3, f"{ana.sid}/0002": 0.1}
    assert list(rows("call", "--session", ana.sid).values()) == [0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("by", [by for by in BY if by != "team"])
def test_the_parts_add_up_to_the_whole(recorded: Sequence[Session], by: str) -> None:
    assert recorded
    plain = json.loads(told("--by", by, "--format", "json"))
    for name in ("usd", "replies", "calls", "unpriced_replies", "result_bytes"):
        assert sum(row[name] for row in plain["rows"]) == pytest.approx(
            plain["total"][name], abs=0.02
        )
    assert plain["total"]["usd"] == 0.45


def test_a_table_has_bars_and_says_what_has_no_price(recorded: Sequence[Session]) -> None:
    assert recorded
    text = told("--by", "user")
    assert text.splitlines()[1].split()[:2] == ["ana", "$0.4000"]
    assert text.splitlines()[1].endswith("█▃")
    assert "1 replies have no known price" in text
    assert "- 1 replies of claude-z have no price" in text


def test_a_sheet_has_the_same_figures_and_no_formulas(recorded: Sequence[Session]) -> None:
    recorded[0].reply(1.0, model="=HYPERLINK(1)")
    sheet = list(csv.DictReader(io.StringIO(told("--by", "model", "--format", "csv"))))
    assert [row["key"] for row in sheet][:2] == ["'=HYPERLINK(1)", "claude-x"]
    assert sheet[1]["usd"] == "0.4"


def test_only_what_was_spent_since_is_counted(recorded: Sequence[Session]) -> None:
    assert recorded
    day = json.loads(told("--format", "json"))["rows"][1]["key"]
    assert json.loads(told("--format", "json", since=day))["total"]["usd"] == 0.1
    assert told(since="today") == ""


def test_words_for_a_time_are_understood_or_refused() -> None:
    assert since_s("7d", NOON) == NOON - 7 * DAY_S
    assert since_s("today", NOON) == NOON - DAY_S // 2
    assert since_s("1970-01-03", NOON) == 2 * DAY_S
    with pytest.raises(UsageError, match="is no time"):
        since_s("yesteryear", NOON)


def test_days_without_cost_are_blanks_and_the_dearest_is_full() -> None:
    assert sparkline({1: 1.0, 3: 8.0}, 1, 4) == "▂ █ "
    assert sparkline({}, 1, 4) == ""
    assert len(sparkline({1: 1.0, 100: 1.0}, 1, 100)) == 30


def test_a_session_that_cannot_be_read_is_told_and_the_others_count(
    recorded: Sequence[Session],
) -> None:
    assert recorded
    broken = Session("eve", "/x")
    (log,) = Path(places().sessions).glob(f"*/{broken.sid}/events.jsonl")
    log.write_bytes(log.read_bytes() + b'{"type":"model.replied",\n')
    done = CliRunner().invoke(usage, ["--since", "2020-01-01", "--by", "user"])
    assert "cannot be read" in done.stderr
    assert "$0.4500" in done.stdout


def test_prompts_that_were_read_anew_are_pointed_out_with_the_likely_reason(
    tmp_path: Path,
) -> None:
    late = Session("ana", str(tmp_path))
    for _ in range(3):
        late.reply(0.1, usage=Usage(30_000, 10))
        late.at += 400
    assert "came more than 5 minutes after" in told()
    fresh = Session("ana", str(tmp_path))
    for _ in range(3):
        fresh.reply(0.1, usage=Usage(30_000, 10))
    assert "found nothing in the cache though the one before was fresh" in told()


def test_a_warm_cache_and_small_results_need_no_advice(tmp_path: Path) -> None:
    session = Session("ana", str(tmp_path))
    session.reply(0.1, "git.log", usage=Usage(30_000, 10))
    for _ in range(5):
        session.reply(0.1, "git.log", usage=Usage(200, 10, cache_read=30_000))
    assert not [line for line in told().splitlines() if line.startswith("-")]


def test_a_tool_whose_results_are_long_as_a_rule_is_named(tmp_path: Path) -> None:
    session = Session("ana", str(tmp_path))
    session.reply(0.1, "workspace.read", "workspace.read", "workspace.read", size=80_000)
    assert "workspace.read: half of its 3 results have 80 KB or more" in told()


def test_many_runs_of_one_reply_are_pointed_out_as_a_batch(tmp_path: Path) -> None:
    for _ in range(9):
        Session("ana", str(tmp_path)).reply(0.1)
    assert "devagent batch" not in told()
    Session("ana", str(tmp_path)).reply(0.1)
    assert "10 runs had one reply and no call" in told()
    assert "$0.5000 less" in told()
