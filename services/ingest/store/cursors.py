"""The table of cursors: how far each source was read."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, select

from services.ingest.store.schema import cursors
from shared.db import Database, insert

MAX_CURSOR = 4_096
"""Bytes."""

Kind = Literal["poll", "backfill"]


def get(conn: Connection, source: str, kind: Kind, since: datetime | None = None) -> bytes | None:
    """The cursor; None where reading never began, or was not heard of since `since`."""
    table = cursors.c
    query = select(table.value).where(table.source == source, table.kind == kind)
    if since is not None:
        query = query.where(table.moved_at >= since)
    return conn.execute(query).scalar_one_or_none()


def put(conn: Connection, source: str, kind: Kind, value: bytes, moved_at: datetime) -> None:
    """Remembers the cursor in place of the former one; raises ValueError for one that is too long."""
    if len(value) > MAX_CURSOR:
        raise ValueError(f"a cursor of {len(value)} bytes; at most {MAX_CURSOR} are kept")
    statement = insert(conn, cursors)
    new = statement.excluded
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "kind"], set_={"value": new.value, "moved_at": new.moved_at}
        ),
        [{"source": source, "kind": kind, "value": value, "moved_at": moved_at}],
    )


def drop(conn: Connection, source: str, kind: Kind | None = None) -> None:
    """Forgets the cursor, or all of the source."""
    table = cursors.c
    conn.execute(delete(cursors).where(table.source == source, *([table.kind == kind] if kind else [])))


class StoredCursors:
    """Cursors in a database. Every call raises Transient while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, source: str, kind: Kind, since: datetime | None = None) -> bytes | None:
        """As `get`."""
        return await self._database.read(lambda conn: get(conn, source, kind, since))

    async def put(self, source: str, kind: Kind, value: bytes, moved_at: datetime) -> None:
        """As `put`, durable on return."""
        await self._database.write(lambda conn: put(conn, source, kind, value, moved_at))

    async def drop(self, source: str, kind: Kind | None = None) -> None:
        """As `drop`."""
        await self._database.write(lambda conn: drop(conn, source, kind))
