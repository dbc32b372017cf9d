"""``devagent sql ask``: the steps from a question to its answer, one repair, and where policy ends them."""

import json
from pathlib import Path
from typing import Any

import pytest

from devagent.cli.entry import run_command_line
from devagent.cli.sql.steps import Seen, next_step
from devagent.core.events.calls import ToolFinished
from tests.support.command_line import logged, logs, own_file
from tests.support.shop import build_shop
from tests.support.workplace import CONFIG, POLICY

GOOD = "SELECT customers.city, count(*) AS n FROM customers GROUP BY customers.city ORDER BY n DESC"
WRONG = "SELECT customers.town FROM customers"
PRIVATE = "SELECT customers.email FROM customers"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    build_shop(str(tmp_path / "shop.db"))
    own_file("policy.toml", POLICY)
    own_file("config.toml", CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(name: str, tool: str, **arguments: str) -> str:
    args = ", ".join(f"{key} = {json.dumps(value)}" for key, value in arguments.items())
    return f'[[reply.call]]\nname = "{name}"\ntool = "sql.{tool}"\nargs = {{ source = "shop", {args} }}\n'


def reply(text: str, *calls: str) -> str:
    return f"[[reply]]\ntext = {json.dumps(text)}\n{''.join(calls)}"


def ask(
    folder: Path, capsys: pytest.CaptureFixture[str], *replies: str
) -> tuple[dict[str, Any], str]:
    script = folder / "script.toml"
    script.write_text('name = "asked"\n' + "".join(replies))
    model = f"rehearsal:{script}"
    code = run_command_line(["sql", "ask", "How many customers has each city?", "--source", "shop", "--model", model, "--output-format", "json"])  # fmt: skip
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["exit_code"] == code, err
    return result, err


LINK = [reply("Looking.", call("d", "describe", table="staff")), reply("customers: city")]
DRAFT = [reply(f"```sql\n{GOOD}\n```")]


def test_a_question_is_answered_in_steps_each_of_them_on_record(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = [reply("", call("e", "explain", sql=GOOD)), reply("The plan is sound.")]
    run = [reply("", call("q", "query", sql=GOOD)), reply("3 rows")]
    result, _ = ask(folder, capsys, *LINK, *DRAFT, *checked, *run, reply("Lisbon has most."))
    assert result["result"].endswith("Lisbon has most.")
    assert result["exit_code"] == 0
    finished = [one for one in logged(logs()[0]) if isinstance(one, ToolFinished)]
    assert [one.outcome for one in finished] == ["ok", "ok", "ok"]
    assert len({one.turn for one in finished}) == 3


def test_a_statement_that_fails_is_repaired_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [reply("", call("e", "explain", sql=WRONG)), reply("It fails.")]
    repaired = [
        reply("", call("e2", "explain", sql=GOOD)),
        reply("", call("q", "query", sql=GOOD)),
        reply("3 rows"),
    ]
    result, _ = ask(folder, capsys, *LINK, *DRAFT, *wrong, *repaired, reply("Lisbon has most."))
    assert result["result"].endswith("Lisbon has most.")


def test_a_refusal_by_policy_is_the_end_and_not_repaired(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = [reply("", call("e", "explain", sql=PRIVATE)), reply("Policy does not let me.")]
    result, _ = ask(folder, capsys, *LINK, *DRAFT, *refused, reply("No answer: ask #privacy."))
    assert result["exit_code"] == 3
    assert result["result"].endswith("No answer: ask #privacy.")


@pytest.mark.parametrize(
    ("step", "seen", "repaired", "expected"),
    [
        ("link", Seen(text="NOT POSSIBLE: no such data"), False, "explain"),
        ("link", Seen(text="customers.city"), False, "draft"),
        ("draft", Seen(text="SELECT 1"), False, "check"),
        ("check", Seen(), False, "run"),
        ("check", Seen(error="no_such_column"), False, "repair"),
        ("check", Seen(error="no_such_column"), True, "explain"),
        ("check", Seen(error="timeout"), False, "explain"),
        ("check", Seen(refused=True), False, "explain"),
        ("run", Seen(error="bad_value"), False, "repair"),
        ("run", Seen(rows=True), False, "explain"),
        ("repair", Seen(rows=True), True, "explain"),
        ("repair", Seen(error="syntax"), True, "explain"),
        ("explain", Seen(rows=True), False, None),
    ],
)
def test_what_follows_a_step(step: Any, seen: Seen, repaired: bool, expected: str | None) -> None:
    following = next_step(step, seen, repaired=repaired)
    assert (following[0] if following else None) == expected
