"""``[model]`` and ``[platforms]``: what is taken, what is refused, and with which place."""

from typing import Any

import pytest

from devagent.core.errors import ConfigError
from devagent.core.limits import SamplingBounds
from devagent.models.choices import Choices, KeySource, ModelFacts
from devagent.models.configured import configured_choices
from devagent.models.platforms import keys_of, price_table, where, window
from devagent.models.prices import Rates
from devagent.models.sampling import Sampling, within
from devagent.models.tls import Tls
from devagent.settings.config import parse_config

LOCAL = """
[platforms.local]
type = "openai"
base_url = "http://127.0.0.1:8000/v1"
"""


def choices(text: str) -> Choices:
    config = parse_config(text.encode(), "config.toml")
    return configured_choices(
        config.model_table, config.platforms, config.fault, max_tokens=config.max_tokens
    )


def test_every_entry_is_taken_as_written() -> None:
    found = choices(
        """
        max_tokens = 32000
        [model]
        main = "claude-opus-5-5"
        fast = "claude-haiku-5-5"
        judge = "local/j"
        fallback = ["claude-sonnet-5-5"]
        thinking = 8000
        effort = "high"
        cache = "1h"
        features = ["context_1m"]
        context = 500_000
        compact_at = 0.5
        key_command = ["corp-token", "--for", "anthropic"]
        key_kind = "api_key"
        headers = { x-team = "data" }
        client_certificate = "/c.pem"
        client_key = "/k.pem"
        ca_file = "/ca.pem"
        """
        + LOCAL
        + """
        key_env = "LOCAL_KEY"
        [platforms.local.models."qwen/3"]
        context = 131_072
        price = { input = 0, output = 0, cache_write = 0, cache_read = 0 }
        """
    )
    assert (found.fast, found.judge, found.fallback) == ("claude-haiku-5-5", "local/j", ("claude-sonnet-5-5",))  # fmt: skip
    assert found.sampling == Sampling(32000, "", 8000, "high", None, "1h", ("context_1m",))
    assert found.sampling.betas == ("context-1m-2025-08-07", "extended-cache-ttl-2025-04-11")
    assert found.key == KeySource(("corp-token", "--for", "anthropic"), "", "api_key")
    assert found.tls == Tls("/ca.pem", "/c.pem", "/k.pem")
    assert (found.context, found.compact_at, found.headers) == (500_000, 0.5, {"x-team": "data"})
    local = found.platforms["local"]
    assert local.key == KeySource(variable="LOCAL_KEY")
    assert local.models == {"qwen/3": ModelFacts(131_072, Rates(0, 0, 0, 0))}


def test_a_model_may_stay_a_text_beside_platforms() -> None:
    config = parse_config(f'model = "local/m"{LOCAL}'.encode(), "c.toml")
    assert (config.model, config.model_table) == ("local/m", {})


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ('[model]\nmian = "a"', "unknown key 'mian'", 2),
        ("[model]\nmain = 5", "main must be text", 2),
        ('[model]\nthinking = "deep"', "thinking must be one of off, adaptive", 2),
        ("[model]\nthinking = 10", "thinking must be a whole number from 1,024", 2),
        ("max_tokens = 2000\n[model]\nthinking = 2000", "below max_tokens", 3),
        ('[model]\nthinking = "adaptive"\ntemperature = 0.2', "temperature must be left out", 3),
        ("[model]\ntemperature = 3", "temperature must be a number from 0 to 1", 2),
        ('[model]\neffort = "huge"', "effort must be one of", 2),
        ('[model]\nfeatures = ["time_travel"]', "features knows no 'time_travel'", 2),
        ('[model]\nkey_command = "corp-token x"', "key_command must be a list of texts", 2),
        ("[model]\nkey_command = []\nfallback = [1]", "fallback must be a list of texts", 3),
        ('[model]\nclient_key = "/k"', "of no use without client_certificate", 2),
        ('[model]\nca_file = "/a"\nsystem_trust = true', "cannot both say", 2),
        ("[model]\nheaders = { a = 1 }", "headers must be a table of texts", 2),
        ("[model]\ncompact_at = 1", "compact_at must be a number", 2),
        ("[model]\ncompact_at = true", "compact_at must be a number", 2),
        ("[platforms]\nlocal = 3", "platforms.local must be a table", 2),
        ('[platforms.local]\nbase_url = "http://a"', "needs a type", 1),
        ('[platforms.local]\ntype = "openia"', "type must be one of messages, openai", 2),
        ('[platforms.local]\ntype = "openai"', "needs a base_url", 1),
        ('[platforms."a/b"]\ntype = "bedrock"', "cannot be the name of a platform", 1),
        ('[platforms.claude-x]\ntype = "bedrock"', "cannot be the name", 1),
        (f'{LOCAL}key_env = "A"\nkey_command = ["b"]', "not from both", 5),
        ('[platforms.b]\ntype = "bedrock"\nca_file = "/a"', "from the environment alone", 1),
        (f"{LOCAL}[platforms.local.models.m]\nprice = 3", "price is not as it must be", 6),
        (f"{LOCAL}[platforms.local.models.m]\nprise = 3", "unknown key 'prise'", 6),
        (f"{LOCAL}[platforms.local.models.m]\ncontext = 5", "context must be a whole number", 6),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(text: str, said: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        choices(text)
    assert said in caught.value.what
    assert (caught.value.line, caught.value.exit_code) == (line, 78)


CLOUDS = """
[platforms.aws]
type = "bedrock"
region = "eu-central-1"
[platforms.gcp]
type = "vertex"
region = "eu"
project = "acme"
[platforms.azure]
type = "foundry"
resource = "acme"
"""


@pytest.mark.parametrize(
    ("name", "host", "region"),
    [
        ("claude-opus-5-5", "api.anthropic.com", ""),
        ("local/m", "127.0.0.1", ""),
        ("aws/x", "bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("gcp/x", "aiplatform.eu.rep.googleapis.com", "eu"),
        ("azure/x", "acme.services.ai.azure.com", ""),
        ("rehearsal:a.toml", "", ""),
    ],
)
def test_policy_is_told_where_a_model_is_asked(name: str, host: str, region: str) -> None:
    found = where(name, choices(LOCAL + CLOUDS))
    assert (found.host, found.region) == (host, region)


def test_a_gateway_in_the_services_place_is_where_it_is_asked() -> None:
    assert where("claude-opus-5-5", Choices(), "https://llm.corp.example/a").host == "llm.corp.example"  # fmt: skip


@pytest.mark.parametrize("name", ["locale/m", "local/", "local/two words", "nowhere/x"])
def test_an_unknown_platform_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown model") as caught:
        where(name, choices(LOCAL))
    assert "local" in caught.value.hint


def test_windows_are_those_of_the_config_else_the_usual_ones() -> None:
    found = choices(LOCAL + CLOUDS + "[platforms.local.models.m]\ncontext = 32_000")
    assert window("local/m", found) == 32_000
    assert window("local/other", found) == 0
    assert window("aws/x", found) == window("claude-opus-5-5", found) == 200_000
    long = choices('[model]\nfeatures = ["context_1m"]')
    assert window("claude-opus-5-5", long) == 1_000_000


def test_prices_of_platforms_join_the_table_under_another_digest() -> None:
    plain = price_table(choices(LOCAL))
    found = price_table(
        choices(
            f"{LOCAL}[platforms.local.models.m]\nprice = {{ input = 1, output = 2, cache_write = 0, cache_read = 0 }}\n"
            '[platforms.local.models.n]\nprice_as = "claude-opus-5-5"'
        )
    )
    assert found.rates("local/m") == Rates(1, 2, 0, 0)
    assert found.rates("local/n") == plain.rates("claude-opus-5-5")
    assert found.rates("local/other") is None
    assert found.digest != plain.digest
    with pytest.raises(ConfigError, match="no price of 'gpt-9'"):
        price_table(choices(f'{LOCAL}[platforms.local.models.m]\nprice_as = "gpt-9"'))


def test_a_key_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="LOCAL_KEY is not set"):
        keys_of(KeySource(variable="LOCAL_KEY"), {})
    assert keys_of(KeySource(), {}) is None


def bounded(sampling: Sampling, **bounds: Any) -> Sampling:
    return within(sampling, SamplingBounds(**bounds))


def test_bounds_only_narrow() -> None:
    plain = Sampling()
    assert bounded(plain) == plain
    assert bounded(plain, max_tokens=8000).max_tokens == 8000
    assert bounded(plain, max_tokens=99_000).max_tokens == 16_000
    assert bounded(plain, temperature=0.5).temperature == 0.5
    assert bounded(Sampling(temperature=0.2), temperature=0.5).temperature == 0.2
    assert bounded(plain, temperature=1).temperature is None


def test_a_bound_on_thinking_makes_it_a_budget_or_ends_it() -> None:
    assert bounded(Sampling(thinking_tokens=9000), thinking_tokens=4000).thinking_tokens == 4000
    adaptive = bounded(Sampling(thinking="adaptive"), thinking_tokens=4000)
    assert (adaptive.thinking, adaptive.thinking_tokens) == ("", 4000)
    for sampling in (Sampling(), Sampling(thinking="adaptive"), Sampling(thinking_tokens=5000)):
        assert bounded(sampling, thinking_tokens=0).thinking == "off"
        assert not bounded(sampling, thinking_tokens=0).thinks
        assert bounded(sampling, temperature=0.5).thinking == "off"
    assert bounded(Sampling(), thinking_tokens=4000).thinking == "off"
    tight = bounded(Sampling(thinking_tokens=9000), max_tokens=4000)
    assert tight.thinking_tokens == 2000
    assert not bounded(Sampling(thinking_tokens=9000), max_tokens=1000).thinks
