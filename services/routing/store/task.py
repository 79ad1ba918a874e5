"""Moderation tasks: the projection that moderators take their work from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from services.routing.domain.comment import REASONS
from services.routing.domain.lease import Lease
from services.routing.domain.task import Task, current
from services.routing.store.bulk import among, insert_rows
from services.routing.store.schema import tasks

SKIPPED_RANK = 10
"""Added to the rank of a task for each time it was skipped (at most thrice): behind all that nobody skipped."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A task and whose page it is about, as the registry had it when the task was opened."""

    task: Task
    page: str
    institution: str
    territory: str


_PLAIN = tuple(field.name for field in msgspec.structs.fields(Task) if field.name not in ("reasons", "lease"))
_CHANGING = (*_PLAIN, "reasons", "rank", "undecided", "lease_holder", "lease_token", "lease_expires_at")
_COLUMNS = (*_CHANGING, "page", "institution", "territory")


def get(conn: Connection, id: str, *, lock: bool = False) -> Placed | None:
    """One task; None when there is none. `lock` (after its comment and case, if those are locked too) before acting."""
    query = select(tasks).where(tasks.c.id == id)
    row = conn.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    return None if row is None else _placed(row)


def of_comments(conn: Connection, comment_ids: Collection[str], *, lock: bool = False) -> dict[str, Task]:
    """The task that counts for each of these comments that has any; `lock` locks all their tasks."""
    if not comment_ids:
        return {}
    query = select(tasks).where(among(conn, tasks.c.comment_id, comment_ids)).order_by(tasks.c.id)
    found: dict[str, list[Task]] = {}
    for row in conn.execute(query.with_for_update(key_share=True) if lock else query):
        found.setdefault(row.comment_id, []).append(_placed(row).task)
    return {id: task for id, its in found.items() if (task := current(its)) is not None}


def rank_of(task: Task) -> int:
    """Its urgency, lower first: the place of its gravest reason in REASONS, skipped ones behind all others."""
    return REASONS.index(task.reasons[0]) + SKIPPED_RANK * min(task.skips, 3)


def add(conn: Connection, new: Sequence[Placed]) -> None:
    """Inserts new tasks; raises IntegrityError when a comment has an undecided one already."""
    insert_rows(conn, tasks, _COLUMNS, [(*_values(new.task), new.page, new.institution, new.territory) for new in new])


_change = (
    update(tasks)
    .where(tasks.c.id == bindparam("_id"))
    .values({name: bindparam(name) for name in _CHANGING if name not in ("id", "comment_id")})
)


def change(conn: Connection, changed: Sequence[Task]) -> None:
    """Writes tasks that exist already (and are locked)."""
    if changed:
        rows = [dict(zip(_CHANGING, _values(task), strict=True)) for task in changed]
        conn.execute(_change, [{**row, "_id": row["id"]} for row in rows])


def _placed(row: Row[Any]) -> Placed:
    lease = None
    if row.lease_token is not None:
        lease = Lease(holder=row.lease_holder, token=row.lease_token, expires_at=row.lease_expires_at)
    fields = {name: row._mapping[name] for name in _PLAIN}
    task = Task(**fields, reasons=tuple(row.reasons), lease=lease)
    return Placed(task=task, page=row.page, institution=row.institution, territory=row.territory)


def _values(task: Task) -> tuple[Any, ...]:
    lease = task.lease
    held = (None, None, None) if lease is None else (lease.holder, lease.token, lease.expires_at)
    plain = [getattr(task, name) for name in _PLAIN]
    return (*plain, task.reasons, rank_of(task), task.undecided, *held)
