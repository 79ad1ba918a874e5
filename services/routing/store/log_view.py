"""What was done, by whom and when: the log of events by number, a case's own, and moderators' decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select

from services.routing.access import Sight
from services.routing.store import schema
from services.routing.store.bulk import among
from services.routing.store.queue_view import Place, place

_events, _cases, _decisions, _tasks = schema.events, schema.cases, schema.decisions, schema.tasks


class EventItem(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the log; nobody can change or remove it."""

    id: str
    number: int | None
    """Its place among all events, without gaps; null for the moment until the relay gave it one."""
    subject: str
    """case, task, decision, …: what it happened to."""
    subject_id: str
    case_id: str | None
    comment_id: str | None
    event: str
    state: str
    """The subject's state after it."""
    institution: str | None
    actor: str
    """`system` or the id of the key that acted."""
    at: datetime
    reason: str
    data: Any
    """What belongs to this kind of event alone: the route, the answer, the ground, …"""


class DecisionItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a moderator decided, on what ground, and what came of it."""

    id: str
    task_id: str
    comment_id: str
    version: int
    decision: str
    ground: str
    tag: str | None
    topic: str | None
    decided_by: str
    decided_at: datetime
    state: str
    settled_at: datetime | None
    detail: str


def of_case(conn: Connection, case_id: str, *, after: int, limit: int) -> tuple[list[EventItem], int | None]:
    """A case's log from beyond the place `after`, oldest first, and the place to go on from; None at the end."""
    rows = conn.execute(
        select(_events)
        .where(_events.c.case_id == case_id, _events.c.seq > after)
        .order_by(_events.c.seq)
        .limit(limit + 1)
    ).all()
    return [_event(row) for row in rows[:limit]], rows[limit - 1].seq if len(rows) > limit else None


def after(conn: Connection, number: int, sight: Sight, *, limit: int) -> tuple[list[EventItem], int]:
    """Of the `limit` events that follow `number` those in `sight`, and the number of the last one looked at.

    An event is seen by its institution, and by the territory that its case lies in now.
    """
    rows = conn.execute(
        select(_events, _cases.c.territory)
        .outerjoin(_cases, _cases.c.id == _events.c.case_id)
        .where(_events.c.number > number)
        .order_by(_events.c.number)
        .limit(limit)
    ).all()
    seen = [_event(row) for row in rows if sight.covers(row.institution, row.territory)]
    return seen, rows[-1].number if rows else number


def decisions(
    conn: Connection, sight: Sight, *, limit: int, after: Place | None
) -> tuple[list[DecisionItem], Place | None]:
    """Decisions, the latest first (their ids are made of time), and the place to go on from, None at the end."""
    query = select(_decisions).order_by(_decisions.c.id.desc())
    if not sight.everything:
        query = query.join(_tasks, _tasks.c.id == _decisions.c.task_id).where(
            or_(
                among(conn, _tasks.c.institution, sight.institutions),
                among(conn, _tasks.c.territory, sight.territories),
            )
        )
    if after is not None:
        query = query.where(_decisions.c.id < after.id)
    rows = conn.execute(query.limit(limit + 1)).all()
    found = [_decision(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    last = rows[limit - 1]
    return found, place(0, last.decided_at, last.id)


def _event(row: Row[Any]) -> EventItem:
    return EventItem(
        id=row.id,
        number=row.number,
        subject=row.subject_kind,
        subject_id=row.subject_id,
        case_id=row.case_id,
        comment_id=row.comment_id,
        event=row.event,
        state=row.state,
        institution=row.institution,
        actor=row.actor,
        at=row.at,
        reason=row.reason,
        data=row.data,
    )


def _decision(row: Row[Any]) -> DecisionItem:
    return DecisionItem(
        id=row.id,
        task_id=row.task_id,
        comment_id=row.comment_id,
        version=row.version,
        decision=row.kind,
        ground=row.ground,
        tag=row.tag,
        topic=row.topic,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        state=row.state,
        settled_at=row.settled_at,
        detail=row.detail,
    )
