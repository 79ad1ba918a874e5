"""The service put together: broker, database, committer, sources, platforms, HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from litestar import Litestar

from services.ingest.actions.consuming import consume
from services.ingest.actions.echo import Echo
from services.ingest.arrivals import Arrivals
from services.ingest.comments import post_comments
from services.ingest.committer import Committer
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.opening import Connect, opening
from services.ingest.forgetting import forget
from services.ingest.hooks import Hooks, call_hook
from services.ingest.intake import Intake
from services.ingest.polling import Polling
from services.ingest.reception import Reception
from services.ingest.redo import Redo
from services.ingest.settings import Settings
from services.ingest.sources.api import SourceController
from services.ingest.sources.desk import SourceDesk
from services.ingest.sources.follower import Sources
from services.ingest.sources.health import Health
from services.ingest.sources.leases import Leases
from services.ingest.sources.registry import SourceRegistry
from services.ingest.sources.vault import HOW_TO_SET, Vault
from services.ingest.store import Stores
from shared.auth import KeyRing
from shared.bus import Bus, Janitor, Outgoing
from shared.clock import utc_now
from shared.db import Database
from shared.web import Service, background, create_app

API_VERSION = "1"
STREAMS = ("COMMENTS", "OUTCOMES")
"""What ingest writes, and therefore sweeps."""

log = structlog.get_logger(__name__)


def make_app(settings: Settings, *, connect: Connect | None = None) -> Service:
    """The application; nothing is connected before its lifespan, which also creates what handlers need.

    `connect` opens other connectors than those of this release.
    """
    vault = Vault.of(settings.sources_key)
    database = Database.open(settings.ingest_database_url)
    keyring = KeyRing()
    bus: Bus | None = None
    sources: Sources | None = None

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        nonlocal bus, sources
        stores, author_key = Stores(database), settings.author_key.encode()
        bus = connection = await Bus.connect(settings.nats_url, name="ingest", replicas=settings.nats_replicas)

        async def bury(letter: Outgoing) -> None:
            await connection.publish([letter])

        intake = Intake()
        committer = Committer(intake, publish=bus.publish, heads=stores.heads)
        app.state.reception = Reception(intake, author_key=author_key)
        known = sources = Sources(bus, vault)
        leases, health = Leases(bus), Health(bus, clock=utc_now)
        arrivals = Arrivals(
            submit=intake.submit,
            seen=stores.seen,
            copies=stores.copies,
            echoes=Echo(stores.journal).echoes,
            bury=bury,
            moved=known.moved,
            author_key=author_key,
        )
        open_connectors = connect or opening(settings.addresses(), stores.known)
        if vault is None:
            log.warning("sources off", reason=HOW_TO_SET)
        try:
            async with bus, open_connectors(Gate(replicas=leases.replicas)) as connectors, background(app) as tasks:
                app.state.hooks = Hooks(sources=known, connectors=connectors, arrivals=arrivals, heard=health)
                app.state.redo = Redo(bus=bus, sources=known, connectors=connectors, arrivals=arrivals)
                app.state.source_desk = SourceDesk(
                    registry=SourceRegistry(bus, vault, clock=utc_now),
                    sources=known,
                    health=health,
                    connectors=connectors,
                    public_url=settings.public_url or None,
                    clock=utc_now,
                    settled=leases.settled,
                )
                polling = Polling(
                    sources=known.all,
                    leases=leases,
                    connectors=connectors,
                    arrivals=arrivals,
                    cursors=stores.cursors,
                    fares=health,
                )
                tasks.start("sources", known.run, age=known.loop_age)
                tasks.start("leases", leases.run, age=leases.loop_age)
                tasks.start("health", lambda stop: health.run(stop, known), age=health.loop_age)
                tasks.start("streams", bus.keep_declared)
                tasks.start("committer", committer.run, age=committer.age)
                tasks.start("polling", polling.run, age=polling.loop_age)
                consume(
                    tasks,
                    bus,
                    journal=stores.journal,
                    sources=known,
                    connectors=connectors,
                    ready=(known.loaded, leases.settled),
                )
                forget(tasks, stores)
                tasks.start("janitor", Janitor(bus, streams=STREAMS).run)
                await keyring.start(bus)
                try:
                    yield
                finally:
                    await keyring.stop()
        finally:
            database.close()

    return create_app(
        title="Otklik ingest",
        version=API_VERSION,
        description="Takes in comments and makes them durable; knows the sources that they come from.",
        settings=settings,
        route_handlers=[post_comments, call_hook, SourceController],
        keyring=keyring,
        lifespan=[running],
        readiness={
            "broker": lambda: bus is not None and bus.ready,
            "database": database.ready,
            "sources": lambda: sources is not None and sources.loaded.is_set(),
        },
    )
