"""The service put together: broker, model, consumer, HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar

from services.classifier.careful.opening import load_embedder
from services.classifier.classification import Judging, classify
from services.classifier.explanation.explaining import explain_texts
from services.classifier.life.live import Live
from services.classifier.life.registry import Loaded
from services.classifier.life.succession import Succession
from services.classifier.life.versions import ModelController
from services.classifier.settings import Settings
from services.classifier.tagging import tagging
from shared.auth import KeyRing
from shared.auth.middleware import Authenticator
from shared.bus import Bus
from shared.clock import new_id, utc_now
from shared.web import Service, background, create_app

API_VERSION = "1"

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def make_app(settings: Settings, base: Loaded) -> Service:
    """The whole service; nothing is connected before its lifespan. TAGGED is swept by routing, which alone reads it.

    `base` judges until a published version is promoted.
    """
    keyring = KeyRing()
    live = Live(base.model)
    bus: Bus | None = None
    succession: Succession | None = None

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        nonlocal bus, succession
        bus = await Bus.connect(settings.nats_url, name="classifier", replicas=settings.nats_replicas)
        succession = app.state.succession = Succession(bus, base=base, live=live, clock=utc_now, new_id=new_id)
        with tagging(bus, live, embedder=app.state.embedder) as parts:
            consumer = parts.consumer

            async def tag(stop: asyncio.Event) -> None:
                # Comments wait in the broker until it is known which model shall judge them.
                await succession.wait(stop)
                await consumer.run(stop)

            async with bus, background(app) as tasks:
                tasks.start("streams", bus.keep_declared)
                succession.start(tasks)
                parts.start(tasks)
                tasks.start("tagging", tag, age=lambda: consumer.loop_age() if succession.settled else 0.0)
                await keyring.start(bus)
                try:
                    yield
                finally:
                    await keyring.stop()

    return make_http(
        live,
        settings=settings,
        keyring=keyring,
        lifespan=[running],
        readiness={
            "broker": lambda: bus is not None and bus.ready,
            "model": lambda: succession is not None and succession.settled,
        },
    )


def make_http(
    live: Live,
    *,
    keyring: Authenticator,
    settings: Settings | None = None,
    lifespan: Sequence[Lifespan] = (),
    readiness: Mapping[str, Callable[[], bool]] | None = None,
) -> Service:
    """The HTTP side alone, which needs no broker but for the keys."""

    @asynccontextmanager
    async def judging(app: Litestar) -> AsyncIterator[None]:
        embedder = app.state.embedder = await asyncio.to_thread(load_embedder, settings.careful if settings else "off")
        with (
            ThreadPoolExecutor(1, thread_name_prefix="judging") as executor,
            ThreadPoolExecutor(1, thread_name_prefix="careful") as careful,
        ):
            app.state.judging = Judging(live, executor, embedder=embedder, careful=careful)
            try:
                yield
            finally:
                if embedder is not None:
                    embedder.close()

    return create_app(
        title="Otklik classifier",
        version=API_VERSION,
        description="Tells questions, complaints and spam apart.",
        settings=settings,
        route_handlers=[classify, explain_texts, ModelController],
        keyring=keyring,
        lifespan=[judging, *lifespan],
        readiness=readiness,
    )
