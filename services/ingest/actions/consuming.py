"""Ingest's durables on ACTIONS: one for each platform, and one for what is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import structlog

from services.ingest.actions.course import Means
from services.ingest.actions.sources import Sources
from services.ingest.actions.waiting import Waiting
from services.ingest.actions.worker import LAST_DELIVERY, Worker
from services.ingest.connectors.connector import Connector
from services.ingest.store.journal import StoredJournal
from shared.bus import INGEST_ACTIONS, INGEST_CANCELLATIONS, Bus, Consumer, Delivered, Patience
from shared.clock import Clock, utc_now
from shared.events import ActionCancelled, Platform
from shared.waiting import rest
from shared.web import Background

MAX_BATCH = 16
"""Actions taken at once: small, so that several replicas share them."""
MAX_DELIVERIES = 2 * LAST_DELIVERY
"""An action may wait seven days, through many restarts; the journal keeps one that kills us from being done twice. Half
of them are there for handing it to a person."""

log = structlog.get_logger(__name__)


class Cancelling:
    """The handler of INGEST_CANCELLATIONS."""

    def __init__(self, journal: StoredJournal, clock: Clock = utc_now) -> None:
        self._journal = journal
        self._clock = clock

    async def handle(self, batch: Sequence[Delivered]) -> None:
        """From now on none of these is begun, by any replica; raises Transient while the database is away."""
        cancelled = [cast(ActionCancelled, delivered.event) for delivered in batch]
        await self._journal.cancel({it.action for it in cancelled}, self._clock())
        for it in cancelled:
            log.info("action cancelled", action=it.action, trace=it.trace, platform=it.platform)


def consume(
    tasks: Background,
    bus: Bus,
    *,
    journal: StoredJournal,
    sources: Sources,
    connectors: Mapping[str, Connector],
    ready: Sequence[asyncio.Event],
) -> None:
    """Starts all of them; a platform that has no connector hands everything to people. Nothing is done before all of
    `ready` are set: that the sources are known, for without one an action goes to a person, and that the other replicas
    leave this one its share of the platforms' rates."""
    for platform, spec in INGEST_ACTIONS.items():
        means = Means(
            connector=connectors.get(platform),
            journal=journal,
            sources=sources,
            publish=bus.publish,
            waiting=Waiting(),
        )
        worker = Worker(cast(Platform, platform), means)
        consumer = Consumer(
            bus,
            service="ingest",
            spec=spec,
            handle=worker.handle,
            max_batch=MAX_BATCH,
            patience=Patience(max_deliveries=MAX_DELIVERIES),
        )
        running = _Running(worker, consumer, ready)
        tasks.start(spec.durable, running.run, age=running.loop_age)
    cancelling = Consumer(
        bus, service="ingest", spec=INGEST_CANCELLATIONS, handle=Cancelling(journal).handle, max_batch=256
    )
    tasks.start(INGEST_CANCELLATIONS.durable, cancelling.run, age=cancelling.loop_age)


class _Running:
    def __init__(self, worker: Worker, consumer: Consumer, ready: Sequence[asyncio.Event]) -> None:
        self._ready = ready
        self._worker = worker
        self._consumer = consumer

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what waits then goes back to the stream at once, what is in its call gets a moment."""
        for event in self._ready:
            await rest(None, event, stop)
        self._worker.stops_with(stop)
        await self._consumer.run(stop)

    def loop_age(self) -> float:
        """Of the consumer, once it runs."""
        return self._consumer.loop_age() if all(event.is_set() for event in self._ready) else 0.0
