"""Removes what has been kept long enough."""

from __future__ import annotations

import asyncio

import structlog

from services.routing.store import idempotency
from shared.clock import Clock, utc_now
from shared.db import Database
from shared.errors import Transient
from shared.waiting import rest

EVERY_SECONDS = 600.0

log = structlog.get_logger(__name__)


class Forgetting:
    """Removes answers kept under idempotency keys for longer than a day. Several may run at once."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps every ten minutes until `stop` is set; a database that is away is tried again next time."""
        while not stop.is_set():
            try:
                gone = await self._database.write(lambda conn: idempotency.forget(conn, now=self._clock()))
                if gone:
                    log.info("idempotency keys forgotten", count=gone)
            except Transient as error:
                log.warning("nothing forgotten", error=str(error))
            await rest(EVERY_SECONDS, stop)
