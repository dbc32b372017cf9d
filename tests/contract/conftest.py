"""Database servers that several files of this folder use: started once, where they are installed."""

from collections.abc import Generator

import pytest

from devagent_sql.engines.pool import close_idle
from tests.support import mariadb_shop, postgres_shop
from tests.support.mariadb_server import MariaDBServer, mariadb_server
from tests.support.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres_with_shop() -> Generator[PostgresServer]:
    with postgres_server() as running:
        postgres_shop.build(running)
        yield running
    close_idle()


@pytest.fixture(scope="session")
def mariadb_with_shop() -> Generator[MariaDBServer]:
    with mariadb_server() as running:
        mariadb_shop.build(running)
        yield running
    close_idle()
