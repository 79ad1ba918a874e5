"""Judgements that were held, sent on one after the other as the broker takes them, and their promises kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.classifier.judged import Judged
from shared.bus import Later, Outgoing, Patience, Published
from shared.errors import Transient, Unavailable
from shared.obs import metrics

AT_ONCE = 100
"""Sent together: what came while the last ones were being stored."""

Publish = Callable[[Sequence[Outgoing]], Awaitable[list[Published]]]

log = structlog.get_logger(__name__)


class Sending:
    """Keeps a promise once its judgement is durably stored; while the broker is away it waits, for whoever asked to
    hold a comment waits for it too."""

    def __init__(self, publish: Publish, *, patience: Patience | None = None) -> None:
        self._publish = publish
        self._patience = patience or Patience()
        self._ready: list[tuple[Judged, Later]] = []
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Judgements not stored yet."""
        return len(self._ready)

    def send(self, judged: Judged, promise: Later) -> None:
        """Returns at once."""
        self._ready.append((judged, promise))
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Sends until `stop` is set, and then what is left; what the broker does not take then is handed back."""
        stopping = asyncio.create_task(stop.wait())
        attempt = 0
        while not stop.is_set():
            news = asyncio.create_task(self._news.wait())
            await asyncio.wait({stopping, news}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if await self._send():
                attempt = 0
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(stopping), self._patience.pause(attempt))
            attempt += 1
        while self._ready:
            if not await self._send():
                self._give_back()

    async def _send(self) -> bool:
        """False when the broker did not take all."""
        self._news.clear()
        while self._ready:
            # Nobody waits any more for what the consumer gave up: it comes again.
            self._ready = [(judged, promise) for judged, promise in self._ready if not promise.done()]
            part = self._ready[:AT_ONCE]
            if not part:
                break
            try:
                await self._publish([judged.outgoing() for judged, _ in part])
            except Unavailable as error:
                log.info("held comments wait", size=len(self._ready), error=error.detail)
                self._news.set()
                return False
            del self._ready[: len(part)]
            for judged, promise in part:
                metrics.TAGGED.labels(tag=judged.judgement.tag).inc()
                if not promise.done():
                    promise.set_result(None)
        return True

    def _give_back(self) -> None:
        given, self._ready = self._ready, []
        for _, promise in given:
            if not promise.done():
                promise.set_exception(Transient("the broker did not take it"))
