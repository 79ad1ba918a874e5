"""The service put together: broker, database, committer, HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from litestar import Litestar

from services.ingest.comments import post_comments
from services.ingest.committer import Committer
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.opening import Connect, open_connectors
from services.ingest.forgetting import Forgetting
from services.ingest.intake import Intake
from services.ingest.reception import Reception
from services.ingest.settings import Settings
from services.ingest.sources.api import SourceController
from services.ingest.sources.desk import SourceDesk
from services.ingest.sources.follower import Sources
from services.ingest.sources.health import Health
from services.ingest.sources.leases import Leases
from services.ingest.sources.registry import SourceRegistry
from services.ingest.sources.vault import HOW_TO_SET, Vault
from services.ingest.store import StoredHeads
from shared.auth import KeyRing
from shared.bus import Bus, Janitor
from shared.clock import utc_now
from shared.db import Database
from shared.web import Service, background, create_app

API_VERSION = "1"
STREAMS = ("COMMENTS", "OUTCOMES")
"""What ingest writes, and therefore sweeps."""

log = structlog.get_logger(__name__)


def make_app(settings: Settings, *, connect: Connect = open_connectors) -> Service:
    """The application; nothing is connected before its lifespan, which also creates what handlers need."""
    vault = Vault.of(settings.sources_key)
    database = Database.open(settings.ingest_database_url)
    keyring = KeyRing()
    bus: Bus | None = None
    sources: Sources | None = None

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        nonlocal bus, sources
        heads = StoredHeads(database)
        bus = await Bus.connect(settings.nats_url, name="ingest", replicas=settings.nats_replicas)
        intake = Intake()
        committer = Committer(intake, publish=bus.publish, heads=heads)
        app.state.reception = Reception(intake, author_key=settings.author_key.encode())
        known = sources = Sources(bus, vault)
        leases, health = Leases(bus), Health(bus, clock=utc_now)
        if vault is None:
            log.warning("sources off", reason=HOW_TO_SET)
        try:
            async with bus, connect(Gate(replicas=leases.replicas)) as connectors, background(app) as tasks:
                app.state.source_desk = SourceDesk(
                    registry=SourceRegistry(bus, vault, clock=utc_now),
                    sources=known,
                    health=health,
                    connectors=connectors,
                    public_url=settings.public_url or None,
                    clock=utc_now,
                    settled=leases.settled,
                )
                tasks.start("sources", known.run, age=known.loop_age)
                tasks.start("leases", leases.run, age=leases.loop_age)
                tasks.start("health", lambda stop: health.run(stop, known), age=health.loop_age)
                tasks.start("streams", bus.keep_declared)
                tasks.start("committer", committer.run, age=committer.age)
                tasks.start("forgetting", Forgetting(heads).run)
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
        route_handlers=[post_comments, SourceController],
        keyring=keyring,
        lifespan=[running],
        readiness={
            "broker": lambda: bus is not None and bus.ready,
            "database": database.ready,
            "sources": lambda: sources is not None and sources.loaded.is_set(),
        },
    )
