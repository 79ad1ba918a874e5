"""The batch consumer of one durable: fetch, decode, handle, acknowledge; nothing lost, nothing handled half."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.bus.connection import Bus
from shared.bus.publisher import Outgoing
from shared.bus.topology import ConsumerSpec
from shared.clock import Clock, utc_now
from shared.errors import Fatal, Poison, Transient, Unavailable
from shared.events import DeadLetter, Event, decode
from shared.obs import metrics

FETCH_SECONDS = 2.0
"""One fetch waits this long at most: longer ones stall across a restart of the broker."""
MAX_FAILURES = 5
"""Deliveries after which a message whose handling fails with an unforeseen error becomes a dead letter."""
MAX_DELIVERIES = 25
"""Deliveries after which a message is not even tried: it may be what kills the process."""
ALONE_FROM = 3
"""From this delivery on a message is handled alone, so that a bad one takes no other with it."""
HOLD_SECONDS = 600.0
"""How long a batch is kept and tried again while something it needs is away, before it is handed back."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between these attempts; the last one repeats."""
WINDOW = 500
MAX_DEAD_SHARE = 0.2
"""More dead letters than this share of the last `WINDOW` messages pause the consumer."""
PROBE_SECONDS = 60.0
"""A paused consumer tries one message this often, and goes on when it is good."""

log = structlog.get_logger(__name__)


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """One message as a handler gets it; `sequence` is its place in its stream, `deliveries` counts from 1."""

    event: Event
    subject: str
    sequence: int
    deliveries: int
    stored_at: datetime


Handler = Callable[[Sequence[Delivered]], Awaitable[Mapping[int, Poison] | None]]
"""Handles a batch. Returning means done; a mapping names by index what can never be handled.

Raise Transient (or Unavailable) when something is away: the same batch comes again until it works. Raise Fatal to stop
the process. Any other error is taken for the fault of a message: the batch is tried one by one.
"""


class Consumer:
    """Runs `handle` over the durable `spec` until told to stop. Several replicas may run the same durable."""

    def __init__(
        self,
        bus: Bus,
        *,
        service: str,
        spec: ConsumerSpec,
        handle: Handler,
        max_batch: int = 256,
        clock: Clock = utc_now,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._bus = bus
        self._service = service
        self._spec = spec
        self._handle = handle
        self._max_batch = max_batch
        self._clock = clock
        self._probe_seconds = probe_seconds
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._in_flight: dict[int, Msg] = {}
        self._turned = time.monotonic()
        self._stop = asyncio.Event()
        self.state: Literal["running", "paused", "stopped"] = "stopped"

    def loop_age(self) -> float:
        """Seconds since the loop last turned; more than a minute means that it hangs."""
        return time.monotonic() - self._turned

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until `stop` is set, then finishes what is being handled and hands the rest back.

        Raises Fatal when a handler did; every lesser trouble is waited out.
        """
        self._stop = stop
        self._enter("running")
        heart = asyncio.create_task(self._keep_alive(), name=f"heartbeat-{self._spec.durable}")
        try:
            while not stop.is_set():
                try:
                    await self._consume()
                except (nats.errors.Error, nats.js.errors.Error, TimeoutError, Unavailable) as error:
                    if stop.is_set():
                        break
                    log.warning("consumer interrupted", consumer=self._spec.durable, error=type(error).__name__)
                    await self._sleep(PAUSES[2])
        finally:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heart
            await self._hand_back()
            self._enter("stopped")

    async def _consume(self) -> None:
        jetstream = self._bus.jetstream
        subscription = await jetstream.pull_subscribe_bind(durable=self._spec.durable, stream=self._spec.stream)
        handling: asyncio.Task[None] | None = None
        try:
            while not self._stop.is_set():
                self._turn()
                if self.state == "paused":
                    await self._probe(subscription)
                    continue
                batch = await self._fetch(subscription, self._max_batch)
                # The next batch is fetched while this one is handled; never more than one of each.
                if handling is not None:
                    await handling
                    handling = None
                if batch:
                    if self._stop.is_set():
                        break
                    handling = asyncio.create_task(self._process(batch), name=f"handle-{self._spec.durable}")
        finally:
            try:
                if handling is not None:
                    await handling
            finally:
                with contextlib.suppress(nats.errors.Error, TimeoutError):
                    await subscription.unsubscribe()

    async def _fetch(self, subscription: JetStreamContext.PullSubscription, size: int) -> list[Msg]:
        """Up to `size` messages, none when there are none; a fetch is left to expire, never cancelled."""
        try:
            batch = await subscription.fetch(size, timeout=FETCH_SECONDS)
        except TimeoutError:
            return []
        for message in batch:
            self._in_flight[message.metadata.sequence.stream] = message
        return batch

    async def _process(self, batch: Sequence[Msg]) -> None:
        started = time.monotonic()
        good: list[tuple[Msg, Delivered]] = []
        alone: list[tuple[Msg, Delivered]] = []
        for message in batch:
            place = message.metadata
            if place.num_delivered > 1:
                metrics.CONSUMER_REDELIVERIES.labels(consumer=self._spec.durable).inc()
            if place.num_delivered > MAX_DELIVERIES:
                await self._bury(message, Poison("exhausted", f"never finished in {place.num_delivered} deliveries"))
                continue
            try:
                event = decode(message.subject, message.data)
            except Poison as poison:
                await self._bury(message, poison)
                continue
            delivered = Delivered(
                event=event,
                subject=message.subject,
                sequence=place.sequence.stream,
                deliveries=place.num_delivered,
                stored_at=place.timestamp,
            )
            (alone if place.num_delivered >= ALONE_FROM else good).append((message, delivered))
        if good:
            await self._attempt(good)
        for pair in alone:
            await self._attempt([pair])
        metrics.CONSUMER_EVENTS.labels(consumer=self._spec.durable).observe(len(batch))
        metrics.CONSUMER_SECONDS.labels(consumer=self._spec.durable).observe(time.monotonic() - started)
        metrics.CONSUMER_PENDING.labels(consumer=self._spec.durable).set(batch[-1].metadata.num_pending)
        now = self._clock()
        age = metrics.CONSUMER_AGE.labels(consumer=self._spec.durable)
        for _, delivered in good:
            age.observe(max(0.0, (now - delivered.stored_at).total_seconds()))

    async def _attempt(self, pairs: Sequence[tuple[Msg, Delivered]]) -> None:
        """Handles and acknowledges, or isolates what is at fault."""
        try:
            verdicts = await self._patiently([delivered for _, delivered in pairs])
        except Fatal:
            raise
        except Transient as error:
            log.warning("handed back", consumer=self._spec.durable, size=len(pairs), error=str(error))
            for message, _ in pairs:
                await self._release(message, delay=PAUSES[-1])
            return
        except Poison as poison:
            if len(pairs) > 1:
                await self._one_by_one(pairs)
                return
            verdicts = {0: poison}
        except Exception as error:
            if len(pairs) > 1:
                log.warning("batch failed, trying one by one", consumer=self._spec.durable, error=type(error).__name__)
                await self._one_by_one(pairs)
                return
            await self._failed(*pairs[0], error)
            return
        for index, (message, _) in enumerate(pairs):
            if index in verdicts:
                await self._bury(message, verdicts[index])
            else:
                await message.ack()
                self._settled(message, dead=False)

    async def _one_by_one(self, pairs: Sequence[tuple[Msg, Delivered]]) -> None:
        for pair in pairs:
            await self._attempt([pair])

    async def _patiently(self, batch: Sequence[Delivered]) -> Mapping[int, Poison]:
        """Calls the handler, again and again while it says that something is away, at most HOLD_SECONDS."""
        until = time.monotonic() + HOLD_SECONDS
        attempt = 0
        while True:
            try:
                return await self._handle(batch) or {}
            except (Transient, Unavailable) as error:
                if self._stop.is_set() or time.monotonic() > until:
                    raise Transient(str(error)) from error
                log.info("waiting", consumer=self._spec.durable, size=len(batch), error=str(error))
                await self._sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
                attempt += 1

    async def _failed(self, message: Msg, delivered: Delivered, error: Exception) -> None:
        log.error(
            "message failed",
            consumer=self._spec.durable,
            sequence=delivered.sequence,
            deliveries=delivered.deliveries,
            error=type(error).__name__,
            # Where it broke, without the error's words or any local: those may hold a comment's text.
            stack="".join(traceback.format_tb(error.__traceback__)[-4:]),
        )
        if delivered.deliveries >= MAX_FAILURES:
            detail = f"failed {delivered.deliveries} times, last with {type(error).__name__}"
            await self._bury(message, Poison("exhausted", detail))
        else:
            await self._release(message, delay=PAUSES[min(delivered.deliveries, len(PAUSES) - 1)])

    async def _bury(self, message: Msg, poison: Poison) -> None:
        """To the dead letters, and only when they have it, out of the stream's sight."""
        place = message.metadata
        letter = DeadLetter(
            service=self._service,
            reason=poison.reason,
            detail=poison.detail[:2_000],
            stream=place.stream,
            sequence=place.sequence.stream,
            consumer=self._spec.durable,
            subject=message.subject,
            deliveries=place.num_delivered,
            at=self._clock(),
            payload=message.data,
        )
        msg_id = f"dead:{self._spec.durable}:{place.stream}:{place.sequence.stream}"
        attempt = 0
        while True:
            try:
                await self._bus.publish([Outgoing(event=letter, msg_id=msg_id)])
                break
            except Unavailable as error:
                if self._stop.is_set():
                    return
                log.warning("dead letter not stored yet", consumer=self._spec.durable, error=str(error))
                await self._sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
                attempt += 1
        await message.term()
        metrics.DEAD_LETTERS.labels(service=self._service, reason=poison.reason).inc()
        log.warning("dead letter", consumer=self._spec.durable, reason=poison.reason, sequence=place.sequence.stream)
        self._settled(message, dead=True)

    def _settled(self, message: Msg, *, dead: bool) -> None:
        self._in_flight.pop(message.metadata.sequence.stream, None)
        self._recent.append(dead)
        if dead and self.state == "running" and sum(self._recent) > WINDOW * MAX_DEAD_SHARE:
            log.error("consumer paused: too many dead letters", consumer=self._spec.durable, window=len(self._recent))
            self._enter("paused")

    async def _probe(self, subscription: JetStreamContext.PullSubscription) -> None:
        """Waits, tries one message, and resumes when it was good."""
        await self._hand_back()
        await self._sleep(self._probe_seconds)
        if self._stop.is_set():
            return
        batch = await self._fetch(subscription, 1)
        if not batch:
            return
        self._recent.clear()
        await self._process(batch)
        if self._recent and not any(self._recent):
            log.info("consumer resumed", consumer=self._spec.durable)
            self._enter("running")

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._spec.ack_wait / 3)
            for message in list(self._in_flight.values()):
                with contextlib.suppress(nats.errors.Error):
                    await message.in_progress()

    async def _release(self, message: Msg, *, delay: float) -> None:
        self._in_flight.pop(message.metadata.sequence.stream, None)
        with contextlib.suppress(nats.errors.Error):
            await message.nak(delay=delay)

    async def _hand_back(self) -> None:
        for message in list(self._in_flight.values()):
            await self._release(message, delay=0.0)

    async def _sleep(self, seconds: float) -> None:
        """Sleeps in turns short enough to stay alive in the eyes of the health check, and ends early on stop."""
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            self._turn()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, 5.0))

    def _turn(self) -> None:
        metrics.CONSUMER_LOOP_AGE.labels(consumer=self._spec.durable).set(self.loop_age())
        self._turned = time.monotonic()

    def _enter(self, state: Literal["running", "paused", "stopped"]) -> None:
        self.state = state
        metrics.CONSUMER_STATE.labels(consumer=self._spec.durable).state(state)
