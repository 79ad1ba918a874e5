"""Group commit: many requests' entries become few batches, each published and then remembered.

The order is publish, then remember. A crash between the two loses nothing: the clients were told nothing, send again,
and the broker recognises the messages by their ids, for as long as it remembers these (two minutes). What is sent again
later than that is stored as another version of the same comment, and readers fold versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from services.ingest.batch import Batch, judge
from services.ingest.intake import Counts, Intake, Ticket, refuse, stopping
from services.ingest.repetition import Head
from shared.bus import Outgoing, Published
from shared.clock import Clock, utc_now
from shared.errors import Transient, Unavailable
from shared.obs import metrics

STOP_SECONDS = 10.0
"""For what still waits at the end."""
IDLE_SECONDS = 10.0
"""Between two turns where nothing comes."""

log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Outgoing]], Awaitable[Sequence[Published]]]


class Heads(Protocol):
    """Where comments' heads are kept; every call may raise Transient."""

    async def find(self, comments: Collection[str]) -> dict[str, Head]:
        """The heads of those that are known."""

    async def record(self, heads: Mapping[str, Head], seen_at: datetime) -> None:
        """Remembers the heads, durably on return."""


class Committer:
    """Empties the intake, batch after batch; while one batch is being remembered, the next is published."""

    def __init__(self, intake: Intake, *, publish: Publish, heads: Heads, clock: Clock = utc_now) -> None:
        self._intake = intake
        self._publish = publish
        self._heads = heads
        self._clock = clock
        self._turned = time.monotonic()
        self._recording: asyncio.Task[None] | None = None
        self._unrecorded: dict[str, Head] = {}
        """Published, and not yet to be found in the database."""

    def age(self) -> float:
        """Seconds since the loop last turned."""
        return time.monotonic() - self._turned

    async def run(self, stop: asyncio.Event) -> None:
        """Commits until `stop` is set, then what still waits, for at most STOP_SECONDS; refuses the rest."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._turned = time.monotonic()
                arrived = asyncio.create_task(self._intake.arrived.wait())
                await asyncio.wait({stopped, arrived}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                await self._turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    while self._intake.arrived.is_set():
                        await self._turn()
                    await self._recorded()
        finally:
            stopped.cancel()
            if self._recording is not None:
                self._recording.cancel()
            await self._intake.close()

    async def _turn(self) -> None:
        tickets = await self._intake.take()
        if not tickets:
            return
        with _refusing(tickets):
            groups = [ticket.entries for ticket in tickets]
            # Taken before looking: what is not recorded yet then is found in one of the two.
            unrecorded = self._unrecorded
            known = await self._heads.find({entry.event.id for entries in groups for entry in entries})
            batch = judge(groups, known | unrecorded if unrecorded else known)
            published = await self._publish(batch.outgoing) if batch.outgoing else []
            await self._recorded()
            self._unrecorded = batch.heads
            self._recording = asyncio.create_task(self._record(tickets, batch, published))

    async def _recorded(self) -> None:
        if self._recording is not None:
            # It refuses its own tickets and never raises.
            await asyncio.shield(self._recording)
            self._recording = None

    async def _record(self, tickets: Sequence[Ticket], batch: Batch, published: Sequence[Published]) -> None:
        with _refusing(tickets):
            try:
                if batch.heads:
                    await self._heads.record(batch.heads, self._clock())
            finally:
                self._unrecorded = {}
            for (platform, result), count in batch.tally(published).items():
                metrics.INGEST_COMMENTS.labels(platform=platform, result=result).inc(count)
            for ticket, size, accepted in zip(tickets, batch.sizes, batch.accepted(published), strict=True):
                ticket.grant(Counts(accepted=accepted, duplicates=size - accepted))


@contextlib.contextmanager
def _refusing(tickets: Sequence[Ticket]) -> Iterator[None]:
    """Refuses `tickets` when the block fails; only cancellation goes on from there.

    A fault of ours must not end the committer: those requests answer 500, the next batch is tried.
    """
    entries = sum(len(ticket.entries) for ticket in tickets)
    try:
        yield
    except (Unavailable, Transient) as error:
        detail = str(error)
        log.warning("batch not stored", entries=entries, error=detail)
        refuse(tickets, lambda: Unavailable(detail))
    except Exception:
        log.exception("batch failed", entries=entries)
        refuse(tickets, lambda: RuntimeError("storing failed; see `batch failed` in the log"))
    except BaseException:
        refuse(tickets, stopping)
        raise
