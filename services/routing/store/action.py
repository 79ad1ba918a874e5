"""Actions ordered on platforms, and the last that was heard of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from services.routing.store.bulk import among, insert_rows
from services.routing.store.schema import actions
from shared.events import ActionKind, OutcomeKind


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """An action as it was ordered; `result` None while nothing was heard."""

    id: str
    kind: ActionKind
    comment_id: str
    case_id: str | None = None
    decision_id: str | None = None
    ordered_by: str
    ordered_at: datetime
    not_after: datetime
    result: OutcomeKind | None = None
    settled_at: datetime | None = None
    detail: str = ""
    link: str | None = None
    """Where a person can do it by hand, or see what was done."""


_COLUMNS = tuple(field.name for field in msgspec.structs.fields(Ordered))
_SETTLING = ("result", "settled_at", "detail", "link")


def many(conn: Connection, ids: Collection[str], *, lock: bool = False) -> dict[str, Ordered]:
    """Those of these actions that were ordered, by id."""
    if not ids:
        return {}
    query = select(actions).where(among(conn, actions.c.id, ids)).order_by(actions.c.id)
    return {row.id: _ordered(row) for row in conn.execute(query.with_for_update() if lock else query)}


def add(conn: Connection, new: Sequence[Ordered]) -> None:
    """Inserts new actions."""
    insert_rows(conn, actions, _COLUMNS, [msgspec.structs.astuple(action) for action in new])


_change = update(actions).where(actions.c.id == bindparam("_id")).values({name: bindparam(name) for name in _SETTLING})


def change(conn: Connection, changed: Sequence[Ordered]) -> None:
    """Writes what was heard of actions."""
    if changed:
        conn.execute(_change, [{"_id": it.id, **{name: getattr(it, name) for name in _SETTLING}} for it in changed])


def _ordered(row: Row[Any]) -> Ordered:
    return Ordered(**row._mapping)
