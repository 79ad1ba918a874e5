"""The service put together: broker, database, committer, HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from services.ingest.actions.consuming import consume
from services.ingest.actions.sources import NoSources
from services.ingest.comments import post_comments
from services.ingest.committer import Committer
from services.ingest.forgetting import ACTIONS_KEPT, Forgetting
from services.ingest.intake import Intake
from services.ingest.reception import Reception
from services.ingest.settings import Settings
from services.ingest.store import StoredHeads, StoredJournal
from shared.auth import KeyRing
from shared.bus import Bus, Janitor
from shared.db import Database
from shared.web import Service, background, create_app

API_VERSION = "1"
STREAMS = ("COMMENTS", "OUTCOMES")
"""What ingest writes, and therefore sweeps."""


def make_app(settings: Settings) -> Service:
    """The application; nothing is connected before its lifespan, which also creates what handlers need."""
    database = Database.open(settings.ingest_database_url)
    keyring = KeyRing()
    bus: Bus | None = None

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        nonlocal bus
        heads, journal = StoredHeads(database), StoredJournal(database)
        bus = await Bus.connect(settings.nats_url, name="ingest", replicas=settings.nats_replicas)
        intake = Intake()
        committer = Committer(intake, publish=bus.publish, heads=heads)
        app.state.reception = Reception(intake, author_key=settings.author_key.encode())
        try:
            async with bus, background(app) as tasks:
                tasks.start("streams", bus.keep_declared)
                tasks.start("committer", committer.run, age=committer.age)
                consume(tasks, bus, journal=journal, sources=NoSources(), connectors={})
                tasks.start("forgetting", Forgetting(heads).run)
                forgetting = Forgetting(journal, kept=ACTIONS_KEPT, what="actions")
                tasks.start("forgetting-actions", forgetting.run)
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
        description="Takes in comments and makes them durable.",
        settings=settings,
        route_handlers=[post_comments],
        keyring=keyring,
        lifespan=[running],
        readiness={"broker": lambda: bus is not None and bus.ready, "database": database.ready},
    )
