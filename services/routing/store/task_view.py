"""Moderation tasks with the comment they are about, in the order in which moderators should take them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, literal, or_, select, text, tuple_

from services.routing.access import Sight
from services.routing.domain.comment import Reason
from services.routing.store import schema
from services.routing.store import task as task_store
from services.routing.store.bulk import among
from services.routing.store.case_view import LeaseView, lease_view
from services.routing.store.queue_view import Place, place
from services.routing.store.task import Placed

_tasks, _comments, _versions = schema.tasks, schema.comments, schema.comment_versions

ListedTask = Literal["open", "leased", "skipped", "escalated"]


class TaskItem(msgspec.Struct, frozen=True, kw_only=True):
    """A task as a moderator sees it."""

    id: str
    comment_id: str
    version: int
    """The comment's version that is to be judged."""
    platform: str
    page: str
    post: str | None
    text: str
    reasons: tuple[Reason, ...]
    """Why a person should look, the gravest first."""
    tag: str
    topic: str
    scores: dict[str, float]
    model: str
    state: str
    escalated: bool
    skips: int
    created_at: datetime
    case_id: str | None
    """The case the comment also belongs to."""
    lease: LeaseView | None
    revision: int


def items() -> Select[Any]:
    """Tasks joined to their comment's version: what `item_of` reads."""
    words = (_versions.c.comment_id == _tasks.c.comment_id) & (_versions.c.version == _tasks.c.version)
    return (
        select(
            _tasks,
            _comments.c.platform,
            _comments.c.post,
            _comments.c.case_id,
            _comments.c.tag,
            _comments.c.topic,
            _versions.c.text,
            _versions.c.scores,
            _versions.c.model,
        )
        .join(_comments, _comments.c.id == _tasks.c.comment_id)
        .join(_versions, words)
    )


def item_of(row: Row[Any], now: datetime) -> TaskItem:
    """One row of `items`."""
    lease = lease_view(row.lease_holder, row.lease_expires_at, now)
    state = row.state
    if state == "leased" and lease is None:
        # Nobody tells the database when a lease runs out; a leased task whose lease is over is as good as open.
        state = "escalated" if row.escalated else "open"
    return TaskItem(
        id=row.id,
        comment_id=row.comment_id,
        version=row.version,
        platform=row.platform,
        page=row.page,
        post=row.post,
        text=row.text or "",
        reasons=tuple(row.reasons),
        tag=row.tag or "other",
        topic=row.topic or "other",
        scores=row.scores or {},
        model=row.model or "",
        state=state,
        escalated=row.escalated,
        skips=row.skips,
        created_at=row.opened_at,
        case_id=row.case_id,
        lease=lease,
        revision=row.revision,
    )


def item(conn: Connection, task_id: str, now: datetime) -> TaskItem | None:
    """One task."""
    row = conn.execute(items().where(_tasks.c.id == task_id)).one_or_none()
    return None if row is None else item_of(row, now)


def page(
    conn: Connection, sight: Sight, *, state: ListedTask | None, limit: int, after: Place | None, now: datetime
) -> tuple[list[TaskItem], Place | None]:
    """Up to `limit` undecided tasks in the order of `rank` and age, and the place to go on from, None at the end.

    `open` lists what a moderator could take now: also leased tasks whose lease ran out.
    """
    order = (_tasks.c.rank, _tasks.c.opened_at, _tasks.c.id)
    # As the partial index spells it: SQLite recognises nothing else.
    query = items().where(text("tasks.undecided"))
    if state is not None:
        query = query.where(_in_state(state, now))
    if not sight.everything:
        query = query.where(seen(conn, sight))
    if after is not None:
        start = tuple_(
            literal(after.rank, _tasks.c.rank.type),
            literal(after.moment, _tasks.c.opened_at.type),
            literal(after.id, _tasks.c.id.type),
        )
        query = query.where(tuple_(*order) > start)
    rows = conn.execute(query.order_by(*order).limit(limit + 1)).all()
    found = [item_of(row, now) for row in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    last = rows[limit - 1]
    return found, place(last.rank, last.opened_at, last.id)


def first_free(conn: Connection, sight: Sight, *, escalated: bool, now: datetime) -> Placed | None:
    """The most urgent task in `sight` that nobody holds, locked; None when there is none.

    `escalated` includes those that wait for a coordinator. Others who ask at the same time get another one.
    """
    moment = literal(now, _tasks.c.lease_expires_at.type)
    query = (
        select(_tasks.c.id)
        .where(text("tasks.undecided"), or_(_tasks.c.state != "leased", _tasks.c.lease_expires_at <= moment))
        .order_by(_tasks.c.rank, _tasks.c.opened_at, _tasks.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if not escalated:
        query = query.where(_tasks.c.escalated.is_(False))
    if not sight.everything:
        query = query.where(seen(conn, sight))
    id = conn.execute(query).scalar_one_or_none()
    return None if id is None else task_store.get(conn, id)


def seen(conn: Connection, sight: Sight) -> ColumnElement[bool]:
    """The condition on a task's row that `sight` covers it."""
    return or_(
        among(conn, _tasks.c.institution, sight.institutions), among(conn, _tasks.c.territory, sight.territories)
    )


def _in_state(state: ListedTask, now: datetime) -> ColumnElement[bool]:
    moment = literal(now, _tasks.c.lease_expires_at.type)
    over = (_tasks.c.state == "leased") & (_tasks.c.lease_expires_at <= moment)
    match state:
        case "leased":
            return (_tasks.c.state == "leased") & (_tasks.c.lease_expires_at > moment)
        case "open":
            return (_tasks.c.state == "open") | (over & ~_tasks.c.escalated)
        case "escalated":
            return (_tasks.c.state == "escalated") | (over & _tasks.c.escalated)
    return _tasks.c.state == state
