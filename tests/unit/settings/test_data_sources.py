"""The organisation's databases and tags are not the person's to rename, add to or leave away."""

import os
from pathlib import Path
from typing import Any

import pytest

from devagent.core.errors import ConfigError, PolicyError
from devagent.policy.bounds import org_data
from devagent.policy.parse import parse
from devagent.session.ground import Options, stand
from devagent.settings.config import Config, parse_config
from devagent.settings.data_sources import with_org_sources
from tests.support.agent_parts import FakeApprover
from tests.support.shop import build_shop

ORG = """
version = 1
name = "acme"
layer = "org"
[data.sources.shop]
type = "postgres"
host = "db.acme.example"
database = "shop"
env = "prod"
tags = { "column:shop.public.customers.email" = ["pii.email"] }
[data.tags]
"column:**.password*" = ["secret.password"]
"""


def merged(config: str, org: str = ORG) -> dict[str, Any]:
    data, keeper = org_data([parse(org, "org.toml", org=True)])
    own = parse_config(config.encode(), "config.toml")
    return with_org_sources(own, data, keeper).get("sql", {}).get("sources", {})


def test_the_organisations_sources_are_there_without_any_config() -> None:
    data, keeper = org_data([parse(ORG, "org.toml", org=True)])
    sources = with_org_sources(Config(), data, keeper)["sql"]["sources"]
    assert sources["shop"]["host"] == "db.acme.example"
    assert sources["shop"]["tags"] == {
        "column:shop.public.customers.email": ["pii.email"],
        "column:**.password*": ["secret.password"],
    }


def test_a_person_adds_their_login_and_nothing_else() -> None:
    found = merged('[extensions.sql.sources.shop]\nuser = "ana"\nsecret = "shop"\n')
    assert found["shop"]["user"] == "ana"
    assert found["shop"]["secret"] == "shop"
    assert found["shop"]["env"] == "prod"


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ('[extensions.sql.sources.mine]\ntype = "postgres"\nhost = "db.acme.example"\n', 1),
        ('[extensions.sql.sources.shop]\nuser = "ana"\ntags = {}\n', 3),
        ('[extensions.sql.sources.shop]\nenv = "dev"\n', 2),
        ("[extensions.sql.sources.shop]\nelevated = true\n", 2),
        ('[extensions.sql.sources]\nSHOP = { path = "x" }\n', 2),
    ],
)
def test_a_person_neither_names_nor_describes_a_source(config: str, place: int) -> None:
    with pytest.raises(ConfigError) as raised:
        merged(config)
    assert "acme" in raised.value.what
    assert raised.value.line == place


def test_tags_alone_hold_for_the_persons_sources() -> None:
    org = ORG[: ORG.index("[data.sources")] + ORG[ORG.index("[data.tags]") :]
    found = merged('[extensions.sql.sources.mine]\npath = "a.db"\ntags = { "column:**.password*" = ["own"] }\n', org)  # fmt: skip
    assert found["mine"]["tags"] == {"column:**.password*": ["own", "secret.password"]}


def test_without_data_the_persons_sources_stand() -> None:
    org = ORG[: ORG.index("[data.sources")]
    assert merged('[extensions.sql.sources.mine]\npath = "a.db"\n', org) == {
        "mine": {"path": "a.db"}
    }


def test_only_the_organisations_file_names_data() -> None:
    with pytest.raises(PolicyError) as raised:
        parse(ORG.replace('layer = "org"', 'layer = "team"'), "team.toml")
    assert "org's file only" in raised.value.what


@pytest.mark.parametrize(
    "wrong",
    ['[data]\nother = 1\n', '[data.tags]\n"tag:x" = ["y"]\n', '[data.tags]\n"column:x" = "y"\n', "[data]\nsources = 1\n"],
)  # fmt: skip
def test_a_data_table_that_cannot_be_meant_refuses_the_file(wrong: str) -> None:
    with pytest.raises(PolicyError):
        parse(wrong, "org.toml", org=True)


async def test_a_session_judges_by_the_organisations_tags(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    build_shop(str(tmp_path / "shop.db"))
    org = tmp_path / "org.toml"
    org.write_text(
        'version = 1\nname = "acme"\nlayer = "org"\n[data.sources.shop]\ntype = "sqlite"\n'
        f'path = "{tmp_path}/shop.db"\ntags = {{ "column:**.email" = ["pii.email"] }}\n'
    )
    os.chmod(org, 0o600)

    def options(config: Config) -> Options:
        return Options(
            folder=str(tmp_path / "work"), mode="run", approver=FakeApprover(), org_policy=str(org), config=config
        )  # fmt: skip

    toolbox = stand(options(Config()), {"HOME": str(tmp_path)}).extensions()
    call = {"source": "shop", "sql": "SELECT email FROM customers"}
    (query,) = [tool for tool in toolbox.specs() if (tool.extension, tool.name) == ("sql", "query")]
    named = await toolbox.resources(query, call)
    assert [one.tags for one in named if one.kind == "column"] == [("pii.email",)]
    renamed = parse_config(
        f'[extensions.sql.sources.mine]\npath = "{tmp_path}/shop.db"\n'.encode(), "c"
    )
    with pytest.raises(ConfigError):
        stand(options(renamed), {"HOME": str(tmp_path)}).extensions()
