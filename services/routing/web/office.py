"""What handlers work with: the database, the registry as it is now, time, ids; one for each process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Request
from sqlalchemy import Connection

from services.routing.access import Sights
from services.routing.caller import Caller
from services.routing.store import count_view
from services.routing.store.changes import Changes
from services.routing.store.count_view import Stats
from services.routing.store.reconciliation import Contention, take_turns
from services.routing.store.snapshot import Snapshot, Snapshots
from shared.auth import Principal
from shared.clock import Clock, NewId
from shared.db import Database
from shared.errors import Transient

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts at a write that meets with others working on the same comments; from the second on they take turns."""

STATS_SECONDS = 5.0
"""Counting reads every row: however many ask, it is done once in this time."""


class Office:
    """`app.state.office`, made in the lifespan."""

    def __init__(
        self,
        *,
        database: Database,
        snapshots: Snapshots,
        clock: Clock,
        new_id: NewId,
        wake: Callable[[], None],
        lease_seconds: int,
    ) -> None:
        self.database = database
        self.snapshots = snapshots
        self._sights: tuple[Snapshot, Sights] | None = None
        self.clock = clock
        self.new_id = new_id
        self._wake = wake
        self.lease_seconds = lease_seconds
        self._stats: dict[int, tuple[float, Stats]] = {}
        self._counting = asyncio.Lock()

    async def caller(self, principal: Principal) -> Caller:
        """The one who calls, at this moment; raises Transient when the database is away."""
        snapshot = await self.snapshots.current()
        if self._sights is None or self._sights[0] is not snapshot:
            self._sights = (snapshot, Sights(snapshot.registry))
        return Caller(principal=principal, sight=self._sights[1].of(principal), snapshot=snapshot, now=self.clock())

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a snapshot of the database."""
        return await self.database.read(work)

    async def write(self, work: Callable[[Connection, Changes], T]) -> T:
        """Runs `work` in one transaction; what it changed is counted after the commit and leaves for the broker.

        Where comments are taken in under its hands it is rolled back and done again, in turn with them. Raises what
        `work` raises, and Transient when the database is away or busy.
        """
        for attempt in range(MAX_ATTEMPTS):
            changes = Changes(now=self.clock(), new_id=self.new_id)
            try:
                done = await self.database.write(lambda conn: _in_turn(conn, changes, work, waits=attempt > 0))  # noqa: B023 - awaited
            except Contention:
                continue
            changes.count()
            self._wake()
            return done
        raise Transient("others keep taking in the same comments")

    async def stats(self, top: int) -> Stats:
        """The counts, at most STATS_SECONDS old."""
        async with self._counting:
            now = asyncio.get_running_loop().time()
            kept = self._stats.get(top)
            if kept is None or now - kept[0] >= STATS_SECONDS:
                kept = (now, await self.read(lambda conn: count_view.stats(conn, top=top)))
                self._stats[top] = kept
            return kept[1]


def _in_turn(conn: Connection, changes: Changes, work: Callable[[Connection, Changes], T], *, waits: bool) -> T:
    if waits:
        take_turns(conn)
    return work(conn, changes)


def office_of(request: Request[Any, Any, Any]) -> Office:
    """The office of this process."""
    office = request.app.state.office
    assert isinstance(office, Office)  # noqa: S101 - set in the lifespan; tells the type checker
    return office


async def caller_of(request: Request[Principal, Any, Any]) -> Caller:
    """Who sent this request."""
    return await office_of(request).caller(request.user)
