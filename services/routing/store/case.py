"""Cases: the projection of their events that queues and transitions work on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, select, update

from services.routing.domain.case import Case
from services.routing.domain.lease import Lease
from services.routing.domain.route import Route
from services.routing.domain.transition import OPEN_STATES
from services.routing.store.bulk import among, insert_rows, pairs
from services.routing.store.schema import cases, comments

_PLAIN = tuple(field.name for field in msgspec.structs.fields(Case) if field.name not in ("urgent", "lease", "route"))
_COLUMNS = (*_PLAIN, "rank", "open", "route", "lease_holder", "lease_token", "lease_expires_at")


def get(conn: Connection, id: str, *, lock: bool = False) -> Case | None:
    """One case; None when there is none. `lock` before acting on it: then nobody else can until the commit."""
    return many(conn, [id], lock=lock).get(id)


def many(conn: Connection, ids: Collection[str], *, lock: bool = False) -> dict[str, Case]:
    """Those of these cases that exist, by id; `lock` locks them by ascending id."""
    if not ids:
        return {}
    query = select(cases).where(among(conn, cases.c.id, ids)).order_by(cases.c.id)
    return {row.id: case_of(row) for row in conn.execute(query.with_for_update(key_share=True) if lock else query)}


def leads(conn: Connection, ids: Collection[str]) -> dict[str, str]:
    """The comments that these cases were opened for, by case."""
    if not ids:
        return {}
    query = select(cases.c.id, cases.c.comment_id).where(among(conn, cases.c.id, ids))
    return {row.id: row.comment_id for row in conn.execute(query)}


def open_in_threads(conn: Connection, wanted: Collection[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """The open cases opened for comments in these (thread, author), as (thread, author, id of the case)."""
    if not wanted:
        return []
    given = pairs(conn, sorted(wanted))
    query = (
        select(comments.c.thread, comments.c.author, cases.c.id)
        .join_from(given, comments, and_(comments.c.thread == given.c.left, comments.c.author == given.c.right))
        .join(cases, cases.c.comment_id == comments.c.id)
        .where(cases.c.open)
    )
    return [(row.thread, row.author, row.id) for row in conn.execute(query)]


def add(conn: Connection, new: Sequence[Case]) -> None:
    """Inserts new cases; raises IntegrityError when a comment has one already."""
    insert_rows(conn, cases, _COLUMNS, [_values(case) for case in new])


_change = (
    update(cases)
    .where(cases.c.id == bindparam("_id"))
    .values({name: bindparam(name) for name in _COLUMNS if name not in ("id", "comment_id")})
)


def change(conn: Connection, changed: Sequence[Case]) -> None:
    """Writes cases that exist already (and are locked)."""
    if changed:
        rows = [dict(zip(_COLUMNS, _values(case), strict=True)) for case in changed]
        conn.execute(_change, [{**row, "_id": row["id"]} for row in rows])


def case_of(row: Row[Any]) -> Case:
    """The case in a row of `cases`."""
    values = row._mapping
    lease = None
    if row.lease_token is not None:
        lease = Lease(holder=row.lease_holder, token=row.lease_token, expires_at=row.lease_expires_at)
    fields = {name: values[name] for name in _PLAIN}
    return Case(**fields, urgent=row.rank == 0, route=msgspec.convert(row.route, Route), lease=lease)


def rank_of(case: Case) -> int:
    """Its place in a queue before its age counts: urgent ones first."""
    return 0 if case.urgent else 1


def _values(case: Case) -> tuple[Any, ...]:
    lease = case.lease
    held = (None, None, None) if lease is None else (lease.holder, lease.token, lease.expires_at)
    plain = [getattr(case, name) for name in _PLAIN]
    return (*plain, rank_of(case), case.state in OPEN_STATES, case.route, *held)
