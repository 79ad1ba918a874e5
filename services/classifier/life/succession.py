"""Everything that lets one model succeed another in a running process, put together."""

from __future__ import annotations

import asyncio
import socket

from services.classifier.life.disagreement import Disagreements
from services.classifier.life.drift import Drift
from services.classifier.life.follower import Follower
from services.classifier.life.live import Live
from services.classifier.life.onlooker import Onlooker
from services.classifier.life.registry import Loaded, Registry
from services.classifier.life.replica import Replicas
from services.classifier.life.shadow import Shadow
from services.classifier.life.standing import Pointers
from shared.bus import Bus
from shared.clock import Clock, NewId
from shared.waiting import rest
from shared.web import Background

LOOK_AGAIN_SECONDS = 0.2


class Succession:
    """The follower of the pointer, shadow and drift of one process, and what the API asks."""

    def __init__(self, bus: Bus, *, base: Loaded, live: Live, clock: Clock, new_id: NewId) -> None:
        replica = str(new_id())
        self.live = live
        self.packaged = base.model.version
        """Of what judges before anything is promoted."""
        self.registry = Registry(bus)
        self.pointers = Pointers(bus, clock=clock)
        self.replicas = Replicas(bus)
        self.disagreements = Disagreements(bus)
        drift = Drift()
        self.shadow = Shadow(self.disagreements, replica=replica, clock=clock)
        self._onlooker = Onlooker(shadow=self.shadow, drift=drift)
        live.show_to(self._onlooker)
        self.follower = Follower(
            bus,
            base=base,
            live=live,
            shadow=self.shadow,
            drift=drift,
            replica=replica,
            host=socket.gethostname(),
            clock=clock,
        )

    @property
    def settled(self) -> bool:
        """Whether it is known which model shall judge."""
        return self.follower.settled.is_set()

    def start(self, tasks: Background) -> None:
        """Starts what runs beside the service's own work."""
        tasks.start("models", self.follower.run, age=self.follower.loop_age)
        tasks.start("onlooker", self._onlooker.run, age=self._onlooker.loop_age)

    async def wait(self, stop: asyncio.Event) -> None:
        """Returns once it is known which model shall judge, or `stop` is set."""
        while not self.settled and not stop.is_set():
            await rest(LOOK_AGAIN_SECONDS, stop)
