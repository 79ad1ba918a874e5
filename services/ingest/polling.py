"""Reads sources by asking: one task for each that this replica owns, so that a slow or failing page delays no other.

Sources that the platform calls are asked too, for what a call may have missed: that is their backfill.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from services.ingest.arrivals import Arrivals
from services.ingest.connectors.connector import Connector, Polled
from services.ingest.connectors.failure import BadCredential, NotAllowed, NotSent, PlatformError
from services.ingest.sources.leases import LeaseLost
from services.ingest.sources.source import Source
from services.ingest.store.cursors import Kind
from services.ingest.turns import Turns
from shared.clock import Clock, utc_now
from shared.errors import Transient, Unavailable

LOOK_SECONDS = 1.0
"""Between two looks at which sources are ours."""
RECONCILE_SECONDS = 900.0
"""Between two backfills of a source: what a platform never told, such as a deletion, is found that late."""
STARTS_A_SECOND = 100.0
"""Sources that begin to be asked in a second, so that a start with thousands delays nobody who calls meanwhile."""
RECONCILES_A_SECOND = 20.0
"""Sources that begin to be read back in a second, for the first time: a pass costs ten times as much as a poll, and
what is told now goes before what was missed."""
SPREAD = 0.1
"""Share of a wait that is left to chance, so that a thousand sources do not ask in step."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds before a failing source is asked again: twice as long each time."""
OUR_LONGEST_PAUSE = 30.0
"""Where our own broker or database is what failed: once they are back, no source may stay silent for minutes."""
LONGEST_ASKED = 3 * 3_600.0
"""That a platform may ask us to wait: a source must not fall silent for ever by one wrong header."""
CREDENTIAL_PAUSE = 300.0
"""After a credential was refused: only a person can mend that."""
CLOSE_SECONDS = 5.0
"""For polls that are under way at the end; what they bring later is brought again by the next."""

log = structlog.get_logger(__name__)


class Cursors(Protocol):
    """How far sources were read; every call may raise Transient."""

    async def get(self, source: str, kind: Kind, since: datetime | None = None) -> bytes | None:
        """The cursor, if it was put since `since`."""

    async def put(self, source: str, kind: Kind, value: bytes, moved_at: datetime) -> None:
        """Remembers it."""

    async def drop(self, source: str, kind: Kind | None = None) -> None:
        """Forgets it."""


class Fares(Protocol):
    """Learns how sources fare."""

    def heard(self, source: Source, events: int, *, lag: float | None = None) -> None:
        """The platform answered, and what it said is durable: so many events that are new, the newest `lag` seconds
        old."""

    def failed(self, source: Source, error: Exception) -> None:
        """It did not."""


class Held(Protocol):
    """Which sources are this replica's to read."""

    def owns(self, source: str) -> bool:
        """Whether it may read the source now, and no other may."""

    def under(self, source: str) -> AbstractAsyncContextManager[None]:
        """Inside of it that stays so; raises LeaseLost where it does not."""


class Polling:
    """Runs until told to stop."""

    def __init__(
        self,
        *,
        sources: Callable[[], Iterable[Source]],
        leases: Held,
        connectors: Mapping[str, Connector],
        arrivals: Arrivals,
        cursors: Cursors,
        fares: Fares,
        clock: Clock = utc_now,
    ) -> None:
        """`sources` are all that are known now."""
        self._sources = sources
        self._leases = leases
        self._connectors = connectors
        self._arrivals = arrivals
        self._cursors = cursors
        self._fares = fares
        self._clock = clock
        self._turned = time.monotonic()
        self._running: dict[str, tuple[Source, tuple[asyncio.Task[None], ...]]] = {}
        self._leaving: dict[asyncio.Task[None], str] = {}
        """Told to end, and not over yet, by their sources: nobody takes their place before."""
        self._at: dict[str, bytes | None] = {}
        """The stored cursors of polls that go well, which need not be read again each time nothing came."""
        self._first_poll, self._first_reconcile = Turns(), Turns()
        self._reconciling: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """One at a time for each source: both halves may want it, and it has one cursor."""

    def loop_age(self) -> float:
        """Seconds since the loop last turned."""
        return time.monotonic() - self._turned

    async def run(self, stop: asyncio.Event) -> None:
        """Begins and ends tasks as sources come, go, change and change hands."""
        try:
            while not stop.is_set():
                self._turned = time.monotonic()
                await self._settle()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
        finally:
            await self._end(list(self._running))

    async def _settle(self) -> None:
        wanted = {
            source.id: source
            for source in self._sources()
            if source.active and source.platform in self._connectors and self._leases.owns(source.id)
        }
        # What changed (a new token, another page) begins anew with what it is now.
        # So does what ended by itself, which only a fault of ours brings about.
        running = self._running.items()
        await self._end([name for name, (source, tasks) in running if wanted.get(name) != source or _any_over(tasks)])
        leaving = set(self._leaving.values())
        for name, source in wanted.items():
            if name not in self._running and name not in leaving:
                self._running[name] = source, self._begin(source)

    async def _end(self, names: list[str]) -> None:
        for name in names:
            self._leaving |= dict.fromkeys(self._running.pop(name)[1], name)
        # Again at every turn: one cancellation may be swallowed (`shared.waiting.ended` says by what).
        for task in self._leaving:
            task.cancel()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_SECONDS if names else 0.0)
        for task, name in list(self._leaving.items()):
            # Another replica may move it from here on.
            self._at.pop(name, None)
            if task.done():
                del self._leaving[task]
                if not task.cancelled() and (error := task.exception()) is not None:
                    log.error("source ended", task=task.get_name(), exc_info=error)

    def _begin(self, source: Source) -> tuple[asyncio.Task[None], ...]:
        first = self._first_reconcile.next(1.0 / RECONCILES_A_SECOND)
        halves = [self._steadily(source, self._reconcile, first)]
        if source.way == "poll":
            first = self._first_poll.next(1.0 / STARTS_A_SECOND)
            halves.append(self._steadily(source, self._poll_once, first))
        return tuple(asyncio.create_task(half, name=f"source-{source.id}") for half in halves)

    async def _steadily(self, source: Source, step: Callable[[Source], Awaitable[float]], first: float) -> None:
        """Calls `step`, which returns the seconds to wait, again and again, beginning in `first` seconds; waits longer
        after each failure."""
        await asyncio.sleep(first)
        failures = 0
        while True:
            try:
                async with self._leases.under(source.id):
                    wait = await step(source)
                failures = 0
            except LeaseLost:
                self._at.pop(source.id, None)
                wait = LOOK_SECONDS  # until this task is ended, or the lease comes back
            except (PlatformError, Transient, Unavailable) as error:
                self._fares.failed(source, error)
                wait = _pause(error, failures)
                failures += 1
            except Exception as error:
                # A fault of ours must not end this half of the source.
                log.exception("source failed", source=source.id, platform=source.platform)
                self._fares.failed(source, error)
                wait = _pause(error, failures)
                failures += 1
            await asyncio.sleep(wait * random.uniform(1 - SPREAD, 1 + SPREAD))  # noqa: S311  # no secret

    async def _poll_once(self, source: Source) -> float:
        connector = self._connectors[source.platform]
        # Whatever fails, or is broken off, forgets it: only what the database surely has is relied on.
        known = source.id in self._at
        cursor = self._at.pop(source.id, None) if known else await self._cursor(source, "poll")
        asked_at = self._clock()
        polled = await connector.poll(source, cursor)
        await self._keep(source, "poll", cursor, polled, asked_at)
        self._at[source.id] = polled.cursor
        if polled.behind:
            await self._reconcile(source, anew=True)
        return polled.wait

    async def _reconcile(self, source: Source, *, anew: bool = False) -> float:
        """Reads everything back, from where it stood last, or `anew`."""
        lock = self._reconciling.setdefault(source.id, asyncio.Lock())
        async with lock:
            if anew:
                await self._cursors.drop(source.id, "backfill")
            return await self._read_back(source)

    async def _read_back(self, source: Source) -> float:
        connector = self._connectors[source.platform]
        cursor = await self._cursor(source, "backfill")
        while True:
            asked_at = self._clock()
            polled = await connector.backfill(source, cursor)
            if polled is None:
                await self._cursors.drop(source.id, "backfill")
                return RECONCILE_SECONDS
            await self._keep(source, "backfill", cursor, polled, asked_at)
            cursor = polled.cursor
            if polled.wait:
                await asyncio.sleep(polled.wait)

    async def _cursor(self, source: Source, kind: Kind) -> bytes | None:
        # One from before it was added is of another source that had the id, and maybe another page.
        return await self._cursors.get(source.id, kind, source.added_at)

    async def _keep(self, source: Source, kind: Kind, before: bytes | None, polled: Polled, asked_at: datetime) -> None:
        taken = await self._arrivals.take(source, polled.events, polled.payload, as_of=asked_at)
        self._fares.heard(source, taken.news, lag=taken.lag)
        if polled.cursor != before:
            await self._cursors.put(source.id, kind, polled.cursor, self._clock())


def _any_over(tasks: tuple[asyncio.Task[None], ...]) -> bool:
    return any(task.done() for task in tasks)


def _pause(error: Exception, failures: int) -> float:
    if isinstance(error, BadCredential | NotAllowed):
        return CREDENTIAL_PAUSE
    asked = error.retry_after if isinstance(error, NotSent) else None
    longest = OUR_LONGEST_PAUSE if isinstance(error, Transient | Unavailable) else LONGEST_PAUSE
    return max(min(asked or 0.0, LONGEST_ASKED), min(longest, FIRST_PAUSE * 2.0 ** min(failures, 10)))
