"""The service put together: broker, database, consumers, relay, HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from services.routing.forgetting import Forgetting
from services.routing.relay import Relay
from services.routing.settings import Settings
from services.routing.store.snapshot import Snapshots
from services.routing.web import HANDLERS
from services.routing.web.office import Office
from services.routing.worker import Worker
from shared.auth import KeyRing
from shared.bus import ROUTING_LIFE, ROUTING_OUTCOMES, ROUTING_TAGGED, Bus, Consumer, Janitor
from shared.clock import new_id, utc_now
from shared.db import Database
from shared.web import Background, Service, background, create_app

API_VERSION = "1"
STREAMS = ("QUEUES", "CASES", "TAGGED")
"""What routing writes or alone reads, and therefore sweeps."""


def make_app(settings: Settings) -> Service:
    """The application; nothing is connected before its lifespan, which also creates what handlers need."""
    database = Database.open(settings.routing_database_url)
    keyring = KeyRing()
    bus: Bus | None = None

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        nonlocal bus
        bus = await Bus.connect(settings.nats_url, name="routing", replicas=settings.nats_replicas)
        relay = Relay(database, bus)
        snapshots = Snapshots(database)
        app.state.office = Office(
            database=database,
            snapshots=snapshots,
            clock=utc_now,
            new_id=new_id,
            wake=relay.wake,
            lease_seconds=settings.lease_seconds,
        )
        worker = Worker(database, snapshots, wake=relay.wake)
        try:
            async with bus, background(app) as tasks:
                tasks.start("streams", bus.keep_declared)
                tasks.start("relay", relay.run)
                _consume(tasks, bus, worker)
                tasks.start("forgetting", Forgetting(database).run)
                tasks.start("janitor", Janitor(bus, streams=STREAMS).run)
                await keyring.start(bus)
                try:
                    yield
                finally:
                    await keyring.stop()
        finally:
            database.close()

    return create_app(
        title="Otklik routing",
        version=API_VERSION,
        description="Brings each question and complaint to the institution that must answer it.",
        settings=settings,
        route_handlers=HANDLERS,
        keyring=keyring,
        lifespan=[running],
        readiness={"broker": lambda: bus is not None and bus.ready, "database": database.ready},
    )


def _consume(tasks: Background, bus: Bus, worker: Worker) -> None:
    """Starts the consumers of routing's three durables."""
    for spec, handle in (
        (ROUTING_TAGGED, worker.handle_tagged),
        (ROUTING_LIFE, worker.handle_life),
        (ROUTING_OUTCOMES, worker.handle_outcomes),
    ):
        consumer = Consumer(bus, service="routing", spec=spec, handle=handle)
        tasks.start(spec.durable, consumer.run, age=consumer.loop_age)
