"""Purges what is older than a stream's keeping time AND was read by every consumer; never what somebody still needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import nats.errors
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy

from shared.bus.connection import Bus
from shared.bus.reader import SILENT_SECONDS, forget
from shared.bus.topology import CONSUMERS, STREAMS, StreamSpec
from shared.clock import Clock, utc_now
from shared.waiting import rest

EVERY_SECONDS = 600.0
NOT_READY_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Janitor:
    """Keeps the named streams from growing for ever. Several may run at once: purging twice is purging once."""

    def __init__(
        self, bus: Bus, *, streams: Sequence[str], clock: Clock = utc_now, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._bus = bus
        self._specs = [spec for spec in STREAMS if spec.name in streams and spec.kept is not None and not spec.fading]
        self._clock = clock
        self._every_seconds = every_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps every `every_seconds` until `stop` is set; while the broker is away, or its streams are not declared
        yet, it looks again soon."""
        while not stop.is_set():
            pause = self._every_seconds
            if not self._bus.ready:
                pause = min(pause, NOT_READY_SECONDS)
            else:
                try:
                    await self.sweep()
                except (nats.errors.Error, OSError, TimeoutError) as error:
                    log.warning("janitor could not sweep", error=type(error).__name__)
            await rest(pause, stop)

    async def sweep(self) -> dict[str, int]:
        """One round; returns how many messages went, by stream."""
        return {spec.name: await self._sweep_stream(spec) for spec in self._specs}

    async def _sweep_stream(self, spec: StreamSpec) -> int:
        if spec.kept is None:
            return 0
        jetstream = self._bus.jetstream
        before = (await jetstream.stream_info(spec.name)).state
        if before.messages == 0:
            return 0
        keep_from = await self._first_since(spec.name, self._clock() - spec.kept, default=before.last_seq + 1)
        floor = await self._lowest_floor(spec.name)
        if floor is not None:
            keep_from = min(keep_from, floor + 1)
        if keep_from <= before.first_seq:
            return 0
        await jetstream.purge_stream(spec.name, seq=keep_from)
        purged = keep_from - before.first_seq
        log.info("stream purged", stream=spec.name, below=keep_from)
        return int(purged)

    async def _lowest_floor(self, stream: str) -> int | None:
        """The lowest sequence up to which every consumer has acknowledged all; None where nobody reads the stream.

        A consumer of the table that is not there yet has read nothing. One that filters subjects stands still at its
        last match: with nothing pending and nothing unacknowledged it has read all there is for it.
        """
        jetstream = self._bus.jetstream
        last = (await jetstream.stream_info(stream)).state.last_seq
        floors: list[int] = []
        found = set()
        async for info in self._consumers(stream):
            if info.config is not None and info.config.ack_policy == AckPolicy.NONE:
                continue
            found.add(info.name)
            floor = info.ack_floor.stream_seq if info.ack_floor is not None else 0
            idle = not info.num_pending and not info.num_ack_pending
            floors.append(last if idle else int(floor))
        for spec in CONSUMERS:
            if spec.stream == stream and spec.durable not in found:
                floors.append(0)
        return min(floors, default=None)

    async def _consumers(self, stream: str) -> AsyncIterator[ConsumerInfo]:
        # The broker lists 256 at once; QUEUES may have a reader for each institution.
        offset = 0
        while page := await self._bus.jetstream.consumers_info(stream, offset=offset):
            for info in page:
                yield info
            offset += len(page)

    async def _first_since(self, stream: str, moment: datetime, *, default: int) -> int:
        """The sequence of the first message stored at or after `moment`; `default` when there is none."""
        jetstream = self._bus.jetstream
        subscription = await jetstream.pull_subscribe(
            "",
            stream=stream,
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_TIME,
                opt_start_time=moment,
                ack_policy=AckPolicy.NONE,
                headers_only=True,
                mem_storage=True,
                inactive_threshold=SILENT_SECONDS,
            ),
        )
        try:
            info = await subscription.consumer_info()
            if not info.num_pending:
                return default
            message = (await subscription.fetch(1, timeout=5.0))[0]
            return int(message.metadata.sequence.stream)
        finally:
            await forget(jetstream, stream, subscription)
