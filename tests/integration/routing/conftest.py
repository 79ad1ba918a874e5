"""A database of each kind with the sample region in it, and the workers over it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from services.routing.registry_import import Imported, files_in, import_registry
from services.routing.store import MIGRATIONS
from services.routing.store.snapshot import Snapshot, Snapshots, load
from services.routing.worker import Worker
from shared.db import Database, migrate

REGION = Path(__file__).parents[3] / "deploy" / "sample" / "region"


@pytest.fixture
def empty_database(database_url: str) -> Iterator[Database]:
    """A database at the newest schema, SQLite and PostgreSQL in turn, with nothing but the roots in its registry."""
    migrate(database_url, MIGRATIONS)
    database = Database.open(database_url)
    yield database
    database.close()


def _settle(url: str) -> None:
    """Migrates the database and imports the sample region."""
    migrate(url, MIGRATIONS)
    database = Database.open(url)
    try:
        imported = asyncio.run(import_registry(database, files_in(REGION), actor="system"))
    finally:
        database.close()
    assert isinstance(imported, Imported)


@pytest.fixture(scope="session")
def settled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the region, made once and copied for each test."""
    path = tmp_path_factory.mktemp("region") / "region.db"
    _settle(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def settled_template(postgres_server: str) -> str:
    """The name of a PostgreSQL database with the region, made once and copied for each test."""
    name = f"region_{uuid4().hex}"
    _create(postgres_server, name, template="template1")
    _settle(_url_of(postgres_server, name))
    return name


@pytest.fixture
def region_url(request: pytest.FixtureRequest, region_kind: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database with the region that this test alone uses."""
    if region_kind == "sqlite":
        path = tmp_path / "region.db"
        shutil.copy(request.getfixturevalue("settled_file"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid4().hex}"
    _create(server, name, template=request.getfixturevalue("settled_template"))
    yield _url_of(server, name)
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["sqlite", "postgresql"])
def region_kind(request: pytest.FixtureRequest) -> str:
    """The kind of `region_url`'s database: both in turn."""
    return str(request.param)


@pytest.fixture
def database(region_url: str) -> Iterator[Database]:
    """A database with the sample region, SQLite and PostgreSQL in turn."""
    database = Database.open(region_url)
    yield database
    database.close()


@pytest.fixture
async def region(database: Database) -> Snapshot:
    """The sample region as it stands in `database`."""
    return await database.read(load)


@pytest.fixture
def worker(database: Database) -> Worker:
    """The handlers over `database`."""
    return Worker(database, Snapshots(database), wake=lambda: None)


def _create(server: str, name: str, *, template: str) -> None:
    with psycopg.connect(server, autocommit=True) as conn:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        conn.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def _url_of(server: str, name: str) -> str:
    url = make_url(server).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)
