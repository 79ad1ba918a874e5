"""A stream followed from a moment on, by a reader that acknowledges nothing: every replica reads all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.bus.connection import Bus
from shared.bus.delivery import Delivered, open_message
from shared.bus.reader import SILENT_SECONDS, forget
from shared.errors import Poison, Unavailable
from shared.waiting import rest

FETCH_SECONDS = 1.0
AT_ONCE = 50
"""Messages handed on at once."""
RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)

Take = Callable[[Sequence[Delivered]], Awaitable[None]]


class Tail:
    """Reads `stream` from `since` on and goes on with what comes; whatever breaks, it goes on where it was, and in a
    stream that was made anew at its beginning."""

    def __init__(self, bus: Bus, *, stream: str, since: datetime, take: Take) -> None:
        """`take` gets events oldest first, each at least once; what is no event is left out."""
        self._bus = bus
        self._stream = stream
        self._since = since
        self._take = take
        self._reached = 0
        self._created: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; while the broker is away it waits."""
        while not stop.is_set():
            try:
                await self._follow(stop)
            except (nats.errors.Error, OSError, TimeoutError, Unavailable) as error:
                log.debug("tail interrupted", stream=self._stream, error=type(error).__name__)
            await rest(RETRY_SECONDS, stop)

    async def _follow(self, stop: asyncio.Event) -> None:
        if not self._bus.ready:
            return
        jetstream = self._bus.jetstream
        created = (await jetstream.stream_info(self._stream)).created
        if created != self._created:
            # A broker with an empty disk counts from 1 again.
            self._created, self._reached = created, 0
        subscription = await jetstream.pull_subscribe("", stream=self._stream, config=self._config())
        try:
            while not stop.is_set():
                messages = await self._some(subscription)
                if not messages:
                    # Also tells that the broker, or the reader on it, is no more.
                    await subscription.consumer_info()
                    continue
                if events := self._opened(messages):
                    await self._take(events)
                self._reached = int(messages[-1].metadata.sequence.stream)
        finally:
            await forget(jetstream, self._stream, subscription)

    def _config(self) -> ConsumerConfig:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=self._since,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=SILENT_SECONDS,
        )
        if not self._reached:
            return config
        return config.evolve(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._reached + 1, opt_start_time=None
        )

    async def _some(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        try:
            return await subscription.fetch(AT_ONCE, timeout=FETCH_SECONDS)
        except TimeoutError:
            return []

    def _opened(self, messages: Sequence[Msg]) -> list[Delivered]:
        events = []
        for message in messages:
            try:
                events.append(open_message(message))
            except Poison as poison:
                sequence = message.metadata.sequence.stream
                log.warning("no event, left out", stream=self._stream, sequence=sequence, reason=poison.reason)
        return events
