"""The outbox: events that were decided on in a transaction and leave for the broker after its commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, func, select

from services.routing.store.bulk import insert_rows
from services.routing.store.schema import outbox
from shared.events import Event, encode, subject_of


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One row: an encoded event and where it shall go; `seq` says in which order."""

    seq: int
    msg_id: str
    subject: str
    payload: str


def add(conn: Connection, events: Sequence[tuple[str, Event]], *, now: datetime) -> None:
    """Puts (message id, event) into the outbox, in this order; wake the relay after the commit."""
    rows = [(msg_id, subject_of(event), encode(event).decode(), now) for msg_id, event in events]
    insert_rows(conn, outbox, ("msg_id", "subject", "payload", "made_at"), rows)


def first(conn: Connection, *, limit: int) -> list[Waiting]:
    """The oldest `limit` rows."""
    query = select(outbox.c.seq, outbox.c.msg_id, outbox.c.subject, outbox.c.payload).order_by(outbox.c.seq)
    return [Waiting(**row._mapping) for row in conn.execute(query.limit(limit))]


def remove(conn: Connection, seqs: Collection[int]) -> None:
    """Forgets rows that the broker has. Each by its own number: a smaller one may still be about to commit."""
    if seqs:
        conn.execute(delete(outbox).where(outbox.c.seq.in_(seqs)))


def size(conn: Connection) -> int:
    """How many rows wait."""
    return conn.execute(select(func.count()).select_from(outbox)).scalar_one()
