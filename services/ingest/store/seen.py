"""The table of events that platforms told us, by which a repetition is recognised whatever came in between."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select

from services.ingest.store.schema import seen_events
from shared.db import Database, insert

PURGE_ROWS = 2_000


def find(conn: Connection, keys: Collection[str]) -> set[str]:
    """Those of `keys` that were seen."""
    return set(conn.execute(select(seen_events.c.key).where(seen_events.c.key.in_(keys))).scalars())


def record(conn: Connection, keys: Collection[str], seen_at: datetime) -> None:
    """Remembers `keys`; those that were seen keep their time."""
    rows = [{"key": key, "seen_at": seen_at} for key in sorted(keys)]
    conn.execute(insert(conn, seen_events).on_conflict_do_nothing(), rows)


def purge(conn: Connection, before: datetime, limit: int = PURGE_ROWS) -> int:
    """Forgets at most `limit` events seen before `before`; returns how many."""
    table = seen_events.c
    old = select(table.key).where(table.seen_at < before).order_by(table.seen_at).limit(limit)
    return conn.execute(delete(seen_events).where(table.key.in_(old))).rowcount


class StoredSeen:
    """Events seen, in a database. Every call raises Transient while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, keys: Collection[str]) -> set[str]:
        """As `find`."""
        return await self._database.read(lambda conn: find(conn, keys)) if keys else set()

    async def record(self, keys: Collection[str], seen_at: datetime) -> None:
        """As `record`, durable on return."""
        if keys:
            await self._database.write(lambda conn: record(conn, keys, seen_at))

    async def purge(self, before: datetime, limit: int = PURGE_ROWS) -> int:
        """As `purge`."""
        return await self._database.write(lambda conn: purge(conn, before, limit))
