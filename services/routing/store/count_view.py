"""How much of everything there is: what a live table shows."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select, text

from services.routing.store import event, relay, schema

_comments, _cases, _tasks, _institutions = schema.comments, schema.cases, schema.tasks, schema.institutions


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """The open cases of one institution."""

    institution: str
    short_name: str
    open: int
    urgent: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    comments: dict[str, int]
    """Living and deleted comments by their present tag."""
    cases: dict[str, int]
    """By state."""
    queues: list[Backlog]
    """The institutions with the most open cases, the fullest first."""
    tasks: int
    """Moderation tasks that await a decision."""
    outbox: int
    """Events committed here and not yet published to the broker."""
    last_event: int
    """The number of the last event."""


def stats(conn: Connection, *, top: int) -> Stats:
    """Counts every row: milliseconds for thousands of comments, seconds for millions; ask seldom, keep the answer."""
    by_tag = select(_comments.c.tag, func.count()).where(_comments.c.tag.is_not(None)).group_by(_comments.c.tag)
    by_state = select(_cases.c.state, func.count()).group_by(_cases.c.state)
    urgent = func.sum(1 - _cases.c.rank)
    fullest = (
        select(_cases.c.institution, func.count().label("open"), urgent.label("urgent"))
        .where(text("cases.open"))
        .group_by(_cases.c.institution)
        .order_by(func.count().desc(), _cases.c.institution)
        .limit(top)
        .subquery()
    )
    named = (
        select(fullest, _institutions.c.short_name)
        .join(_institutions, _institutions.c.id == fullest.c.institution)
        .order_by(fullest.c.open.desc(), fullest.c.institution)
    )
    undecided = select(func.count()).select_from(_tasks).where(text("tasks.undecided"))
    return Stats(
        comments=dict(map(tuple, conn.execute(by_tag))),
        cases=dict(map(tuple, conn.execute(by_state))),
        queues=[
            Backlog(institution=row.institution, short_name=row.short_name, open=row.open, urgent=int(row.urgent or 0))
            for row in conn.execute(named)
        ],
        tasks=conn.execute(undecided).scalar_one(),
        outbox=relay.waiting(conn),
        last_event=event.last_number(conn),
    )
