"""The table of comments' heads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from services.ingest.repetition import Head
from services.ingest.store.schema import comment_heads
from shared.db import Database, insert

PURGE_ROWS = 2_000
"""Deleted in one transaction: few enough for the next batch of comments not to wait long."""


def find(conn: Connection, comments: Collection[str]) -> dict[str, Head]:
    """The heads of those of `comments` that are known."""
    table = comment_heads.c
    query = select(table.comment_id, table.chain, table.digest, table.seen_at).where(table.comment_id.in_(comments))
    return {
        comment: Head(chain=chain, digest=digest, seen_at=seen_at)
        for comment, chain, digest, seen_at in conn.execute(query)
    }


def record(conn: Connection, heads: Mapping[str, Head], seen_at: datetime) -> None:
    """Remembers `heads`, each in place of the comment's former one, as seen at `seen_at`."""
    statement = insert(conn, comment_heads)
    new = statement.excluded
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["comment_id"],
            set_={"chain": new.chain, "digest": new.digest, "seen_at": new.seen_at},
        ),
        [
            {"comment_id": comment, "chain": head.chain, "digest": head.digest, "seen_at": seen_at}
            for comment, head in heads.items()
        ],
    )


def purge(conn: Connection, before: datetime, limit: int = PURGE_ROWS) -> int:
    """Forgets at most `limit` comments last seen before `before`; returns how many."""
    table = comment_heads.c
    old = select(table.comment_id).where(table.seen_at < before).order_by(table.seen_at).limit(limit)
    return conn.execute(delete(comment_heads).where(table.comment_id.in_(old))).rowcount


class StoredHeads:
    """The heads in a database. Every call raises Transient while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, comments: Collection[str]) -> dict[str, Head]:
        """As `find`."""
        return await self._database.read(lambda conn: find(conn, comments))

    async def record(self, heads: Mapping[str, Head], seen_at: datetime) -> None:
        """As `record`, durable on return."""
        await self._database.write(lambda conn: record(conn, heads, seen_at))

    async def purge(self, before: datetime, limit: int = PURGE_ROWS) -> int:
        """As `purge`."""
        return await self._database.write(lambda conn: purge(conn, before, limit))
