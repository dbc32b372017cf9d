"""Every engine through MCP: as a plain server, and under policy through the gateway."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mcp import Client

from devagent.gateway.calling import ByTheClient
from devagent.gateway.server import make_server
from devagent.gateway.sessions import Sessions
from devagent.session import Options
from devagent.session.served import Served, open_served
from devagent_serving import Standalone
from devagent_sql.server import make_server as plain_server
from tests.support import mariadb_server, mariadb_shop, postgres_server, postgres_shop
from tests.support.command_line import own_file
from tests.support.shop import CANARY, build_shop

POLICY = """\
version = 1
name = "mine"
layer = "local"

[[rule]]
id = "read"
effect = "allow"
tools = ["sql.query", "sql.sources"]
obligations = { mask = { "column:**.phone" = "null" } }

[[rule]]
id = "no-email"
effect = "deny"
resources = ["column:**.email"]
why = "Addresses stay"
"""
NARROWER = 'version = 1\nname = "narrow"\nlayer = "project"\n[[rule]]\nid = "no-cities"\neffect = "deny"\nresources = ["column:**.city"]\nwhy = "No cities"\n'


@pytest.fixture(scope="module")
def sources(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("served")
    build_shop(str(folder / "shop.db"))
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            f"CREATE TABLE customers AS SELECT 1 AS id, 'Ana' AS name, 'a@{CANARY}' AS email, '{CANARY}' AS phone, 'Oslo' AS city"
        )
    found: dict[str, Any] = {
        "sqlite": {"type": "sqlite", "path": str(folder / "shop.db")},
        "duckdb": {"type": "duckdb", "path": str(folder / "shop.duckdb")},
    }
    if postgres_server.installed():
        running = request.getfixturevalue("postgres_with_shop")
        found["postgres"] = postgres_shop.source(running)
    if mariadb_server.installed():
        found["mariadb"] = mariadb_shop.source(request.getfixturevalue("mariadb_with_shop"))
    return found


async def checks(
    client: Client, prefix: str, sources: dict[str, Any], *, denied: tuple[str, ...] = ()
) -> None:
    for name in sources:
        sql = "SELECT name AS n, phone AS n, 1 AS n FROM customers WHERE id = 1"
        answer = await client.call_tool(f"{prefix}query", {"source": name, "sql": sql})
        assert not answer.is_error, (name, answer)
        assert answer.structured_content is not None
        assert answer.structured_content["columns"] == ["n", "n", "n"], name
        assert answer.structured_content["rows"] == [["Ana", None, 1]], name
        wrong = await client.call_tool(f"{prefix}query", {"source": name, "sql": "DELETE FROM customers"})  # fmt: skip
        assert wrong.is_error
        for column in denied:
            refused = await client.call_tool(f"{prefix}query", {"source": name, "sql": f"SELECT {column} FROM customers"})  # fmt: skip
            assert refused.is_error
            assert CANARY not in json.dumps(refused.model_dump(mode="json"))


async def test_the_plain_server_serves_every_engine(sources: dict[str, Any]) -> None:
    here = Standalone("/", {"sources": sources}, {"mask": {"column:**.phone": "null"}}, 30.0)
    async with Client(plain_server(here)) as client:
        await checks(client, "", sources)


@asynccontextmanager
async def gateway(folder: Path, policy: str) -> AsyncGenerator[Client]:
    async def open_for(client: str) -> Served:
        options = Options(
            folder=str(folder),
            mode="gateway",
            agent=f"mcp-{client}",
            approver=ByTheClient(),
            extensions=("sql",),
            policies=(policy,),
        )
        return await open_served(options)

    sessions = Sessions(open_for)
    try:
        async with Client(make_server(sessions, lambda _context: "desk")) as client:
            yield client
    finally:
        await sessions.close("done", 0)


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")  # of logging, still offered
async def test_the_gateway_serves_every_engine_under_policy(
    sources: dict[str, Any], tmp_path: Path, home: Path
) -> None:
    own_file("policy.toml", POLICY)
    own_file("config.toml", _toml(sources))
    narrower = tmp_path / "narrow.toml"
    narrower.write_text(NARROWER)
    async with gateway(tmp_path, str(narrower)) as client:
        await checks(client, "sql__", sources, denied=("email", "city"))


def test_a_secret_of_the_plain_server_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEVAGENT_SECRET_ORDERS_READER", "hidden")
    assert Standalone("/", {}, {}).secret("orders-reader") == "hidden"
    assert Standalone("/", {}, {}).secret("other") is None


def _toml(sources: dict[str, Any]) -> str:
    lines: list[str] = []
    for name, source in sources.items():
        lines.append(f"[extensions.sql.sources.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in source.items() if key != "tags"]
    return "\n".join(lines) + "\n"
