"""Forgets, in small steps, the comments of which nothing new was heard for thirty days; repetitions do not count."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from services.ingest.store import StoredHeads
from services.ingest.store.heads import PURGE_ROWS
from shared.clock import Clock, utc_now
from shared.errors import Transient
from shared.waiting import rest

KEPT = timedelta(days=30)
"""How long a comment is known: platforms' own repetitions come within hours, operators' replays within days."""
EVERY_SECONDS = 3_600.0
PAUSE_SECONDS = 0.2
"""Between two steps, so that comments coming in are written meanwhile."""

log = structlog.get_logger(__name__)


class Forgetting:
    """Several may run at once: forgetting twice is forgetting once."""

    def __init__(self, heads: StoredHeads, clock: Clock = utc_now) -> None:
        self._heads = heads
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps every hour until `stop` is set; a database that is away is tried again next time."""
        while not stop.is_set():
            try:
                await self.sweep(stop)
            except Transient as error:
                log.warning("could not forget old comments", error=str(error))
            await rest(EVERY_SECONDS, stop)

    async def sweep(self, stop: asyncio.Event) -> int:
        """One round; returns how many comments were forgotten."""
        before = self._clock() - KEPT
        total = 0
        while not stop.is_set():
            count = await self._heads.purge(before, PURGE_ROWS)
            total += count
            if count < PURGE_ROWS:
                break
            await rest(PAUSE_SECONDS, stop)
        if total:
            log.info("forgot old comments", comments=total)
        return total
