"""The relay's half in the database: numbers for the log, and what is to be published next.

One row says which process relays. That saves the others the work; nothing rests on it: numbers are given under the
row's lock, and what two processes publish at once carries the same message ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, func, select, update

from services.routing.store import event, outbox
from services.routing.store.event import Logged
from services.routing.store.outbox import Waiting
from services.routing.store.schema import events
from services.routing.store.schema import relay as table


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish next, in this order within each list."""

    log: Sequence[Logged]
    """Numbered entries of cases, for CASES."""
    through: int
    """The number up to which CASES is complete once this turn is published."""
    outbox: Sequence[Waiting]
    more: bool
    """True when there may be more than fitted into one turn."""

    published: int
    """The number up to which CASES is complete already."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to publish or to pass over."""
        return not self.outbox and self.through == self.published


def waiting(conn: Connection) -> int:
    """How much is committed and not yet published; a look only, for the gauge and to spare the idle a transaction."""
    row = conn.execute(select(table.c.numbered, table.c.published)).one()
    unnumbered = conn.execute(select(func.count()).select_from(events).where(events.c.number.is_(None))).scalar_one()
    return int(row.numbered - row.published + unnumbered + outbox.size(conn))


def turn(
    conn: Connection, *, holder: str, now: datetime, hold: timedelta, limit: int, done: Turn | None
) -> Turn | None:
    """Records `done` as published, numbers new entries of the log, and returns what is next.

    None when another process relays and has not let go for `hold`; what was done is recorded all the same.
    """
    row = conn.execute(select(table).with_for_update()).one()
    published = row.published
    if done is not None:
        outbox.remove(conn, [one.seq for one in done.outbox])
        published = max(published, done.through)
    if row.holder not in (None, holder) and row.held_until > now:
        if published != row.published:
            conn.execute(update(table).values(published=published))
        return None
    numbered = event.give_numbers(conn, after=row.numbered, limit=limit)
    conn.execute(update(table).values(numbered=numbered, published=published, holder=holder, held_until=now + hold))
    through = min(numbered, published + limit)
    out = outbox.first(conn, limit=limit)
    return Turn(
        log=event.of_cases(conn, after=published, through=through),
        through=through,
        published=published,
        outbox=out,
        more=through < numbered or len(out) == limit or numbered - row.numbered == limit,
    )


def let_go(conn: Connection, *, holder: str) -> None:
    """Lets another process relay at once."""
    conn.execute(update(table).where(table.c.holder == holder).values(holder=None, held_until=None))
