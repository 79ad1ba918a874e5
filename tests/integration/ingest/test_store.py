"""The table of heads keeps its promises on both databases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.forgetting import KEPT, Forgetting
from services.ingest.repetition import Head
from services.ingest.store import MIGRATIONS, StoredHeads
from services.ingest.store.schema import metadata
from shared.db import Database, migrate

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url, MIGRATIONS)
    database = Database.open(database_url)
    yield database
    database.close()


def head(seen_at: datetime = NOW) -> Head:
    return Head(chain=os.urandom(16), digest=os.urandom(16), seen_at=seen_at)


async def test_what_is_recorded_is_found_and_the_last_head_wins(database: Database) -> None:
    heads = StoredHeads(database)
    first = {f"http:demo:{number}": head() for number in range(1_500)}
    await heads.record(first, NOW)
    later = NOW + timedelta(seconds=1)
    changed = {"http:demo:7": head(later), "http:demo:new": head(later)}
    await heads.record(changed, later)
    assert await heads.find({*first, *changed, "http:demo:unknown"}) == first | changed
    assert await heads.find({"http:demo:unknown"}) == {}
    assert await heads.find(set()) == {}


async def test_old_comments_are_forgotten_in_bounded_steps(database: Database) -> None:
    heads = StoredHeads(database)
    await heads.record({f"http:demo:{number}": head() for number in range(25)}, NOW - timedelta(days=31))
    await heads.record({"http:demo:kept": head()}, NOW)
    assert await heads.purge(NOW - KEPT, limit=10) == 10
    assert await heads.purge(NOW - KEPT, limit=10) == 10
    assert await heads.purge(NOW - KEPT, limit=10) == 5
    assert await heads.purge(NOW - KEPT, limit=10) == 0
    assert set(await heads.find({"http:demo:1", "http:demo:kept"})) == {"http:demo:kept"}


async def test_a_comment_that_changes_is_remembered_anew(database: Database) -> None:
    heads = StoredHeads(database)
    await heads.record({"http:demo:1": head()}, NOW - timedelta(days=31))
    await heads.record({"http:demo:1": head()}, NOW)
    assert await heads.purge(NOW - KEPT) == 0


async def test_a_sweep_forgets_everything_old(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.forgetting.PURGE_ROWS", 10)
    monkeypatch.setattr("services.ingest.forgetting.PAUSE_SECONDS", 0.001)
    heads = StoredHeads(database)
    await heads.record({f"http:demo:{number}": head() for number in range(25)}, NOW - KEPT - timedelta(seconds=1))
    forgetting = Forgetting(heads, clock=lambda: NOW)
    assert await forgetting.sweep(asyncio.Event()) == 25
    stopped = asyncio.Event()
    stopped.set()
    assert await forgetting.sweep(stopped) == 0


async def test_the_loop_of_forgetting_ends_when_told(database: Database) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(Forgetting(StoredHeads(database), clock=lambda: NOW).run(stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 10)


async def test_the_migrations_make_what_the_code_declares(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    changes = await database.read(lambda conn: compare_metadata(MigrationContext.configure(conn), metadata))
    assert changes == []
