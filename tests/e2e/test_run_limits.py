"""What a person, and a script, see of a budget that is nearly used up."""

from pathlib import Path

import pytest

from devagent.core.events.turns import BudgetWarned
from tests.support.command_line import devagent, logged, logs, own_file
from tests.support.messages_server import MessagesServer, Step
from tests.support.workplace import STATUS, workplace

SAID = "max_cost: $0.8500 of $1.0000 spent"
PRICES = '{"dated": "2026-11-21", "models": {"claude-sonnet-5-5": {"input": 0, "output": 10, "cache_write": 0, "cache_read": 0}}}'
STEPS = [
    Step(text="One.", calls=[STATUS], usage={"input_tokens": 10, "output_tokens": 85_000}),
    Step(text="Two."),
]


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    folder = workplace(tmp_path, home)
    own_file("prices.json", PRICES)
    own_file("config.toml", 'prices = "prices.json"\n')
    return folder


@pytest.mark.parametrize("by_policy", [False, True])
async def test_at_80_percent_of_a_budget_text_mode_warns_on_standard_error_and_goes_on(
    work: Path, by_policy: bool
) -> None:
    flag = () if by_policy else ("--max-cost", "1")
    if by_policy:
        own_file("policy.toml", 'name = "m"\n[budget.session]\nusd = 1\n')
    async with MessagesServer(STEPS) as server:
        done = await devagent("run", "Do it", *flag, server=server, cwd=work)
    assert (done.code, done.stdout) == (0, "Two.\n")
    (line,) = [line for line in done.stderr.splitlines() if SAID in line]
    assert line.endswith("([budget.session] in policy)") == by_policy


async def test_at_80_percent_of_a_budget_stream_json_has_the_warning_once_as_the_record_has_it(
    work: Path,
) -> None:
    async with MessagesServer(STEPS) as server:
        done = await devagent(
            *("run", "Do it", "--max-cost", "1", "--output-format", "stream-json"),
            server=server, cwd=work,
        )  # fmt: skip
    assert done.code == 0
    (line,) = [line for line in done.lines if line["type"] == "budget.warned"]
    (event,) = [event for event in logged(logs()[0]) if isinstance(event, BudgetWarned)]
    assert (line["scope"], line["limit"], line["reason"]) == ("run", "max_cost", event.reason)
    assert event.reason == SAID
