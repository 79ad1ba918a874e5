"""Moderators' decisions and what came of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from services.routing.domain.decision import Decision
from services.routing.store.bulk import among, before, insert_rows
from services.routing.store.schema import comments, decisions

_COLUMNS = tuple(field.name for field in msgspec.structs.fields(Decision))


def get(conn: Connection, id: str, *, lock: bool = False) -> Decision | None:
    """One decision; None when there is none."""
    query = select(decisions).where(decisions.c.id == id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _decision(row)


def of_comment(conn: Connection, comment_id: str) -> list[Decision]:
    """All decisions about a comment, the oldest first."""
    query = select(decisions).where(decisions.c.comment_id == comment_id)
    return [_decision(row) for row in conn.execute(query.order_by(decisions.c.decided_at, decisions.c.id))]


def page(
    conn: Connection,
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
    pages: Collection[str] | None = None,
    kind: str | None = None,
) -> list[Decision]:
    """The latest decisions first, `limit` of them from beyond `after` (decided_at, id); only those about comments on
    `pages` and of `kind`, where given."""
    query = select(decisions).order_by(decisions.c.decided_at.desc(), decisions.c.id.desc()).limit(limit)
    if pages is not None:
        query = query.join(comments, comments.c.id == decisions.c.comment_id)
        query = query.where(among(conn, comments.c.page, pages))
    if kind is not None:
        query = query.where(decisions.c.kind == kind)
    if after is not None:
        query = query.where(before((decisions.c.decided_at, decisions.c.id), after))
    return [_decision(row) for row in conn.execute(query)]


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
