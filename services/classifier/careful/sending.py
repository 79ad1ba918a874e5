"""Judgements that were held, sent on one after the other as the broker takes them, and their promises kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from services.classifier.judged import Judged
from shared.bus import Later, Outgoing, Patience, Published
from shared.errors import Transient, Unavailable
from shared.obs import metrics
from shared.waiting import rest

AT_ONCE = 100
"""Sent together: what came while the last ones were being stored."""

Publish = Callable[[Sequence[Outgoing]], Awaitable[list[Published]]]

log = structlog.get_logger(__name__)


class _Ready(msgspec.Struct, frozen=True, eq=False):
    """A judgement to be sent."""

    judged: Judged
    fast: Judged
    promise: Later

    def ways(self) -> list[Judged]:
        """What may be sent, the better one first."""
        return [self.judged] if self.judged is self.fast else [self.judged, self.fast]


class Sending:
    """Keeps a promise once its judgement is durably stored; while the broker is away it waits, for whoever asked to
    hold a comment waits for it too.

    An error that nobody foresaw costs a comment its careful judgement: it goes on as the fast reader judged. When not
    even that can be sent the promise fails with the error, and the consumer treats it as any error of a handler.
    """

    def __init__(self, publish: Publish, *, patience: Patience | None = None) -> None:
        self._publish = publish
        self._patience = patience or Patience()
        self._ready: list[_Ready] = []
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Judgements not stored yet."""
        return len(self._ready)

    def send(self, judged: Judged, promise: Later, *, fast: Judged) -> None:
        """Returns at once. `fast` is what the fast reader said, which may be `judged` itself."""
        self._ready.append(_Ready(judged, fast, promise))
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Sends until `stop` is set, and then what is left; what the broker does not take then is handed back."""
        attempt = 0
        while not stop.is_set():
            await rest(None, stop, self._news)
            if await self._send():
                attempt = 0
                continue
            await rest(self._patience.pause(attempt), stop)
            attempt += 1
        while self._ready:
            if not await self._send():
                self._give_back()

    async def _send(self) -> bool:
        """False when the broker did not take all."""
        self._news.clear()
        while self._ready:
            # Some are settled; and nobody waits any more for what the consumer gave up, which comes again.
            self._ready = [ready for ready in self._ready if not ready.promise.done()]
            part = self._ready[:AT_ONCE]
            if not part:
                break
            try:
                await self._send_part(part)
            except Unavailable as error:
                log.info("held comments wait", size=len(self._ready), error=error.detail)
                self._news.set()
                return False
        return True

    async def _send_part(self, part: Sequence[_Ready]) -> None:
        """Settles each of them; raises Unavailable, and then those that are not settled are still to be sent."""
        try:
            await self._store([ready.judged for ready in part])
        except Unavailable:
            raise
        except Exception as error:
            log.error("held comments not sent together", size=len(part), exc_info=error)
            for ready in part:
                _settle(ready.promise, await self._send_alone(ready))
        else:
            for ready in part:
                _settle(ready.promise)

    async def _send_alone(self, ready: _Ready) -> Exception | None:
        """Sends it as it can be sent; why it cannot be. Raises Unavailable."""
        failure: Exception | None = None
        for judged in ready.ways():
            try:
                await self._store([judged])
            except Unavailable:
                raise
            except Exception as error:
                log.error("held comment not sent", reader=judged.reader, exc_info=error)
                failure = error
            else:
                return None
        return failure

    async def _store(self, part: Sequence[Judged]) -> None:
        await self._publish([judged.outgoing() for judged in part])
        for judged in part:
            metrics.TAGGED.labels(tag=judged.judgement.tag).inc()

    def _give_back(self) -> None:
        given, self._ready = self._ready, []
        for ready in given:
            _settle(ready.promise, Transient("the broker did not take it"))


def _settle(promise: Later, error: Exception | None = None) -> None:
    if promise.done():
        return
    if error is None:
        promise.set_result(None)
    else:
        promise.set_exception(error)
