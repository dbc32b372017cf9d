"""What a reply cost."""

from pathlib import Path

import pytest

from devagent.core.errors import ConfigError
from devagent.core.usage import Usage
from devagent.models import known_models
from devagent.models.prices import load

SHIPPED = load()


def test_a_cost_is_in_micro_dollars_and_names_its_table() -> None:
    usage = Usage(input=1_000_000, output=100_000, cache_read=10_000, cache_write=1_000)
    cost = SHIPPED.cost("claude-opus-4-8", usage)
    assert cost is not None
    assert cost.usd_micros == 5_000_000 + 2_500_000 + 5_000 + 6_250
    assert cost.prices == SHIPPED.digest
    assert len(SHIPPED.digest) == 64


def test_a_dated_id_has_the_price_of_its_family_and_nothing_else_has() -> None:
    assert SHIPPED.rates("claude-haiku-4-5-20251001") == SHIPPED.rates("claude-haiku-4-5")
    assert SHIPPED.rates("claude-haiku-4-5-fast") is None
    assert SHIPPED.rates("claude-sonnet-5-9") is None


def test_an_unknown_model_has_no_cost_rather_than_none_to_pay() -> None:
    assert SHIPPED.cost("claude-mythos-preview", Usage(input=5)) is None
    assert SHIPPED.cost("rehearsal:tour", Usage()) is None


def test_a_long_prompt_has_its_own_rates_cached_tokens_counted() -> None:
    short = SHIPPED.cost("claude-haiku-5-5", Usage(input=100_000, output=1000))
    long = SHIPPED.cost("claude-haiku-5-5", Usage(input=1, cache_read=100_000, output=1000))
    assert short is not None
    assert long is not None
    assert short.usd_micros == 10_000 + 500
    assert long.usd_micros == 5_000 + 2_500  # the single token rounds away


def test_every_known_model_but_the_preview_has_a_price() -> None:
    assert {m for m in known_models() if SHIPPED.rates(m) is None} == {"claude-mythos-preview"}


def test_what_is_assumed_is_marked() -> None:
    assert [name for name, rates in SHIPPED.models.items() if rates.assumed] == [
        "claude-mythos-5-2"
    ]


def test_a_table_from_elsewhere_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    rates = '{"input": 7, "output": 8, "cache_write": 9, "cache_read": 1}'
    file.write_text(f'{{"dated": "2027-01-01", "models": {{"claude-x": {rates}}}}}', "utf-8")
    table = load(str(file))
    cost = table.cost("claude-x", Usage(input=2))
    assert cost is not None
    assert cost.usd_micros == 14
    assert table.digest != SHIPPED.digest


@pytest.mark.parametrize(
    "text", ["", "{", '{"dated": 1, "models": {}}', '{"dated": "x", "models": {"a": {"input": 1}}}']
)
def test_a_broken_table_is_a_config_error_with_its_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"prices\.json"):
        load(str(file))


def test_a_missing_table_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(str(tmp_path / "none.json"))
