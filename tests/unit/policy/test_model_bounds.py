"""``[models]``: who may ask which model, where, once what was read. Each file can only narrow."""

import pytest

from devagent.core.errors import PolicyError
from devagent.core.limits import SamplingBounds
from devagent.policy import PolicyFile, parse
from devagent.policy.model_bounds import (
    ModelAsked,
    binds_labels,
    forbids_model,
    keeps_nothing,
    sampling_bounds,
)


def file(text: str, *, org: bool = False) -> PolicyFile:
    return parse(f'name = "{"org" if org else "mine"}"\n{text}', "p.toml", org=org)


def asked(
    name: str = "claude-sonnet-5-5",
    host: str = "api.anthropic.com",
    region: str = "",
    principal: tuple[str, ...] = ("user:ana", "group:eng"),
) -> ModelAsked:
    return ModelAsked(name, host, region, frozenset(principal))


def keeper(files: list[PolicyFile], one: ModelAsked, labels: tuple[str, ...] = ()) -> str:
    return forbids_model(files, one, labels)[0]


def test_silence_allows() -> None:
    assert forbids_model([file("", org=True)], asked()) == ("", "")


def test_every_file_must_allow_the_model_and_the_one_that_does_not_is_named() -> None:
    org = file('[models]\nallow = ["claude-sonnet-*", "claude-haiku-5-5"]', org=True)
    mine = file('[models]\nallow = ["*"]')
    assert keeper([org, mine], asked()) == ""
    assert keeper([org, mine], asked("claude-haiku-5-5")) == ""
    assert forbids_model([org, mine], asked("claude-opus-5-5")) == ("org", "[models] allow")
    assert keeper([file("[models]\nallow = []")], asked()) == "mine"


def test_hosts_and_regions_must_be_known_to_be_allowed() -> None:
    org = [file('[models]\nhosts = ["*.corp.example"]\nregions = ["eu-*"]', org=True)]
    assert keeper(org, asked(host="llm.corp.example", region="eu-west-1")) == ""
    assert keeper(org, asked(host="llm.corp.example")) == "org"
    assert keeper(org, asked(host="llm.evil.example", region="eu-west-1")) == "org"
    assert keeper(org, asked(host="", region="eu-west-1")) == "org"


def test_zero_retention_holds_at_the_hosts_that_the_same_file_names() -> None:
    required = file('[models]\nzero_retention = "required"\nzero_retention_hosts = ["llm.corp.example"]', org=True)  # fmt: skip
    assert keeper([required], asked()) == "org"
    assert keeper([required], asked(host="llm.corp.example")) == ""
    bare = file('[models]\nzero_retention = "required"', org=True)
    claims = file('[models]\nzero_retention_hosts = ["*"]')
    assert keeper([bare, claims], asked()) == "org"
    assert keeps_nothing([required], "llm.corp.example")
    assert not keeps_nothing([required], "api.anthropic.com")


ONLY = """
[[models.only]]
principals = ["group:contractors"]
allow = ["claude-haiku-*"]
[[models.only]]
labels = ["pii.*", "private"]
allow = ["local/*"]
"""


def test_some_people_and_some_data_have_fewer_models() -> None:
    org = [file(ONLY, org=True)]
    contractor = ("user:bo", "group:contractors")
    assert keeper(org, asked()) == ""
    assert forbids_model(org, asked(principal=contractor)) == ("org", "[[models.only]]")
    assert keeper(org, asked("claude-haiku-5-5", principal=contractor)) == ""
    assert keeper(org, asked(), ("git",)) == ""
    assert keeper(org, asked(), ("git", "pii.email")) == "org"
    assert keeper(org, asked("local/qwen"), ("private",)) == ""
    assert keeper(org, asked("local/qwen", principal=contractor), ("private",)) == "org"
    assert binds_labels(org)
    assert not binds_labels([file("[models]\nallow = []")])


def test_an_entry_for_people_and_data_concerns_both_together() -> None:
    org = [
        file('[[models.only]]\nprincipals = ["user:bo"]\nlabels = ["pii"]\nallow = []', org=True)
    ]
    assert keeper(org, asked(principal=("user:bo",)), ()) == ""
    assert keeper(org, asked(), ("pii",)) == ""
    assert keeper(org, asked(principal=("user:bo",)), ("pii",)) == "org"


def test_of_several_bounds_the_least_holds() -> None:
    org = file("[models]\nmax_tokens = 8000\nmax_temperature = 0.7", org=True)
    mine = file("[models]\nmax_tokens = 9000\nmax_temperature = 0.2\nmax_thinking_tokens = 0")
    assert sampling_bounds([org, mine]) == SamplingBounds(8000, 0.2, 0)
    assert sampling_bounds([file("")]) == SamplingBounds()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[models]\nhost = ["a"]', 'has no key "host"'),
        ('[models]\nzero_retention = "wanted"', "zero_retention"),
        ("[models]\nmax_tokens = 0", "max_tokens"),
        ("[models]\nmax_tokens = 1.5", "max_tokens must be a whole number"),
        ("[models]\nmax_temperature = 2", "at most 1"),
        ("[models]\nmax_thinking_tokens = -1", "max_thinking_tokens"),
        ("[[models.only]]\nallow = []", "needs allow, and principals or labels"),
        ('[[models.only]]\nlabels = ["a"]', "needs allow"),
        ('[[models.only]]\nprincipals = ["ana"]\nallow = []', "ana"),
        ('[models]\nallow = ["***"]', "three stars"),
    ],
)
def test_a_bad_table_refuses_the_file(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        file(text, org=True)
    assert said in caught.value.what
    assert caught.value.line
