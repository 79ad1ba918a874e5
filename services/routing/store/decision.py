"""Moderators' decisions and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from services.routing.domain.decision import Decision
from services.routing.store.bulk import insert_rows
from services.routing.store.schema import decisions

_COLUMNS = tuple(field.name for field in msgspec.structs.fields(Decision))


def get(conn: Connection, id: str, *, lock: bool = False) -> Decision | None:
    """One decision; None when there is none."""
    query = select(decisions).where(decisions.c.id == id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _decision(row)


def add(conn: Connection, new: Sequence[Decision]) -> None:
    """Inserts new decisions."""
    insert_rows(conn, decisions, _COLUMNS, [msgspec.structs.astuple(decision) for decision in new])


_change = (
    update(decisions)
    .where(decisions.c.id == bindparam("_id"))
    .values({name: bindparam(name) for name in ("state", "settled_at", "detail")})
)


def change(conn: Connection, changed: Sequence[Decision]) -> None:
    """Writes what came of decisions that exist already."""
    rows = [{"_id": it.id, "state": it.state, "settled_at": it.settled_at, "detail": it.detail} for it in changed]
    if rows:
        conn.execute(_change, rows)


def _decision(row: Row[Any]) -> Decision:
    return Decision(**row._mapping)
