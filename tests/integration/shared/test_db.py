"""The database's promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, create_engine, func, select
from sqlalchemy.exc import IntegrityError, StatementError

from shared.db import Database, UtcMoment, insert, migrate
from shared.db import database as database_module
from shared.errors import Transient

FIRST = """
import sqlalchemy as sa
from alembic import op
from shared.db import UtcMoment

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "item",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", UtcMoment, nullable=True),
        sa.Column("number", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table("part", sa.Column("item", sa.Text, sa.ForeignKey("item.id"), nullable=False))
"""

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("item", sa.Column("note", sa.Text))
    {then}
"""

item = Table(
    "item",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("at", UtcMoment),
    Column("number", Integer, nullable=False),
)
part = Table("part", MetaData(), Column("item", Text))


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "r0001_first.py").write_text(FIRST, encoding="utf-8")
    return folder


@pytest.fixture
def database(database_url: str, migrations: Path) -> Iterator[Database]:
    migrate(database_url, migrations)
    opened = Database.open(database_url)
    yield opened
    opened.close()


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(item)).scalar_one()


def add(conn: Connection, id: str, number: int = 0) -> None:
    conn.execute(item.insert().values(id=id, number=number))


async def test_what_a_write_did_is_there_for_the_next_read(database: Database) -> None:
    await database.write(lambda conn: add(conn, "a"))
    assert await database.read(count) == 1


async def test_a_write_that_raises_leaves_nothing_and_its_exception_passes(database: Database) -> None:
    def work(conn: Connection) -> None:
        add(conn, "a")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.write(work)
    assert await database.read(count) == 0


async def test_a_broken_constraint_is_not_transient_and_quotes_no_value(database: Database) -> None:
    await database.write(lambda conn: add(conn, "a-secret-word"))
    with pytest.raises(IntegrityError) as caught:
        await database.write(lambda conn: add(conn, "a-secret-word"))
    assert "a-secret-word" not in str(caught.value).splitlines()[0]


async def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.write(lambda conn: conn.execute(part.insert().values(item="nobody")))


async def test_a_read_can_change_nothing(database: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await database.read(lambda conn: add(conn, "a"))
    assert await database.read(count) == 0


async def test_a_read_sees_one_moment(database: Database) -> None:
    reading, written = threading.Event(), threading.Event()

    def look(conn: Connection) -> tuple[int, int]:
        before = count(conn)
        reading.set()
        assert written.wait(10)
        return before, count(conn)

    looked = asyncio.create_task(database.read(look))
    assert await asyncio.to_thread(reading.wait, 10)
    await database.write(lambda conn: add(conn, "a"))
    written.set()
    assert await looked == (0, 0)
    assert await database.read(count) == 1


async def test_writes_side_by_side_all_arrive(database: Database) -> None:
    await database.write(lambda conn: add(conn, "sum"))
    increase = item.update().where(item.c.id == "sum").values(number=item.c.number + 1)
    await asyncio.gather(*(database.write(lambda conn: conn.execute(increase)) for _ in range(40)))
    assert await database.read(lambda conn: conn.execute(select(item.c.number)).scalar_one()) == 40


async def test_insert_may_meet_what_is_there(database: Database) -> None:
    def save(conn: Connection, number: int) -> None:
        statement = insert(conn, item).values(id="a", number=number)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"number": statement.excluded.number}))

    await database.write(lambda conn: save(conn, 1))
    await database.write(lambda conn: save(conn, 2))
    assert await database.read(lambda conn: conn.execute(select(item.c.number)).scalar_one()) == 2


async def test_a_moment_comes_back_in_utc_to_the_microsecond(database: Database) -> None:
    moscow = timezone(timedelta(hours=3))
    moment = datetime(2026, 3, 1, 1, 2, 3, 456789, tzinfo=moscow)
    await database.write(lambda conn: conn.execute(item.insert().values(id="a", at=moment, number=0)))
    await database.write(lambda conn: conn.execute(item.insert().values(id="b", at=None, number=0)))
    found = await database.read(lambda conn: conn.execute(select(item.c.at).order_by(item.c.id)).scalars().all())
    assert found == [moment, None]
    assert found[0] is not None and found[0].tzinfo is UTC


async def test_moments_compare_in_the_database(database: Database) -> None:
    base = datetime(2026, 1, 1, tzinfo=UTC)

    def fill(conn: Connection) -> None:
        for number in range(5):
            conn.execute(item.insert().values(id=str(number), at=base + timedelta(seconds=number / 2), number=0))

    await database.write(fill)
    query = select(item.c.id).where(item.c.at > base + timedelta(seconds=1)).order_by(item.c.at)
    assert await database.read(lambda conn: conn.execute(query).scalars().all()) == ["3", "4"]


async def test_a_moment_without_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"):
        await database.write(
            lambda conn: conn.execute(item.insert().values(id="a", at=datetime(2026, 1, 1), number=0))  # noqa: DTZ001 - what is tested
        )


async def test_more_works_than_the_bound_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MAX_WAITING", 1)
    go = threading.Event()
    first = asyncio.create_task(database.write(lambda _conn: go.wait(10)))
    await asyncio.sleep(0)
    with pytest.raises(Transient, match="waiting"):
        await database.write(count)
    go.set()
    assert await first is True
    await database.write(count)


async def test_ready_says_whether_the_database_answers(database: Database) -> None:
    assert await database.ready()


async def test_an_unreachable_server_is_transient_and_not_ready() -> None:
    database = Database.open("postgresql+psycopg://nobody@127.0.0.1:1/none")
    try:
        with pytest.raises(Transient):
            await database.read(count)
        assert not await database.ready()
    finally:
        database.close()


async def test_sqlite_busy_is_transient(sqlite_url: str, migrations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.db.engines.BUSY_SECONDS", 0)
    migrate(sqlite_url, migrations)
    writer = Database.open(sqlite_url)
    other = create_engine(sqlite_url)
    try:
        with other.connect() as conn:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(Transient, match="busy"):
                await writer.write(lambda conn: add(conn, "a"))
            assert await writer.read(count) == 0, "readers do not wait for a writer"
            conn.rollback()
        await writer.write(lambda conn: add(conn, "a"))
    finally:
        other.dispose()
        writer.close()


async def test_a_killed_connection_is_transient_and_the_next_one_works(
    postgres_url: str, postgres_server: str, migrations: Path
) -> None:
    migrate(postgres_url, migrations)
    database = Database.open(postgres_url)

    def die(conn: Connection) -> int:
        pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with psycopg.connect(postgres_server, autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return count(conn)

    try:
        with pytest.raises(Transient):
            await database.write(die)
        assert await database.write(count) == 0
    finally:
        database.close()


async def test_a_deadlock_is_transient_for_one_and_nothing_for_the_other(postgres_url: str, migrations: Path) -> None:
    migrate(postgres_url, migrations)
    database = Database.open(postgres_url)
    await database.write(lambda conn: add(conn, "a"))
    await database.write(lambda conn: add(conn, "b"))
    both = threading.Barrier(2, timeout=10)

    def take(conn: Connection, first: str, second: str) -> None:
        for step, id in enumerate((first, second)):
            conn.execute(item.update().where(item.c.id == id).values(number=item.c.number + 1))
            if step == 0:
                both.wait()

    try:
        results = await asyncio.gather(
            database.write(lambda conn: take(conn, "a", "b")),
            database.write(lambda conn: take(conn, "b", "a")),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["NoneType", "Transient"]
    finally:
        database.close()


# Migrations ------------------------------------------------------------------------------------------------------


async def test_migrating_twice_is_migrating_once(database: Database, database_url: str, migrations: Path) -> None:
    await database.write(lambda conn: add(conn, "a"))
    migrate(database_url, migrations)
    assert await database.read(count) == 1


async def test_a_later_revision_keeps_what_is_there(database: Database, database_url: str, migrations: Path) -> None:
    await database.write(lambda conn: add(conn, "a"))
    (migrations / "r0002_second.py").write_text(SECOND.format(then=""), encoding="utf-8")
    migrate(database_url, migrations)
    note = await database.read(lambda conn: conn.exec_driver_sql("SELECT note FROM item").scalars().all())
    assert note == [None]


async def test_a_failing_migration_changes_nothing(database: Database, database_url: str, migrations: Path) -> None:
    (migrations / "r0002_second.py").write_text(SECOND.format(then='raise RuntimeError("no")'), encoding="utf-8")
    with pytest.raises(RuntimeError, match="no"):
        migrate(database_url, migrations)
    columns = await database.read(lambda conn: list(conn.exec_driver_sql("SELECT * FROM item").keys()))
    assert columns == ["id", "at", "number"]


async def test_a_migration_that_breaks_references_is_undone_on_sqlite(sqlite_url: str, migrations: Path) -> None:
    migrate(sqlite_url, migrations)
    breaking = SECOND.format(then="op.execute(\"INSERT INTO part VALUES ('nobody')\")")
    (migrations / "r0002_second.py").write_text(breaking, encoding="utf-8")
    with pytest.raises(RuntimeError, match="broken references"):
        migrate(sqlite_url, migrations)
    database = Database.open(sqlite_url)
    try:
        left = await database.read(lambda conn: conn.execute(select(func.count()).select_from(part)).scalar_one())
        assert left == 0
    finally:
        database.close()


async def test_processes_that_start_together_migrate_once(database_url: str, migrations: Path) -> None:
    slow = SECOND.format(then="import time; time.sleep(0.3)")
    (migrations / "r0002_second.py").write_text(slow, encoding="utf-8")
    code = "import sys, pathlib; from shared.db import migrate; migrate(sys.argv[1], pathlib.Path(sys.argv[2]))"
    starts = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", code, database_url, str(migrations))
        for _ in range(3)
    ]
    assert [await asyncio.wait_for(process.wait(), 60) for process in starts] == [0, 0, 0]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "postgresql://x/y"])
def test_what_is_not_supported_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///path"):
        Database.open(url)
