"""Queues page by page: walks over an index that begin where the page before ended, however long the queue is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, Select, literal, or_, select, text, tuple_

from services.routing.access import Sight
from services.routing.domain.case import Case
from services.routing.store import schema
from services.routing.store.bulk import among
from services.routing.store.case import case_of
from services.routing.store.case_view import CaseItem, item_of, items
from shared.events.base import UuidText

_cases = schema.cases

OpenState = Literal["routed", "accepted", "in_progress", "publishing", "publish_failed"]
OverState = Literal["answered", "closed", "void"]
ListedState = Literal["routed", "accepted", "in_progress", "publishing", "publish_failed", "answered", "closed", "void"]

_OVER: frozenset[str] = frozenset({"answered", "closed", "void"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A cursor: the place of the last row of a page in the order of the list."""

    rank: Annotated[int, Meta(ge=0, le=1_000)]
    micros: Annotated[int, Meta(ge=0, le=253_402_300_799_000_000)]
    """Microseconds since 1970, to the end of the year 9999."""
    id: UuidText

    @property
    def moment(self) -> datetime:
        """The same as a moment."""
        return _EPOCH + self.micros * _MICROSECOND


def place(rank: int, moment: datetime, id: str) -> Place:
    """The place of a row."""
    return Place(rank, (moment - _EPOCH) // _MICROSECOND, id)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which cases are listed: those of `institutions` (None: of all) that are also in `sight`."""

    institutions: Collection[str] | None
    sight: Sight
    state: ListedState | None = None
    """None: every open one."""


def page(
    conn: Connection, wanted: Wanted, *, limit: int, after: Place | None, now: datetime
) -> tuple[list[CaseItem], Place | None]:
    """Up to `limit` cases and the place to go on from, None at the end.

    Open cases: urgent ones first, then the oldest. Cases that are over: the latest first. A case that enters the list
    behind the cursor is met later; nothing is met twice unless it moved.
    """
    query = items().where(*_conditions(conn, wanted))
    over = wanted.state in _OVER
    query = _newest_first(query, after) if over else _urgent_first(query, after)
    rows = conn.execute(query.limit(limit + 1)).all()
    found = [item_of(row, now) for row in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    last = rows[limit - 1]
    return found, place(last.rank, last.opened_at, last.id)


def first_free(conn: Connection, wanted: Wanted, *, now: datetime) -> Case | None:
    """The most urgent of the wanted open cases that nobody holds, locked; None when there is none.

    Others who ask at the same time get another one.
    """
    free = or_(_cases.c.lease_expires_at.is_(None), _cases.c.lease_expires_at <= now)
    query = (
        select(_cases)
        # An answer on its way needs nobody's work.
        .where(*_conditions(conn, wanted), free, _cases.c.state != "publishing")
        .order_by(_cases.c.rank, _cases.c.opened_at, _cases.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else case_of(row)


def _conditions(conn: Connection, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state not in _OVER:
        # As the partial indexes spell it: SQLite recognises nothing else.
        conditions.append(text("cases.open"))  # type: ignore[arg-type]  # a textual condition is one too
    if wanted.state is not None:
        conditions.append(_cases.c.state == wanted.state)
    if wanted.institutions is not None:
        conditions.append(
            _cases.c.institution == next(iter(wanted.institutions))
            if len(wanted.institutions) == 1
            else among(conn, _cases.c.institution, wanted.institutions)
        )
    if not wanted.sight.everything:
        conditions.append(seen(conn, wanted.sight))
    return conditions


def seen(conn: Connection, sight: Sight) -> ColumnElement[bool]:
    """The condition on a case's row that `sight` covers it."""
    return or_(
        among(conn, _cases.c.institution, sight.institutions), among(conn, _cases.c.territory, sight.territories)
    )


def _urgent_first(query: Select[Any], after: Place | None) -> Select[Any]:
    order = (_cases.c.rank, _cases.c.opened_at, _cases.c.id)
    if after is not None:
        start = tuple_(
            literal(after.rank, _cases.c.rank.type),
            literal(after.moment, _cases.c.opened_at.type),
            literal(after.id, _cases.c.id.type),
        )
        query = query.where(tuple_(*order) > start)
    return query.order_by(*order)


def _newest_first(query: Select[Any], after: Place | None) -> Select[Any]:
    order = (_cases.c.opened_at, _cases.c.id)
    if after is not None:
        start = tuple_(literal(after.moment, _cases.c.opened_at.type), literal(after.id, _cases.c.id.type))
        query = query.where(tuple_(*order) < start)
    return query.order_by(*(column.desc() for column in order))
