"""The batch consumer of one durable: fetch, decode, handle, acknowledge; nothing lost, nothing handled half."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from shared.bus.burial import dead_letter, reason_token
from shared.bus.connection import Bus
from shared.bus.delivery import Delivered, Handler, Later, open_message
from shared.bus.patience import Patience
from shared.bus.pull import Pull
from shared.bus.topology import ConsumerSpec
from shared.clock import Clock, utc_now
from shared.errors import Fatal, Poison, Transient, Unavailable
from shared.obs import metrics
from shared.waiting import rest

LONGEST_NAP = 5.0
"""Seconds between two signs of life while waiting."""
LATER_SECONDS = 5.0
"""How long is waited, on stop and for a probe, for what a handler promised to finish later."""

log = structlog.get_logger(__name__)

_Pair = tuple[Msg, Delivered]


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
        patience: Patience | None = None,
    ) -> None:
        self._bus = bus
        self._service = service
        self._spec = spec
        self._handle = handle
        self._max_batch = max_batch
        self._clock = clock
        self._patience = patience or Patience()
        self._recent: deque[bool] = deque(maxlen=self._patience.window)
        # Whatever came and is neither acknowledged nor handed back, by its reply subject: that of one delivery.
        self._in_flight: dict[str, Msg] = {}
        # Of those, what the handler has promised to finish later, with the task that waits for it.
        self._later: dict[str, asyncio.Task[None]] = {}
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
                except (nats.errors.Error, OSError, TimeoutError, Unavailable) as error:
                    # What nobody handles must not be kept alive: it would never come again.
                    await self._hand_back(self._unhandled())
                    log.warning("consumer interrupted", consumer=self._spec.durable, error=str(error))
                    await self._sleep(self._patience.pause(2))
                    await self._restore()
        finally:
            try:
                await self._kept_promises(LATER_SECONDS)
            finally:
                for task in self._later.values():
                    task.cancel()
                heart.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await heart
                await self._hand_back(self._in_flight.values())
                self._enter("stopped")

    async def _restore(self) -> None:
        """Declares again a durable that somebody deleted; it begins with the oldest message that is kept."""
        with contextlib.suppress(nats.errors.Error, TimeoutError, Unavailable):
            try:
                await self._bus.jetstream.consumer_info(self._spec.stream, self._spec.durable)
            except NotFoundError:
                log.error("consumer is not there, declaring it again", consumer=self._spec.durable)
                await self._bus.declare()

    async def _consume(self) -> None:
        pull = Pull(self._bus.client, self._spec)
        handling: asyncio.Task[None] | None = None
        try:
            while not self._stop.is_set():
                self._turn()
                if self._paused():
                    await self._probe(pull)
                    continue
                batch = await self._fetch(pull, self._max_batch)
                # The next batch is fetched while this one is handled; never more than one of each.
                if handling is not None:
                    await handling
                    handling = None
                if self._stop.is_set() or self._paused():
                    await self._hand_back(batch)
                elif batch:
                    handling = asyncio.create_task(self._process(batch), name=f"handle-{self._spec.durable}")
        finally:
            try:
                if handling is not None:
                    await handling
            finally:
                await self._hand_back(await pull.close())

    async def _fetch(self, pull: Pull, size: int) -> list[Msg]:
        batch = await pull.fetch(size, seconds=self._patience.fetch_seconds)
        for message in batch:
            self._in_flight[message.reply] = message
        return batch

    async def _process(self, batch: Sequence[Msg]) -> None:
        """Settles every message of the batch; on stop, those that are still to be handled alone stay in flight."""
        started = time.monotonic()
        together: list[_Pair] = []
        alone: list[_Pair] = []
        for message in batch:
            deliveries = message.metadata.num_delivered
            if deliveries > 1:
                metrics.CONSUMER_REDELIVERIES.labels(consumer=self._spec.durable).inc()
            if deliveries > self._patience.max_deliveries:
                await self._bury(message, Poison("exhausted", f"never finished in {deliveries} deliveries"))
                continue
            try:
                delivered = open_message(message)
            except Poison as poison:
                await self._bury(message, poison)
                continue
            (alone if deliveries >= self._patience.alone_from else together).append((message, delivered))
        if together:
            await self._attempt(together)
        await self._one_by_one(alone)
        metrics.CONSUMER_EVENTS.labels(consumer=self._spec.durable).observe(len(batch))
        metrics.CONSUMER_SECONDS.labels(consumer=self._spec.durable).observe(time.monotonic() - started)
        metrics.CONSUMER_PENDING.labels(consumer=self._spec.durable).set(batch[-1].metadata.num_pending)

    async def _attempt(self, pairs: Sequence[_Pair]) -> None:
        """Handles and acknowledges, or isolates what is at fault."""
        verdicts: Mapping[int, Poison | Later]
        try:
            verdicts = await self._patiently([delivered for _, delivered in pairs])
        except Fatal:
            raise
        except Exception as error:
            if len(pairs) > 1:
                log.warning("batch failed, trying one by one", consumer=self._spec.durable, error=type(error).__name__)
                await self._one_by_one(pairs)
                return
            match error:
                case Transient() if self._stop.is_set():
                    return  # still in flight, and handed back at once at the end
                case Transient():
                    log.warning("handed back", consumer=self._spec.durable, error=str(error))
                    await self._release(pairs[0][0], delay=self._patience.pauses[-1])
                    return
                case Poison():
                    verdicts = {0: error}
                case _:
                    await self._failed(*pairs[0], error)
                    return
        now = self._clock()
        age = metrics.CONSUMER_AGE.labels(consumer=self._spec.durable)
        # Promises first: what breaks while the others are settled must not leave one that nobody waits for.
        for index, (message, delivered) in enumerate(pairs):
            if isinstance(verdict := verdicts.get(index), asyncio.Future):
                task = asyncio.create_task(self._finish_later(message, delivered, verdict), name="later")
                self._later[message.reply] = task
        for index, (message, delivered) in enumerate(pairs):
            verdict = verdicts.get(index)
            if isinstance(verdict, Poison):
                await self._bury(message, verdict)
            elif verdict is None:
                await message.ack()
                self._settled(message, dead=False)
                age.observe(max(0.0, (now - delivered.began()).total_seconds()))

    async def _finish_later(self, message: Msg, delivered: Delivered, promise: Later) -> None:
        """Settles a message once its promise is kept; never raises, and is cancelled only at the very end of `run`."""
        try:
            await self._settle_later(message, delivered, promise)
        except (nats.errors.Error, OSError) as error:
            # Done and not settled: it comes again by itself, and whoever handles it finds that it is done.
            log.debug("not settled", consumer=self._spec.durable, error=type(error).__name__)
            self._in_flight.pop(message.reply, None)
        except Exception as error:
            # What nobody handles must not be kept alive: it would never come again.
            log.error("not settled", consumer=self._spec.durable, exc_info=error)
            self._in_flight.pop(message.reply, None)
        finally:
            self._later.pop(message.reply, None)

    async def _settle_later(self, message: Msg, delivered: Delivered, promise: Later) -> None:
        try:
            poison = await promise
        except (Transient, Unavailable):
            delay = 0.0 if self._stop.is_set() else self._patience.pauses[-1]
            await self._release(message, delay=delay)
        except Exception as error:
            await self._failed(message, delivered, error)
        else:
            if poison is not None:
                await self._bury(message, poison)
                return
            await message.ack()
            self._settled(message, dead=False)
            seconds = (self._clock() - delivered.began()).total_seconds()
            metrics.CONSUMER_AGE.labels(consumer=self._spec.durable).observe(max(0.0, seconds))

    async def _kept_promises(self, seconds: float) -> None:
        """Returns once nothing is promised any more, or after `seconds`."""
        if self._later:
            await asyncio.wait(self._later.values(), timeout=seconds)

    def _unhandled(self) -> list[Msg]:
        return [message for reply, message in self._in_flight.items() if reply not in self._later]

    async def _one_by_one(self, pairs: Iterable[_Pair]) -> None:
        for pair in pairs:
            if self._stop.is_set():
                return
            await self._attempt([pair])

    async def _patiently(self, batch: Sequence[Delivered]) -> Mapping[int, Poison | Later]:
        """Calls the handler, again and again while it says that something is away; Transient once patience ends."""
        deliveries = batch[0].deliveries if len(batch) == 1 else 1
        until = time.monotonic() + self._patience.hold_seconds * deliveries
        attempt = 0
        while True:
            try:
                return await self._handle(batch) or {}
            except (Transient, Unavailable) as error:
                if self._stop.is_set() or time.monotonic() > until:
                    raise Transient(str(error)) from error
                log.info("waiting", consumer=self._spec.durable, size=len(batch), error=str(error))
                await self._sleep(self._patience.pause(attempt))
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
        if delivered.deliveries >= self._patience.max_failures:
            detail = f"failed {delivered.deliveries} times, last with {type(error).__name__}"
            await self._bury(message, Poison("exhausted", detail))
        else:
            await self._release(message, delay=self._patience.pause(delivered.deliveries))

    async def _bury(self, message: Msg, poison: Poison) -> None:
        """To the dead letters, and only when they have it, out of the stream's sight.

        While they cannot take it (the broker is away, DEAD is full) this waits, and the consumer with it: nothing is
        dropped. On stop the message stays in flight, to be handed back.
        """
        letter = dead_letter(message, poison, service=self._service, spec=self._spec, clock=self._clock)
        attempt = 0
        while True:
            try:
                await self._bus.publish([letter])
                break
            except Unavailable as error:
                if self._stop.is_set():
                    return
                log.warning("dead letter not stored yet", consumer=self._spec.durable, error=error.detail)
                await self._sleep(self._patience.pause(attempt))
                attempt += 1
        await message.term()
        reason = reason_token(poison.reason)
        metrics.DEAD_LETTERS.labels(service=self._service, reason=reason).inc()
        log.warning(
            "dead letter", consumer=self._spec.durable, reason=reason, sequence=message.metadata.sequence.stream
        )
        self._settled(message, dead=True)

    def _settled(self, message: Msg, *, dead: bool) -> None:
        self._in_flight.pop(message.reply, None)
        self._recent.append(dead)
        limit = self._patience.window * self._patience.max_dead_share
        if dead and self.state == "running" and sum(self._recent) > limit:
            log.error("consumer paused: too many dead letters", consumer=self._spec.durable, window=len(self._recent))
            self._enter("paused")

    def _paused(self) -> bool:
        return self.state == "paused"

    async def _probe(self, pull: Pull) -> None:
        """Waits, tries one message, and resumes when it was good. Nothing is in flight meanwhile."""
        await self._sleep(self._patience.probe_seconds)
        if self._stop.is_set():
            return
        batch = await self._fetch(pull, 1)
        if not batch:
            return
        self._recent.clear()
        await self._process(batch)
        await self._kept_promises(LATER_SECONDS)
        if self._recent and not any(self._recent):
            log.info("consumer resumed", consumer=self._spec.durable)
            self._enter("running")

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._spec.ack_wait / 3)
            for message in list(self._in_flight.values()):
                with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                    await message.in_progress()

    async def _release(self, message: Msg, *, delay: float) -> None:
        self._in_flight.pop(message.reply, None)
        # One that cannot be handed back now comes again by itself after the consumer's ack wait.
        with contextlib.suppress(nats.errors.Error, OSError):
            await message.nak(delay=delay)

    async def _hand_back(self, messages: Iterable[Msg]) -> None:
        for message in list(messages):
            await self._release(message, delay=0.0)

    async def _sleep(self, seconds: float) -> None:
        """Sleeps in turns short enough to stay alive in the eyes of the health check, and ends early on stop."""
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            self._turn()
            await rest(min(left, LONGEST_NAP), self._stop)

    def _turn(self) -> None:
        metrics.CONSUMER_LOOP_AGE.labels(consumer=self._spec.durable).set(self.loop_age())
        self._turned = time.monotonic()

    def _enter(self, state: Literal["running", "paused", "stopped"]) -> None:
        self.state = state
        metrics.CONSUMER_STATE.labels(consumer=self._spec.durable).state(state)
