"""``devagent models``: what may be used, by policy, and what is known of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.cli.models import models
from devagent.settings import places as places_module
from tests.support.command_line import own_file

CONFIG = """
[model]
main = "claude-sonnet-5-5"
fast = "local/qwen"
fallback = ["claude-haiku-5-5"]
[platforms.local]
type = "openai"
base_url = "http://127.0.0.1:8000/v1"
[platforms.local.models.qwen]
context = 131_072
price = { input = 0, output = 0, cache_write = 0, cache_read = 0 }
[platforms.aws]
type = "bedrock"
region = "eu-central-1"
[platforms.aws.models.sonnet]
"""
POLICY = """
name = "mine"
layer = "local"
[models]
allow = ["claude-sonnet-*", "local/*", "aws/*"]
zero_retention_hosts = ["127.0.0.1"]
"""


@pytest.fixture(autouse=True)
def nobody_enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(tmp_path / "etc"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, catch_exceptions=False, standalone_mode=False)


def listed(*arguments: str) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in run("--format", "json", *arguments).output.splitlines()]
    return {row["name"]: row for row in rows}


def test_without_a_config_the_services_models_are_listed_with_their_prices() -> None:
    result = run()
    assert result.return_value == 0
    head, first, *_ = result.output.splitlines()
    assert head.split() == ["role", "model", "price", "window", "asked", "at"]
    assert first.split() == ["main,", "fast,", "judge", "claude-sonnet-5-5", "2", "/", "10", "200,000", "api.anthropic.com"]  # fmt: skip


def test_what_policy_does_not_allow_is_left_out_and_told_on_demand() -> None:
    own_file("config.toml", CONFIG)
    own_file("policy.toml", POLICY)
    shown = listed()
    assert "claude-haiku-5-5" not in shown
    assert shown["local/qwen"]["roles"] == ["fast"]
    assert shown["local/qwen"]["zero_retention"] is True
    assert shown["local/qwen"]["context"] == 131_072
    assert shown["aws/sonnet"]["rates"] is None
    assert (shown["aws/sonnet"]["host"], shown["aws/sonnet"]["region"]) == (
        "bedrock-runtime.eu-central-1.amazonaws.com",
        "eu-central-1",
    )
    every = listed("--all")
    assert every["claude-haiku-5-5"]["forbidden"] == "mine ([models] allow)"
    assert every["claude-haiku-5-5"]["roles"] == ["fallback"]
    text = run().output
    assert "not known" in text
    assert "more are not allowed by policy" in text


def test_where_policy_allows_none_the_exit_code_says_so() -> None:
    own_file("policy.toml", 'name = "mine"\nlayer = "local"\n[models]\nallow = []\n')
    assert run().return_value == 1
