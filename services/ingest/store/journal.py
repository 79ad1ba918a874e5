"""The journal of actions: what makes each of them happen once, and a page's one after another, over all replicas."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Row, delete, func, select, update

from services.ingest.actions.entry import Entry, Known, new_entry
from services.ingest.store.schema import action_journal, action_pages, cancelled_actions
from shared.db import Database, insert
from shared.events import Action, OutcomeKind

DAY = timedelta(hours=24)
PURGE_ROWS = 2_000

_entries, _pages, _cancelled = action_journal.c, action_pages.c, cancelled_actions.c


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a page may be acted on."""

    seconds: float
    """From the beginning of one action to that of the next, at least; and never two at a time."""
    ceiling: int
    """Actions in 24 hours, at most."""
    hold: float
    """Seconds for which the attempt is left alone, unless it is prolonged: only afterwards may anybody else look for
    what became of it."""


class NotBefore(msgspec.Struct, frozen=True, kw_only=True):
    """It is not this action's turn until `at`, perhaps not even then."""

    at: datetime


def find(conn: Connection, action: Action, now: datetime) -> Known:
    """What is known of the action."""
    cancelled = select(_cancelled.action).where(_cancelled.action == action.id)
    return Known(
        entry=_entry(conn, action.id),
        cancelled=conn.execute(cancelled).first() is not None,
        begun_today=_begun_since(conn, action, now - DAY),
    )


def begin(conn: Connection, action: Action, pace: Pace, now: datetime) -> Entry | NotBefore | None:
    """Records that the action is begun now, and takes the page's turn: of all who try exactly one gets the Entry.

    NotBefore while it is another's turn or too early for the page; None where the action must not be begun as it stands
    (begun or settled elsewhere, cancelled, waiting for a later moment, over the ceiling): look at it anew.
    """
    conn.execute(insert(conn, action_pages).values(page=action.page, free_at=now).on_conflict_do_nothing())
    page = conn.execute(select(action_pages).where(_pages.page == action.page).with_for_update()).one()
    known = find(conn, action, now)
    entry = known.entry
    if known.cancelled or known.begun_today >= pace.ceiling:
        return None
    if entry is not None and (entry.state != "waiting" or (entry.free_at is not None and entry.free_at > now)):
        return None
    held = page.action is not None and page.action != action.id and page.held_until > now
    at = max(page.free_at, page.held_until) if held else page.free_at
    if at > now:
        return NotBefore(at=at)
    until = now + timedelta(seconds=pace.hold)
    begun = msgspec.structs.replace(
        entry or new_entry(action, state="begun", now=now),
        state="begun",
        attempts=(entry.attempts if entry else 0) + 1,
        begun_at=now,
        free_at=until,
    )
    if entry is None:
        values = msgspec.structs.asdict(begun)
        if conn.execute(insert(conn, action_journal).values(values).on_conflict_do_nothing()).rowcount == 0:
            return None
    else:
        again = update(action_journal).where(_entries.action == action.id, _entries.state == "waiting")
        changed = {"state": "begun", "attempts": begun.attempts, "begun_at": now, "free_at": until}
        if conn.execute(again.values(changed)).rowcount == 0:
            return None
    turn = {"action": action.id, "held_until": until, "free_at": now + timedelta(seconds=pace.seconds)}
    conn.execute(update(action_pages).where(_pages.page == action.page).values(turn))
    return begun


def claim(conn: Connection, entry: Entry, now: datetime, until: datetime) -> bool:
    """Takes a begun action that nobody is at any more, to look for it: of all who try exactly one gets True."""
    free = (_entries.state == "begun") & (_entries.attempts == entry.attempts) & (_entries.free_at <= now)
    taken = update(action_journal).where(_entries.action == entry.action, free).values(free_at=until)
    return conn.execute(taken).rowcount == 1


def prolong(conn: Connection, entry: Entry, until: datetime) -> None:
    """Whoever is at a begun action, or looks for it, still is."""
    mine = (_entries.state == "begun") & (_entries.attempts == entry.attempts)
    conn.execute(update(action_journal).where(_entries.action == entry.action, mine).values(free_at=until))
    turn = (_pages.page == entry.page) & (_pages.action == entry.action)
    conn.execute(update(action_pages).where(turn).values(held_until=until))


def put_off(conn: Connection, entry: Entry, free_at: datetime, *, surely_not_done: bool, detail: str) -> None:
    """After an attempt or a look: to be begun again (`surely_not_done`) or looked for (again), not before `free_at`."""
    mine = (_entries.state == "begun") & (_entries.attempts == entry.attempts)
    state = "waiting" if surely_not_done else "begun"
    values = {"state": state, "free_at": free_at, "detail": detail}
    if conn.execute(update(action_journal).where(_entries.action == entry.action, mine).values(values)).rowcount:
        _leave(conn, entry.action, entry.page)


def settle(
    conn: Connection,
    action: Action,
    begun: Entry | None,
    result: OutcomeKind,
    *,
    now: datetime,
    detail: str = "",
    link: str | None = None,
    made: str | None = None,
) -> None:
    """Records what came of it, after the attempt `begun` or (None) without one. What is settled stays as it is, and
    what somebody began meanwhile is not settled without them."""
    values: dict[str, Any] = {"state": result, "settled_at": now, "free_at": None, "detail": detail, "link": link}
    if made is not None:
        values["made"] = made
    if begun is None:
        new = msgspec.structs.asdict(new_entry(action, state=result, now=now)) | values
        conn.execute(insert(conn, action_journal).values(new).on_conflict_do_nothing())
        mine = _entries.state == "waiting"
    else:
        mine = (_entries.state == "begun") & (_entries.attempts == begun.attempts)
    if conn.execute(update(action_journal).where(_entries.action == action.id, mine).values(values)).rowcount:
        _leave(conn, action.id, action.page)


def cancel(conn: Connection, actions: Collection[str], now: datetime) -> None:
    """Nothing of `actions` may be begun from now on."""
    rows = [{"action": action, "cancelled_at": now} for action in sorted(actions)]
    if rows:
        conn.execute(insert(conn, cancelled_actions).on_conflict_do_nothing(), rows)


def echo(conn: Connection, page: str, comment: str, parent: str | None, *, digest: bytes, since: datetime) -> bool:
    """Whether `comment`, which the page wrote, came of a reply of ours: it is what one became, or has the words of one
    that was begun since `since` and of which it is not known what it became. Then it is recorded as that.

    A reply to another comment is none of ours, whatever its words; `parent` is None where the platform does not say."""
    if conn.execute(select(_entries.action).where(_entries.made == comment)).first() is not None:
        return True
    query = (
        select(_entries.action, _entries.comment)
        .where(
            _entries.page == page,
            _entries.begun_at > since,
            _entries.kind == "reply",
            _entries.text_digest == digest,
            _entries.made.is_(None),
            _entries.state.in_(("begun", "done")),
        )
        .order_by(_entries.begun_at)
        .with_for_update()
    )
    found = conn.execute(query).all()
    ours = [row.action for row in found if parent is None or row.comment == parent]
    if len(ours) == 1:
        # Of several with the same words nobody can say which one it is; an echo it is all the same.
        conn.execute(update(action_journal).where(_entries.action == ours[0]).values(made=comment))
    return bool(ours)


def purge(conn: Connection, before: datetime, limit: int = PURGE_ROWS) -> int:
    """Forgets at most `limit` actions recorded and as many cancelled before `before`; returns how many."""
    return sum(_purge(conn, moment, before, limit) for moment in (_entries.recorded_at, _cancelled.cancelled_at))


def _purge(conn: Connection, moment: Column[datetime], before: datetime, limit: int) -> int:
    key = moment.table.c.action
    old = select(key).where(moment < before).order_by(moment).limit(limit)
    return conn.execute(delete(moment.table).where(key.in_(old))).rowcount


def _leave(conn: Connection, action: str, page: str) -> None:
    """Gives the page's turn back: for whoever has just ended the attempt that had it, and nobody else."""
    mine = (_pages.page == page) & (_pages.action == action)
    conn.execute(update(action_pages).where(mine).values(action=None, held_until=None))


def _entry(conn: Connection, action: str) -> Entry | None:
    row = conn.execute(select(action_journal).where(_entries.action == action)).one_or_none()
    return None if row is None else _from(row)


def _from(row: Row[Any]) -> Entry:
    return Entry(**row._mapping)


def _begun_since(conn: Connection, action: Action, since: datetime) -> int:
    query = select(func.count()).where(
        _entries.page == action.page, _entries.begun_at > since, _entries.action != action.id
    )
    return conn.execute(query).scalar_one()


class StoredJournal:
    """The journal in a database. Every call raises Transient while the database is away; what it recorded is durable
    on return."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, action: Action, now: datetime) -> Known:
        """As `find`."""
        return await self._database.read(lambda conn: find(conn, action, now))

    async def begin(self, action: Action, pace: Pace, now: datetime) -> Entry | NotBefore | None:
        """As `begin`."""
        return await self._database.write(lambda conn: begin(conn, action, pace, now))

    async def claim(self, entry: Entry, now: datetime, until: datetime) -> bool:
        """As `claim`."""
        return await self._database.write(lambda conn: claim(conn, entry, now, until))

    async def prolong(self, entry: Entry, until: datetime) -> None:
        """As `prolong`."""
        await self._database.write(lambda conn: prolong(conn, entry, until))

    async def put_off(self, entry: Entry, free_at: datetime, *, surely_not_done: bool, detail: str) -> None:
        """As `put_off`."""
        await self._database.write(
            lambda conn: put_off(conn, entry, free_at, surely_not_done=surely_not_done, detail=detail)
        )

    async def settle(
        self,
        action: Action,
        begun: Entry | None,
        result: OutcomeKind,
        *,
        now: datetime,
        detail: str = "",
        link: str | None = None,
        made: str | None = None,
    ) -> None:
        """As `settle`."""
        await self._database.write(
            lambda conn: settle(conn, action, begun, result, now=now, detail=detail, link=link, made=made)
        )

    async def cancel(self, actions: Collection[str], now: datetime) -> None:
        """As `cancel`."""
        await self._database.write(lambda conn: cancel(conn, actions, now))

    async def echo(self, page: str, comment: str, parent: str | None, *, digest: bytes, since: datetime) -> bool:
        """As `echo`."""
        return await self._database.write(lambda conn: echo(conn, page, comment, parent, digest=digest, since=since))

    async def purge(self, before: datetime, limit: int = PURGE_ROWS) -> int:
        """As `purge`."""
        return await self._database.write(lambda conn: purge(conn, before, limit))
