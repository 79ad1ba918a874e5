"""Answers to writes by the key a client sent with them, so that a write asked for twice is done once."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, select, update

from services.routing.store.schema import idempotency_keys as table
from shared.db import insert
from shared.errors import Conflict

KEPT = timedelta(hours=24)
"""How long a key is remembered: longer than any client's retries, short enough not to pile up citizens' words."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a write was answered with."""

    status: int
    headers: dict[str, str]
    body: bytes


def claim(conn: Connection, *, key_id: str, key: str, request: str, now: datetime) -> Answer | None:
    """Takes `key` of the API key `key_id` for `request` (a hash of what is asked) until the commit or rollback.

    Returns the answer that the same request got under this key within KEPT; None when it is to be done now. Waits for
    another transaction that holds the same key. Raises Conflict when the key came with another request.
    """
    this = (table.c.key_id == key_id) & (table.c.key == key)
    conn.execute(delete(table).where(this, table.c.created_at <= now - KEPT))
    claimed = conn.execute(
        insert(conn, table)
        .values(key_id=key_id, key=key, request=request, created_at=now)
        .on_conflict_do_nothing(index_elements=["key_id", "key"])
        .returning(table.c.key)
    ).one_or_none()
    if claimed is not None:
        return None
    row = conn.execute(select(table).where(this)).one()
    if row.request != request or row.status is None:
        raise Conflict(
            "This Idempotency-Key came with another request before; take a new one for each act.",
            extra={"why": "idempotency_key_reused"},
        )
    return Answer(status=row.status, headers=row.headers, body=row.body)


def keep(conn: Connection, *, key_id: str, key: str, answer: Answer) -> None:
    """Stores the answer under a key that this transaction has claimed."""
    conn.execute(
        update(table)
        .where(table.c.key_id == key_id, table.c.key == key)
        .values(status=answer.status, headers=answer.headers, body=answer.body)
    )


def forget(conn: Connection, *, now: datetime) -> int:
    """Removes what is older than KEPT; returns how many keys that were."""
    return conn.execute(delete(table).where(table.c.created_at <= now - KEPT)).rowcount
