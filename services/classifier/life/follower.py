"""Follows the pointer: what it names becomes live, or stands in the shadow, in every replica within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from services.classifier.life.drift import Drift
from services.classifier.life.live import Live
from services.classifier.life.pointer import Version
from services.classifier.life.registry import Loaded, Registry
from services.classifier.life.replica import Replica, Replicas
from services.classifier.life.shadow import Shadow
from services.classifier.life.standing import BUCKET, Pointers, Standing
from services.classifier.manifest import ModelError
from shared.bus import Bus
from shared.clock import Clock
from shared.errors import Unavailable
from shared.obs import metrics
from shared.waiting import rest

POLL_SECONDS = 1.0
FIRST_SECONDS = 0.1
"""Between two looks at the start, when comments wait for the first answer."""
RETRY_SECONDS = 30.0
"""Between two attempts at a version that was refused: it may have been published anew."""
TELL_SECONDS = 20.0

log = structlog.get_logger(__name__)


class Follower:
    """Keeps `live`, `shadow` and `drift` true to the pointer.

    A version that cannot be used changes nothing: the one before stays, and log, metric and `replica` say why. At the
    start, when nothing was live here before, the versions that the pointer remembers are tried, the latest first, and
    in the end the model that came with the program, which `base` is.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        base: Loaded,
        live: Live,
        shadow: Shadow,
        drift: Drift,
        replica: str,
        host: str,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._registry = Registry(bus)
        self._pointers = Pointers(bus, clock=clock)
        self._replicas = Replicas(bus)
        self._base = base
        self._live = live
        self._shadow = shadow
        self._drift = drift
        self._replica = replica
        self._host = host
        self._clock = clock
        self._monotonic = monotonic
        self._live_version: Version | None = None
        self._shadow_version: Version | None = None
        self._live_problem: str | None = None
        self._shadow_problem: str | None = None
        self._since = clock()
        self._sequence: int | None = None
        self._retry_at = 0.0
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0
        self._turned = monotonic()
        self.settled = asyncio.Event()
        """Set once the pointer was read and acted on: before, nobody knows which model shall judge."""
        drift.switch(base.model.version, base.reference)

    def loop_age(self) -> float:
        """Seconds since the loop last turned."""
        return self._monotonic() - self._turned

    def replica(self) -> Replica:
        """How it stands in this process."""
        return Replica(
            id=self._replica,
            host=self._host,
            live=self._live.model.version,
            live_problem=self._live_problem,
            shadow=None if self._shadow.model is None else self._shadow.model.version,
            shadow_problem=self._shadow_problem,
            since=self._since,
            drift=self._drift.indices(),
            at=self._clock(),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Follows until `stop` is set. While the broker is away everything stays as it is."""
        silent = False
        while not stop.is_set():
            self._turned = self._monotonic()
            try:
                await self.look()
                await self._tell()
                if silent:
                    log.info("model pointer followed again")
                silent = False
            except Unavailable as error:
                # Before the streams are declared there is nothing to read yet.
                if not silent and self.settled.is_set():
                    log.warning("model pointer not read", error=error.detail)
                silent = self.settled.is_set()
            await rest(POLL_SECONDS if self.settled.is_set() else FIRST_SECONDS, stop)
        with suppress(Unavailable):
            await self._replicas.leave(self._replica)

    async def look(self) -> None:
        """Looks once and does what the pointer says; raises Unavailable when the broker does not answer."""
        bucket = await self._bus.bucket(BUCKET)
        reached = await bucket.last_sequence()
        if reached == self._sequence and self._monotonic() < self._retry_at:
            return
        standing = await self._pointers.read()
        await self._follow_live(standing)
        # Nobody's comment waits for a shadow.
        self.settled.set()
        await self._follow_shadow(standing)
        self._sequence = reached
        troubled = self._live_problem is not None or self._shadow_problem is not None
        self._retry_at = self._monotonic() + RETRY_SECONDS if troubled else float("inf")

    async def _follow_live(self, standing: Standing) -> None:
        self._live_problem = standing.problem
        if standing.problem is not None:
            log.error("model refused", place="live", error=standing.problem)
        wanted = standing.live.version
        if standing.problem is None and wanted != self._live_version:
            candidates = [wanted]
            if not self.settled.is_set():
                candidates += [*reversed(standing.live.before), None]
            for version in candidates:
                loaded = await self._load("live", version)
                if isinstance(loaded, Loaded):
                    self._switch(version, loaded)
                    break
                self._live_problem = self._live_problem or loaded
        metrics.MODEL_FOLLOWED.labels(place="live").set(self._live_problem is None)

    async def _follow_shadow(self, standing: Standing) -> None:
        wanted = standing.shadow_version
        self._shadow_problem = None
        if wanted != self._shadow_version or (wanted is not None and self._shadow.model is None):
            loaded = None if wanted is None else await self._load("shadow", wanted)
            self._shadow_version = wanted
            if isinstance(loaded, str):
                self._shadow_problem = loaded
            self._shadow.switch(self._live.model.version, loaded.model if isinstance(loaded, Loaded) else None)
        else:
            # The live one may be another now.
            self._shadow.switch(self._live.model.version, self._shadow.model)
        metrics.MODEL_FOLLOWED.labels(place="shadow").set(self._shadow_problem is None)

    async def _load(self, place: str, version: Version | None) -> Loaded | str:
        """The version, or why it cannot be used; raises Unavailable."""
        if version is None:
            return self._base
        self._turned = self._monotonic()
        try:
            loaded = await self._registry.load(version)
        except ModelError as error:
            metrics.MODEL_LOADS.labels(place=place, result="refused").inc()
            log.error("model refused", place=place, version=version, error=str(error))
            return str(error)
        metrics.MODEL_LOADS.labels(place=place, result="loaded").inc()
        return loaded

    def _switch(self, version: Version | None, loaded: Loaded) -> None:
        log.info("model switched", before=self._live.model.version, version=loaded.model.version)
        self._live.switch(loaded.model)
        self._drift.switch(loaded.model.version, loaded.reference)
        self._live_version = version
        self._since = self._clock()

    async def _tell(self) -> None:
        """Tells the others, at once when something changed and now and then as a sign of life."""
        state = self.replica()
        news = (state.live, state.live_problem, state.shadow, state.shadow_problem)
        if news != self._told or self._monotonic() - self._told_at >= TELL_SECONDS:
            await self._replicas.tell(state)
            self._told, self._told_at = news, self._monotonic()
