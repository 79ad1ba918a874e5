"""The table of comments that were found under a post, by which one that vanished is noticed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select

from services.ingest.store.schema import known_comments
from shared.db import Database, insert

PURGE_ROWS = 2_000


def find(conn: Connection, page: str, post: str) -> set[str]:
    """The comments that were found under the post."""
    table = known_comments.c
    return set(conn.execute(select(table.comment).where(table.page == page, table.post == post)).scalars())


def record(conn: Connection, page: str, post: str, comments: Collection[str], found_at: datetime) -> None:
    """Remembers comments; those that are known keep their time."""
    rows = [{"page": page, "post": post, "comment": it, "found_at": found_at} for it in sorted(comments)]
    conn.execute(insert(conn, known_comments).on_conflict_do_nothing(), rows)


def drop(conn: Connection, page: str, post: str, comments: Collection[str]) -> None:
    """Forgets comments."""
    table = known_comments.c
    conn.execute(
        delete(known_comments).where(table.page == page, table.post == post, table.comment.in_(sorted(comments)))
    )


def posts(conn: Connection, page: str) -> set[str]:
    """The posts of the page under which comments were found."""
    table = known_comments.c
    return set(conn.execute(select(table.post).where(table.page == page).distinct()).scalars())


def drop_post(conn: Connection, page: str, post: str) -> None:
    """Forgets all comments of the post."""
    table = known_comments.c
    conn.execute(delete(known_comments).where(table.page == page, table.post == post))


def purge(conn: Connection, before: datetime, limit: int = PURGE_ROWS) -> int:
    """Forgets what was found before `before`, in steps of about `limit` comments; returns how many.

    All that were found in the same moment go together, so that the step needs no more than the index of times.
    """
    table = known_comments.c
    old = select(table.found_at).where(table.found_at < before).order_by(table.found_at).limit(limit)
    return conn.execute(delete(known_comments).where(table.found_at.in_(old))).rowcount


class StoredKnown:
    """Comments per post, in a database. Every call raises Transient while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, page: str, post: str) -> set[str]:
        """As `find`."""
        return await self._database.read(lambda conn: find(conn, page, post))

    async def record(self, page: str, post: str, comments: Collection[str], found_at: datetime) -> None:
        """As `record`, durable on return."""
        if comments:
            await self._database.write(lambda conn: record(conn, page, post, comments, found_at))

    async def drop(self, page: str, post: str, comments: Collection[str]) -> None:
        """As `drop`."""
        if comments:
            await self._database.write(lambda conn: drop(conn, page, post, comments))

    async def posts(self, page: str) -> set[str]:
        """As `posts`."""
        return await self._database.read(lambda conn: posts(conn, page))

    async def drop_post(self, page: str, post: str) -> None:
        """As `drop_post`."""
        await self._database.write(lambda conn: drop_post(conn, page, post))

    async def purge(self, before: datetime, limit: int = PURGE_ROWS) -> int:
        """As `purge`."""
        return await self._database.write(lambda conn: purge(conn, before, limit))
