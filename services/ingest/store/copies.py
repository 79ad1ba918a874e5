"""The table of Telegram's automatic copies: which post of which channel the comments of a thread belong to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, tuple_

from services.ingest.connectors.received import PostCopy, Thread
from services.ingest.store.schema import post_copies
from shared.db import Database, insert


def find(conn: Connection, threads: Collection[Thread]) -> dict[Thread, PostCopy]:
    """The copies that are known."""
    table = post_copies.c
    wanted = [(thread.group, thread.copy) for thread in threads]
    query = select(post_copies).where(tuple_(table.group_id, table.copy_id).in_(wanted))
    known: dict[Thread, PostCopy] = {}
    for row in conn.execute(query):
        thread = Thread(group=row.group_id, copy=row.copy_id)
        known[thread] = PostCopy(thread=thread, channel=row.channel_id, post=row.post_id)
    return known


def record(conn: Connection, copies: Sequence[PostCopy]) -> None:
    """Remembers copies; what is known already stays."""
    rows = [
        {"group_id": it.thread.group, "copy_id": it.thread.copy, "channel_id": it.channel, "post_id": it.post}
        for it in copies
    ]
    conn.execute(insert(conn, post_copies).on_conflict_do_nothing(), rows)


class StoredCopies:
    """Copies in a database. Every call raises Transient while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, threads: Collection[Thread]) -> dict[Thread, PostCopy]:
        """As `find`."""
        return await self._database.read(lambda conn: find(conn, threads)) if threads else {}

    async def record(self, copies: Sequence[PostCopy]) -> None:
        """As `record`, durable on return."""
        if copies:
            await self._database.write(lambda conn: record(conn, copies))
