"""Forgets, in small steps, what is too old to be asked for again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from services.ingest.store import Stores
from services.ingest.store.heads import PURGE_ROWS
from shared.clock import Clock, utc_now
from shared.errors import Transient
from shared.waiting import rest
from shared.web import Background

KEPT = timedelta(days=30)
"""How long a comment is known: platforms' own repetitions come within hours, operators' replays within days."""
ACTIONS_KEPT = timedelta(days=90)
"""How long an action is known: it may wait seven days, and its echo may be read again with the page's older posts."""
FOUND_KEPT = timedelta(days=60)
"""How long it is known that a comment was found under a post: reading back goes 28 days deep."""
EVERY_SECONDS = 3_600.0
PAUSE_SECONDS = 0.2
"""Between two steps, so that comments coming in are written meanwhile."""

log = structlog.get_logger(__name__)


class Store(Protocol):
    """What can forget."""

    async def purge(self, before: datetime, limit: int) -> int:
        """Forgets at most `limit` of what is older than `before`; returns how many. May raise Transient."""


class Forgetting:
    """Several may run at once: forgetting twice is forgetting once."""

    def __init__(self, store: Store, clock: Clock = utc_now, *, kept: timedelta = KEPT, what: str = "comments") -> None:
        self._store = store
        self._clock = clock
        self._kept = kept
        self._what = what

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps every hour until `stop` is set; a database that is away is tried again next time."""
        while not stop.is_set():
            try:
                await self.sweep(stop)
            except Transient as error:
                log.warning("could not forget what is old", what=self._what, error=str(error))
            await rest(EVERY_SECONDS, stop)

    async def sweep(self, stop: asyncio.Event) -> int:
        """One round; returns how many were forgotten."""
        before = self._clock() - self._kept
        total = 0
        while not stop.is_set():
            count = await self._store.purge(before, PURGE_ROWS)
            total += count
            if count < PURGE_ROWS:
                break
            await rest(PAUSE_SECONDS, stop)
        if total:
            log.info("forgot what was old", what=self._what, count=total)
        return total


def forget(tasks: Background, stores: Stores) -> None:
    """Starts one for everything that grows."""
    tasks.start("forgetting", Forgetting(stores.heads).run)
    tasks.start("forgetting events", Forgetting(stores.seen, what="events").run)
    tasks.start("forgetting found", Forgetting(stores.known, kept=FOUND_KEPT, what="comments found").run)
    tasks.start("forgetting actions", Forgetting(stores.journal, kept=ACTIONS_KEPT, what="actions").run)
