"""The service put together: broker, model, consumer, HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar

from services.classifier.classification import Judging, classify
from services.classifier.model import Model
from services.classifier.settings import Settings
from services.classifier.worker import Tagger
from shared.auth import KeyRing
from shared.auth.middleware import Authenticator
from shared.bus import CLASSIFIER_COMMENTS, Bus, Consumer
from shared.web import Service, background, create_app

API_VERSION = "1"

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def make_app(settings: Settings, model: Model) -> Service:
    """The whole service; nothing is connected before its lifespan. TAGGED is swept by routing, which alone reads it."""
    keyring = KeyRing()
    bus: Bus | None = None

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        nonlocal bus
        bus = await Bus.connect(settings.nats_url, name="classifier", replicas=settings.nats_replicas)
        # The consumer has a thread of its own, so that requests never stand in its way.
        with ThreadPoolExecutor(1, thread_name_prefix="tagging") as executor:
            tagger = Tagger(model, publish=bus.publish, executor=executor)
            consumer = Consumer(bus, service="classifier", spec=CLASSIFIER_COMMENTS, handle=tagger.handle)
            async with bus, background(app) as tasks:
                tasks.start("streams", bus.keep_declared)
                tasks.start("tagging", consumer.run, age=consumer.loop_age)
                await keyring.start(bus)
                try:
                    yield
                finally:
                    await keyring.stop()

    return make_http(
        model,
        settings=settings,
        keyring=keyring,
        lifespan=[running],
        readiness={"broker": lambda: bus is not None and bus.ready},
    )


def make_http(
    model: Model,
    *,
    keyring: Authenticator,
    settings: Settings | None = None,
    lifespan: Sequence[Lifespan] = (),
    readiness: Mapping[str, Callable[[], bool]] | None = None,
) -> Service:
    """The HTTP side alone, which needs no broker but for the keys."""

    @asynccontextmanager
    async def judging(app: Litestar) -> AsyncIterator[None]:
        with ThreadPoolExecutor(1, thread_name_prefix="judging") as executor:
            app.state.judging = Judging(model, executor)
            yield

    return create_app(
        title="Otklik classifier",
        version=API_VERSION,
        description="Tells questions, complaints and spam apart.",
        settings=settings,
        route_handlers=[classify],
        keyring=keyring,
        lifespan=[judging, *lifespan],
        readiness=readiness,
    )
