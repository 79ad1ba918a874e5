"""One running service for each module and database: what tests do to it, they do to comments of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from tests.contract.routing.world import World, world
from tests.fixtures.broker import Broker
from tests.fixtures.databases import _database


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The service over each kind of database in turn."""
    folder = tmp_path_factory.mktemp("town")
    broker = Broker(folder / "broker")
    broker.start()
    try:
        async with world(broker.url, _fresh_database(request, f"sqlite:///{folder}/routing.db")) as running:
            yield running
    finally:
        broker.kill()


def _fresh_database(request: pytest.FixtureRequest, sqlite: str) -> str:
    if request.param == "sqlite":
        return sqlite
    server = request.getfixturevalue("postgres_server")
    name = f"routing_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return _database(server, name)
