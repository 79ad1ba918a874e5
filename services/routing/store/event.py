"""The append-only log of everything that the machine and people did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, Select, func, select, update

from services.routing.store.bulk import insert_rows
from services.routing.store.schema import events, relay

SubjectKind = Literal["case", "task", "decision", "action", "registry", "key", "comment"]


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `number` is None until the relay gave it one, within a second of the commit."""

    id: str
    """UUIDv7; also the message id under which CASES has it."""
    number: int | None = None
    subject_kind: SubjectKind
    subject_id: str
    case_id: str | None = None
    comment_id: str | None = None
    event: str
    """`^[a-z_]{1,40}$`"""
    state: str
    """The subject's state after it, by the same pattern."""
    institution: str | None = None
    """The institution responsible after it, where there is one."""
    actor: str
    """`system` or the id of the key that acted; never a person's name."""
    at: datetime
    reason: str = ""
    data: Any = None
    """What else is to be known of it, as JSON; never a citizen's words."""


_COLUMNS = tuple(field.name for field in msgspec.structs.fields(Logged) if field.name != "number")
_READ = [events.c[field.name] for field in msgspec.structs.fields(Logged)]


def add(conn: Connection, new: Sequence[Logged]) -> None:
    """Appends entries in this order; wake the relay after the commit."""
    insert_rows(conn, events, _COLUMNS, [tuple(getattr(entry, name) for name in _COLUMNS) for entry in new])


def last_number(conn: Connection) -> int:
    """The highest number given so far; 0 before the first."""
    return int(conn.execute(select(relay.c.numbered)).scalar_one())


def give_numbers(conn: Connection, *, after: int, limit: int) -> int:
    """Numbers the oldest `limit` entries that have none, from `after` + 1 on; returns the last number given.

    Only under the lock of the relay's row. Entries of one subject are numbered in the order they were written in.
    """
    oldest = select(events.c.seq).where(events.c.number.is_(None)).order_by(events.c.seq).limit(limit).subquery()
    placed = select(oldest.c.seq, func.row_number().over(order_by=oldest.c.seq).label("place")).subquery()
    statement = update(events).where(events.c.seq == placed.c.seq).values(number=after + placed.c.place)
    return after + conn.execute(statement).rowcount


def of_cases(conn: Connection, *, after: int, through: int) -> list[Logged]:
    """The entries of cases with a number beyond `after`, up to `through`, as CASES tells them: without their data."""
    query = (
        select(*(column for column in _READ if column.name != "data"))
        .where(events.c.number > after, events.c.number <= through, events.c.subject_kind == "case")
        .order_by(events.c.number)
    )
    return _read(conn, query)


def _read(conn: Connection, query: Select[Any]) -> list[Logged]:
    return [_logged(row) for row in conn.execute(query)]


def _logged(row: Row[Any]) -> Logged:
    return Logged(**row._mapping)
