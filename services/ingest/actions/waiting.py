"""Waits that end when the service stops, and patience with a database or broker that is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from shared.errors import Transient, Unavailable

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts while something is away; the last one repeats."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Waiting:
    """Everything here raises Transient once `stop` is set: what waits is handed back."""

    def __init__(self, stop: asyncio.Event | None = None) -> None:
        self._stop = stop or asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleeps; at once over where `seconds` is not positive."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)
        if self._stop.is_set():
            raise Transient("stopping")

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Does `work`, again and again while it says that something is away."""
        attempt = 0
        while True:
            try:
                return await work()
            except (Transient, Unavailable) as error:
                log.info("waiting", error=str(error))
            await self.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
